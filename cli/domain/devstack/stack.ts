/**
 * `ccs stack`: starts, lists and stops the servers of a development machine. Running servers are
 * left alone; the rest is downloaded first, then started together. If one fails, everything that
 * this call started is stopped again.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import { PARTS, type PartName } from './servers.ts'

/** The servers, as the use cases below need them. */
export interface StackPort {
  /** Whether its process runs; another process with the same number doesn't count. */
  isAlive(part: PartName): boolean
  /**
   * Provides everything that a start needs: files with their checksums, free ports. Returns the
   * servers that can't run here, with the reason; the others start without them.
   */
  provide(parts: readonly PartName[], signal: AbortSignal): Promise<ReadonlyMap<PartName, string>>
  start(part: PartName, signal: AbortSignal): Promise<void>
  /** Whether it answers as its clients need. */
  isReady(part: PartName): Promise<boolean>
  /** Stops it if this stack started it; resolves when it has ended. */
  stop(part: PartName): Promise<void>
  logFile(part: PartName): string
  /** The last lines of its log. */
  readLogEnd(part: PartName, lines: number): Promise<readonly string[]>
}

/** What a start achieved: `left` are servers that can't run here, with the reason. */
export interface StackStart {
  readonly started: readonly PartName[]
  readonly unavailable: ReadonlyMap<PartName, string>
}

/** How to start servers. */
export interface UpOptions {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** How long a server may take to become ready. */
  readonly readyMs?: number
  /** Called for each started server; `tookMs` counts from the start of the first. */
  readonly onReady?: (part: PartName, tookMs: number) => void
}

/** A slow machine needs a minute for four JVMs. */
const READY_MS = 240_000
const POLL_MS = 200
const LOG_LINES = 8

/** Throws CCS_STACK_FAILED with the end of its log if a server does not become ready. */
export async function startStack(
  parts: readonly PartName[],
  port: StackPort,
  options: UpOptions,
): Promise<StackStart> {
  const down = parts.filter((part) => !port.isAlive(part))
  const left = await port.provide(down, options.signal)
  throwIfStopped(options.signal)
  const started: PartName[] = []
  const startMs = options.clock.nowMs()
  // The first failure aborts the others, even those that only wait.
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  let failure: unknown
  const bring = async (part: PartName) => {
    try {
      if (down.includes(part)) {
        started.push(part)
        await port.start(part, signal)
      }
      await waitUntilReady(part, port, { ...options, signal })
      if (down.includes(part)) options.onReady?.(part, options.clock.nowMs() - startMs)
    } catch (error) {
      failure ??= error
      failed.abort()
    }
  }
  const wanted = parts.filter((part) => !left.has(part))
  // Flink's servers give up if there is no ZooKeeper when they start.
  const first = wanted.filter((part) => part === 'zookeeper').map(bring)
  const others = wanted.filter((part) => part !== 'zookeeper')
  await Promise.all([
    ...first,
    ...others.map(async (part) => {
      if (part.startsWith('flink-')) await Promise.all(first)
      await bring(part)
    }),
  ])
  if (failure === undefined) return { started, unavailable: left }
  await stopStack(started, port)
  throw failure
}

/** Those end last at which others sign off. Returns those that were running. */
export async function stopStack(parts: readonly PartName[], port: StackPort): Promise<PartName[]> {
  const stopped = parts.filter((part) => port.isAlive(part))
  const isBase = (part: PartName) => BASE.has(part)
  await Promise.all(parts.filter((part) => !isBase(part)).map((part) => port.stop(part)))
  await Promise.all(parts.filter(isBase).map((part) => port.stop(part)))
  return stopped
}

const BASE: ReadonlySet<PartName> = new Set(['kafka', 'registry', 'zookeeper'])

async function waitUntilReady(
  part: PartName,
  port: StackPort,
  { clock, signal, readyMs = READY_MS }: UpOptions,
): Promise<void> {
  const endMs = clock.nowMs() + readyMs
  for (;;) {
    throwIfStopped(signal)
    if (!port.isAlive(part)) throw await failedError(part, port, 'ended before it was ready')
    if (await port.isReady(part)) return
    if (clock.nowMs() > endMs) throw await failedError(part, port, 'is not ready yet')
    await clock.sleep(POLL_MS, signal)
  }
}

async function failedError(part: PartName, port: StackPort, what: string): Promise<CcsError> {
  const said = await port.readLogEnd(part, 40 * LOG_LINES)
  // Without the frames of Java's stack traces: the reasons stand between them.
  const lines = said.filter((line) => !/^\s+(at |\.\.\. \d+ more)/.test(line)).slice(-LOG_LINES)
  const end =
    lines.length === 0 ? ' It has said nothing.' : ` It said last:\n  ${lines.join('\n  ')}`
  return new CcsError('CCS_STACK_FAILED', `${part} ${what}.${end}`, {
    hint: `Its whole log: ${port.logFile(part)}`,
  })
}

/** The error of an interrupted start. */
export function stackStoppedError(): CcsError {
  return new CcsError('CCS_STACK_STOPPED', 'Stopped: what this call had started is down again.', {
    hint: 'Run ccs stack up again; it resumes where it has to.',
  })
}

function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw stackStoppedError()
}

/** `died`: it was started and ended by itself; `down`: never started, or stopped. */
export type PartState = 'running' | 'not answering' | 'died' | 'down'

/** One row of `ccs stack status`. */
export interface PartStatus {
  readonly part: PartName
  readonly state: PartState
  readonly pid: number | null
  readonly address: string
  readonly version: string
  /** Resident memory; null if unknown. */
  readonly memoryBytes: number | null
  /** Start time, ISO 8601; null if it isn't running. */
  readonly since: string | null
  /** Absolute path of its log. */
  readonly log: string
}

/** What `ccs stack status --json` prints. */
export interface StackStatus {
  /** Folder of data, logs and notes; absolute. */
  readonly dir: string
  readonly parts: readonly PartStatus[]
}

/** What `stackStatus` needs to know about the servers. */
export interface StatusPort extends Pick<StackPort, 'isAlive' | 'isReady' | 'logFile'> {
  readonly dir: string
  addressFor(part: PartName): string
  readVersion(part: PartName): Promise<string>
  /** undefined: it was never started, or it was stopped. */
  readNote(part: PartName): { readonly pid: number; readonly since: string } | undefined
  memoryBytes(pid: number): number | null
}

/** All servers, running or not, in the order of PARTS. */
export async function readStackStatus(port: StatusPort): Promise<StackStatus> {
  const parts = await Promise.all(
    PARTS.map(async (part): Promise<PartStatus> => {
      const note = port.readNote(part)
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
        address: port.addressFor(part),
        version: await port.readVersion(part),
        memoryBytes: alive ? port.memoryBytes(alive.pid) : null,
        since: alive?.since ?? null,
        log: port.logFile(part),
      }
    }),
  )
  return { dir: port.dir, parts }
}
