/** Composition of `ccs stack`: the folder of a project's servers, and Kafka's sign of readiness. */
import type { StackPlace } from '../adapters/process/stack-home.ts'
import type {
  PartLog,
  readStackLogs,
  StackDown,
  StackUp,
  StackUpOptions,
} from '../domain/devstack/run-stack.ts'
import type { PartName } from '../domain/devstack/servers.ts'
import type { StackStatus } from '../domain/devstack/stack.ts'

type UpChoice = Pick<StackUpOptions, 'portBase' | 'signal' | 'onReady'> &
  Partial<Pick<StackUpOptions, 'onNotice' | 'onFetch'>>

type DownChoice = Pick<UpChoice, 'signal' | 'onNotice'> & { readonly isPurge: boolean }

/** `root` is this program's folder. */
export function stackPlace(root: string, projectDir: string, env: NodeJS.ProcessEnv): StackPlace {
  return { recipes: `${root}/stack`, projectDir, env }
}

/** Starts what does not run yet. */
export async function stackUp(
  place: StackPlace,
  parts: readonly PartName[],
  options: UpChoice,
): Promise<StackUp> {
  const { home, stack, clock } = await openStack(place)
  return stack.bringUpStack(home, clock, parts, { ...SILENT, ...options })
}

/** Stops what runs. */
export async function stackDown(
  place: StackPlace,
  parts: readonly PartName[],
  options: DownChoice,
): Promise<StackDown> {
  const { home, stack } = await openStack(place)
  return stack.takeDownStack(home, parts, { ...SILENT, ...options })
}

/** Asks each server; changes nothing. */
export async function stackState(place: StackPlace): Promise<StackStatus> {
  const { home, stack } = await openStack(place)
  return stack.readStack(home)
}

/** The last lines of each log, then what comes. */
export async function* stackLogs(
  place: StackPlace,
  parts: readonly PartName[],
  options: Parameters<typeof readStackLogs>[3],
): AsyncGenerator<PartLog> {
  const { home, stack, clock } = await openStack(place)
  yield* stack.readStackLogs(home, clock, parts, options)
}

const SILENT = { onNotice: () => {}, onFetch: () => {} }

async function openStack(place: StackPlace) {
  const [run, { openStackHome }, { systemClock }, { isBrokerReady }] = await Promise.all([
    import('../domain/devstack/run-stack.ts'),
    import('../adapters/process/stack-home.ts'),
    import('../adapters/process/system-clock.ts'),
    import('../adapters/kafka/ready.ts'),
  ])
  const { bringUpStack, takeDownStack, readStack, readStackLogs } = run
  const stack = { bringUpStack, takeDownStack, readStack, readStackLogs }
  return { stack, home: openStackHome(place, isBrokerReady), clock: systemClock() }
}
