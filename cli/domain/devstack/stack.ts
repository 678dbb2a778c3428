/**
 * `ccs stack`: servers of one machine brought up, told of, and brought down. Here is the order of it: what runs
 * is left alone, the rest is fetched first and started together; when one fails, what this call started is
 * stopped again.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { PARTS, type PartName } from './servers.ts'

/** The servers, as the flow needs them. */
export interface StackPort {
  /** Whether its process, and no other with its number, runs. */
  isAlive(part: PartName): boolean
  /**
   * Everything that has to be there before anything is started: files with their checksums, free ports. Gives
   * what can't be had here, with the reason: then the others go on without.
   */
  provide(parts: readonly PartName[], signal: AbortSignal): Promise<ReadonlyMap<PartName, string>>
  start(part: PartName, signal: AbortSignal): Promise<void>
  /** Whether it does what clients ask of it. */
  isReady(part: PartName): Promise<boolean>
  /** Only what was started here; resolves when it has ended. */
  stop(part: PartName): Promise<void>
  logFile(part: PartName): string
  /** Last lines of its log. */
  logEnd(part: PartName, lines: number): Promise<readonly string[]>
}

export interface BroughtUp {
  readonly started: readonly PartName[]
  readonly left: ReadonlyMap<PartName, string>
}

export interface UpOptions {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** How long a server may take. */
  readonly readyMs?: number
  /** Of what was started; `tookMs` counts from the start of the first. */
  readonly onReady?: (part: PartName, tookMs: number) => void
}

/** Slow machines need a minute for four JVMs. */
const READY_MS = 240_000
const POLL_MS = 200
const LOG_LINES = 8

/** Throws CCS_STACK_FAILED, with the end of its log, for a server that does not come up. */
export async function bringUp(
  parts: readonly PartName[],
  port: StackPort,
  options: UpOptions,
): Promise<BroughtUp> {
  const down = parts.filter((part) => !port.isAlive(part))
  const left = await port.provide(down, options.signal)
  throwIfStopped(options.signal)
  const started: PartName[] = []
  const startMs = options.clock.nowMs()
  // The first failure ends the others, also what only waits.
  const others = new AbortController()
  const signal = AbortSignal.any([options.signal, others.signal])
  let failure: unknown
  const bring = async (part: PartName) => {
    try {
      if (down.includes(part)) {
        started.push(part)
        await port.start(part, signal)
      }
      await untilReady(part, port, { ...options, signal })
      if (down.includes(part)) options.onReady?.(part, options.clock.nowMs() - startMs)
    } catch (error) {
      failure ??= error
      others.abort()
    }
  }
  await Promise.all(parts.filter((part) => !left.has(part)).map(bring))
  if (failure === undefined) return { started, left }
  await bringDown(started, port)
  throw failure
}

/** In the order in which nothing misses what it needs: Connect says good-bye to Kafka. */
export async function bringDown(parts: readonly PartName[], port: StackPort): Promise<PartName[]> {
  const stopped = parts.filter((part) => port.isAlive(part))
  const isLater = (part: PartName) => part === 'connect'
  await Promise.all(parts.filter(isLater).map((part) => port.stop(part)))
  await Promise.all(parts.filter((part) => !isLater(part)).map((part) => port.stop(part)))
  return stopped
}

async function untilReady(
  part: PartName,
  port: StackPort,
  { clock, signal, readyMs = READY_MS }: UpOptions,
): Promise<void> {
  const endMs = clock.nowMs() + readyMs
  for (;;) {
    throwIfStopped(signal)
    if (!port.isAlive(part)) throw await failed(part, port, 'ended before it was ready')
    if (await port.isReady(part)) return
    if (clock.nowMs() > endMs) throw await failed(part, port, 'is not ready yet')
    await clock.sleep(POLL_MS, signal)
  }
}

async function failed(part: PartName, port: StackPort, what: string): Promise<CcsError> {
  const said = await port.logEnd(part, 40 * LOG_LINES)
  // Without the frames of Java's traces: what went wrong is between them.
  const lines = said.filter((line) => !/^\s+(at |\.\.\. \d+ more)/.test(line)).slice(-LOG_LINES)
  const end =
    lines.length === 0 ? ' It has said nothing.' : ` It said last:\n  ${lines.join('\n  ')}`
  return new CcsError('CCS_STACK_FAILED', `${part} ${what}.${end}`, {
    exit: EXIT.unreachable,
    hint: `All it said is in ${port.logFile(part)}.`,
  })
}

export function stackStopped(): CcsError {
  return new CcsError('CCS_STACK_STOPPED', 'Stopped: what this call had started is down again.', {
    hint: 'ccs stack up begins again where it has to.',
  })
}

function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw stackStopped()
}

export type PartState = 'running' | 'not answering' | 'died' | 'down'

/** One row of `ccs stack status`. */
export interface PartStatus {
  readonly part: PartName
  readonly state: PartState
  readonly pid: number | null
  readonly address: string
  readonly version: string
  /** Memory in use; null where it can't be known. */
  readonly memoryBytes: number | null
  /** When it was started, ISO 8601; null: it is not running. */
  readonly since: string | null
  /** Absolute path. */
  readonly log: string
}

/** What `ccs stack status --json` prints. */
export interface StackStatus {
  /** Folder of data, logs and notes; absolute. */
  readonly dir: string
  readonly parts: readonly PartStatus[]
}

export interface StatusPort extends Pick<StackPort, 'isAlive' | 'isReady' | 'logFile'> {
  readonly dir: string
  addressOf(part: PartName): string
  versionOf(part: PartName): Promise<string>
  /** undefined: it was never started, or was stopped. */
  noteOf(part: PartName): { readonly pid: number; readonly since: string } | undefined
  memoryBytes(pid: number): number | null
}

export async function stackStatus(port: StatusPort): Promise<StackStatus> {
  const parts = await Promise.all(
    PARTS.map(async (part): Promise<PartStatus> => {
      const note = port.noteOf(part)
      const isAlive = port.isAlive(part)
      const state = isAlive
        ? (await port.isReady(part))
          ? 'running'
          : 'not answering'
        : note
          ? 'died'
          : 'down'
      const alive = isAlive ? note : undefined
      return {
        part,
        state,
        pid: alive?.pid ?? null,
        address: port.addressOf(part),
        version: await port.versionOf(part),
        memoryBytes: alive ? port.memoryBytes(alive.pid) : null,
        since: alive?.since ?? null,
        log: port.logFile(part),
      }
    }),
  )
  return { dir: port.dir, parts }
}
