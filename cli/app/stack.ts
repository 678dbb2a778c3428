/**
 * Composition of `ccs stack`: a project's servers live below `<project>/.ccs/stack`, one command at a time
 * works on them, and the ports they were given are remembered there.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { FileLock } from '../adapters/files/file-lock.ts'
import { systemClock } from '../adapters/process/system-clock.ts'
import {
  DEFAULT_PORTS,
  hasSamePorts,
  makePorts,
  PARTS,
  type PartName,
  PORT_COUNT,
  parsePorts,
  portsFrom,
  type StackPorts,
  stackVariables,
} from '../domain/devstack/servers.ts'
import {
  readStackStatus,
  type StackStatus,
  stackStoppedError,
  startStack,
  stopStack,
} from '../domain/devstack/stack.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import { openServers } from './servers.ts'

export interface StackPlace {
  /** Folder stack/ of this program. */
  readonly recipes: string
  /** Folder of the project. */
  readonly projectDir: string
  readonly env: NodeJS.ProcessEnv
}

export interface StackUpOptions {
  /** First of the ports to take, 0 for any free ones; the remembered ones, else the usual, when absent. */
  readonly portBase?: number | undefined
  readonly signal: AbortSignal
  readonly onNotice?: (text: string) => void
  readonly onFetch?: (what: string, done: number) => void
  readonly onReady?: (part: PartName, tookMs: number) => void
}

/** What `ccs stack up --json` prints. */
export interface StackUp extends StackStatus {
  readonly started: readonly PartName[]
  /** What can't be had on this machine; the others run without. */
  readonly missing: readonly { readonly part: PartName; readonly reason: string }[]
  /** Variables by which ccs finds the servers: in `.ccs/stack/env` while they run; the environment wins. */
  readonly settings: Readonly<Record<string, string>>
}

/** What `ccs stack down --json` prints. */
export interface StackDown {
  readonly stopped: readonly PartName[]
  /** Data and logs are gone too. */
  readonly purged: boolean
}

const ignore = () => undefined

/** `root` is this program's folder. */
export function stackPlace(root: string, projectDir: string, env: NodeJS.ProcessEnv): StackPlace {
  return { recipes: path.join(root, 'stack'), projectDir, env }
}

export function stackDir(projectDir: string): string {
  return path.join(projectDir, '.ccs/stack')
}

/** Repeating it changes nothing: what runs is left alone, what has ended is started with its data. */
export async function stackUp(
  place: StackPlace,
  parts: readonly PartName[],
  options: StackUpOptions,
): Promise<StackUp> {
  const { signal, onNotice = ignore, onFetch = ignore, onReady } = options
  const lock = await takeStackLock(place, 'ccs stack up', { signal, onNotice })
  try {
    const dir = stackDir(place.projectDir)
    const before = await rememberedPorts(dir)
    const ports = await choosePorts(place, before, options.portBase)
    const servers = await openServers({ ...place, dir, ports, onNotice, onFetch })
    await rememberPorts(dir, ports)
    const { started, unavailable } = await startStack(parts, servers, {
      clock: systemClock(),
      signal,
      ...(onReady ? { onReady } : {}),
    }).catch(async (error: unknown) => {
      // Nothing came of it: the next call begins as this one did.
      if (!PARTS.some((part) => servers.isAlive(part))) await rememberPorts(dir, before)
      throw error
    })
    const status = await readStackStatus(servers)
    const running = PARTS.filter((part) => servers.isAlive(part))
    const settings = stackVariables(ports, { dir: path.resolve(dir), parts: running })
    await writeSettings(dir, settings)
    return {
      ...status,
      started,
      missing: [...unavailable].map(([part, reason]) => ({ part, reason })),
      settings,
    }
  } finally {
    await lock.release()
  }
}

export async function stackDown(
  place: StackPlace,
  parts: readonly PartName[],
  options: {
    readonly isPurge: boolean
    readonly signal: AbortSignal
    readonly onNotice?: (text: string) => void
  },
): Promise<StackDown> {
  const { isPurge, signal, onNotice = ignore } = options
  const lock = await takeStackLock(place, 'ccs stack down', { signal, onNotice })
  try {
    const dir = stackDir(place.projectDir)
    const servers = await serversOf(place)
    const stopped = await stopStack(parts, servers)
    if (!PARTS.some((part) => servers.isAlive(part))) await writeSettings(dir, undefined)
    if (isPurge) {
      const { rm } = await import('node:fs/promises')
      const all = parts.length === PARTS.length
      const names = all ? [''] : parts.flatMap((part) => [part, `${part}.log`, `${part}.log.1`])
      for (const name of names) await rm(path.join(dir, name), { recursive: true, force: true })
    }
    return { stopped, purged: isPurge }
  } finally {
    await lock.release()
  }
}

/** The settings of the stack that runs, for project.ts; undefined: none runs. */
async function writeSettings(
  dir: string,
  settings: Readonly<Record<string, string>> | undefined,
): Promise<void> {
  const { rename, rm, writeFile } = await import('node:fs/promises')
  const file = path.join(dir, 'env')
  if (!settings) return rm(file, { force: true })
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
  await writeFile(`${file}.new`, lines.join(''))
  await rename(`${file}.new`, file)
}

/** Asks each server; changes nothing. */
export async function stackState(place: StackPlace): Promise<StackStatus> {
  return readStackStatus(await serversOf(place))
}

async function serversOf(place: StackPlace) {
  const dir = stackDir(place.projectDir)
  const ports = (await rememberedPorts(dir)) ?? DEFAULT_PORTS
  return openServers({ ...place, dir, ports, onNotice: ignore, onFetch: ignore })
}

async function takeStackLock(
  { projectDir }: StackPlace,
  owner: string,
  { signal, onNotice }: Pick<StackUpOptions, 'signal'> & { onNotice: (text: string) => void },
): Promise<FileLock> {
  const [{ waitForLock }, { diskFiles }] = await Promise.all([
    import('../adapters/files/file-lock.ts'),
    import('../adapters/files/files.ts'),
  ])
  const files = diskFiles()
  const dir = path.dirname(stackDir(projectDir))
  await files.mkdir(dir)
  return waitForLock(files, { dir, name: 'stack-lock' }, owner, {
    onTry: () => {
      if (signal.aborted) throw stackStoppedError()
    },
    onWait: (holder) =>
      onNotice(`${holder.owner} (pid ${holder.pid}) works on these servers; waiting for it.`),
  })
}

const PORTS_FILE = 'ports.json'

async function rememberedPorts(dir: string): Promise<StackPorts | undefined> {
  const file = path.join(dir, PORTS_FILE)
  if (!existsSync(file)) return undefined
  const { readFile } = await import('node:fs/promises')
  return parsePorts(await readFile(file, 'utf8'))
}

async function rememberPorts(dir: string, ports: StackPorts | undefined): Promise<void> {
  const { diskFiles, writeFileAtomic } = await import('../adapters/files/files.ts')
  const files = diskFiles()
  const file = path.join(dir, PORTS_FILE)
  if (!ports) return files.remove(file)
  await files.mkdir(dir)
  await writeFileAtomic(files, file, Buffer.from(`${JSON.stringify(ports)}\n`))
}

/** While something runs the ports stay: the others have to find it. */
async function choosePorts(
  place: StackPlace,
  remembered: StackPorts | undefined,
  base: number | undefined,
): Promise<StackPorts> {
  const now = remembered ?? DEFAULT_PORTS
  if (base === undefined) return now
  const servers = await serversOf(place)
  const running = PARTS.filter((part) => servers.isAlive(part))
  if (running.length > 0) {
    if (base === 0 || hasSamePorts(portsFrom(base), now)) return now
    throw new CcsError('CCS_USAGE_INVALID', `${running.join(', ')} already runs on other ports.`, {
      exit: EXIT.usage,
      hint: 'End it first: ccs stack down',
    })
  }
  if (base > 0) return portsFrom(base)
  const { findFreePorts } = await import('../adapters/process/free-ports.ts')
  return makePorts(await findFreePorts(PORT_COUNT))
}

/** Lines that a server said. */
export interface PartLog {
  readonly part: PartName
  readonly lines: readonly string[]
}

const FOLLOW_MS = 300

/** The last `lines` of each log that there is, then, when following, what comes until `stop`. */
export async function* stackLogs(
  place: StackPlace,
  parts: readonly PartName[],
  options: { readonly lines: number; readonly isFollowing: boolean; readonly stop: AbortSignal },
): AsyncGenerator<PartLog> {
  const { readLastLines, readNextLines } = await import('../adapters/process/log-tail.ts')
  const servers = await serversOf(place)
  const clock = systemClock()
  const ends = new Map<PartName, number>()
  for (const part of parts) {
    const { lines, end } = await readLastLines(servers.logFile(part), options.lines)
    ends.set(part, end)
    yield { part, lines }
  }
  while (options.isFollowing && !options.stop.aborted) {
    for (const part of parts) {
      const { lines, end } = await readNextLines(servers.logFile(part), ends.get(part) ?? 0)
      ends.set(part, end)
      if (lines.length > 0) yield { part, lines }
    }
    await clock.sleep(FOLLOW_MS, options.stop)
  }
}
