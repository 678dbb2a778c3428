/**
 * The use cases of `ccs stack` around its servers: one command at a time works on them, and the
 * ports they were given are remembered.
 */
import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import {
  DEFAULT_PORTS,
  hasSamePorts,
  makePorts,
  PARTS,
  type PartName,
  PORT_COUNT,
  portsFrom,
  type StackPorts,
  stackVariables,
} from './servers.ts'
import {
  readStackStatus,
  type StackPort,
  type StackStatus,
  type StatusPort,
  startStack,
  stopStack,
} from './stack.ts'

/** What `ccs stack up --json` prints. */
export interface StackUp extends StackStatus {
  readonly started: readonly PartName[]
  /** Servers that can't run on this machine; the others run without them. */
  readonly missing: readonly { readonly part: PartName; readonly reason: string }[]
  /**
   * Variables by which ccs finds the servers: in `.ccs/stack/env` while they run; those of the
   * environment win.
   */
  readonly settings: Readonly<Record<string, string>>
}

/** What `ccs stack down --json` prints. */
export interface StackDown {
  readonly stopped: readonly PartName[]
  /** Whether data and logs were removed too. */
  readonly purged: boolean
}

/** Who is told what a command does, and how it is stopped. */
export interface StackReport {
  readonly signal: AbortSignal
  readonly onNotice: (text: string) => void
  /** `done` archives of `what` have been downloaded. */
  readonly onFetch: (what: string, done: number) => void
}

/** Lines of a log, and the byte offset after them. */
export interface LogLines {
  readonly lines: readonly string[]
  readonly end: number
}

/** The folder of a project's stack, and its servers. */
export interface StackHome {
  /** Absolute path of `.ccs/stack`. */
  readonly dir: string
  /** The remembered ports; undefined: none. */
  readPorts(): Promise<StackPorts | undefined>
  /** Durable when it resolves; undefined: none are remembered from now on. */
  savePorts(ports: StackPorts | undefined): Promise<void>
  /** The settings of the running servers, for project.ts; undefined: none runs. */
  writeSettings(settings: Readonly<Record<string, string>> | undefined): Promise<void>
  /** Removes files and folders below `dir`; '' is all of it. */
  remove(names: readonly string[]): Promise<void>
  /** Waits until no other command works on the servers. */
  takeLock(
    owner: string,
    report: Pick<StackReport, 'signal' | 'onNotice'>,
  ): Promise<{ release(): Promise<void> }>
  findFreePorts(count: number): Promise<readonly number[]>
  openServers(ports: StackPorts, report?: StackReport): Promise<StackPort & StatusPort>
  readLastLines(file: string, lines: number): Promise<LogLines>
  readNextLines(file: string, from: number): Promise<LogLines>
}

/** How to start servers. */
export interface StackUpOptions extends StackReport {
  /** First of the ports to take; 0: any free ones; absent: the remembered ones, else the usual. */
  readonly portBase?: number | undefined
  readonly onReady?: (part: PartName, tookMs: number) => void
}

/** Repeating it changes nothing: what runs is left alone, what has ended is started again. */
export async function bringUpStack(
  home: StackHome,
  clock: Clock,
  parts: readonly PartName[],
  options: StackUpOptions,
): Promise<StackUp> {
  const { signal, onReady } = options
  const lock = await home.takeLock('ccs stack up', options)
  try {
    const before = await home.readPorts()
    const ports = await choosePorts(home, before, options.portBase)
    const servers = await home.openServers(ports, options)
    await home.savePorts(ports)
    const how = { clock, signal, ...(onReady ? { onReady } : {}) }
    const { started, unavailable } = await startStack(parts, servers, how).catch(
      async (error: unknown) => {
        // Nothing was started: the next call begins as this one did.
        if (listRunning(servers).length === 0) await home.savePorts(before)
        throw error
      },
    )
    const status = await readStackStatus(servers)
    const settings = stackVariables(ports, { dir: home.dir, parts: listRunning(servers) })
    await home.writeSettings(settings)
    const missing = [...unavailable].map(([part, reason]) => ({ part, reason }))
    return { ...status, started, missing, settings }
  } finally {
    await lock.release()
  }
}

/** Stops servers; with `isPurge` their data and logs are removed too. */
export async function takeDownStack(
  home: StackHome,
  parts: readonly PartName[],
  options: Pick<StackReport, 'signal' | 'onNotice'> & { readonly isPurge: boolean },
): Promise<StackDown> {
  const { isPurge } = options
  const lock = await home.takeLock('ccs stack down', options)
  try {
    const servers = await openRemembered(home)
    const stopped = await stopStack(parts, servers)
    if (listRunning(servers).length === 0) await home.writeSettings(undefined)
    if (isPurge) {
      const files = parts.flatMap((part) => [part, `${part}.log`, `${part}.log.1`])
      await home.remove(parts.length === PARTS.length ? [''] : files)
    }
    return { stopped, purged: isPurge }
  } finally {
    await lock.release()
  }
}

/** Asks each server; changes nothing. */
export async function readStack(home: StackHome): Promise<StackStatus> {
  return readStackStatus(await openRemembered(home))
}

/** Lines of one server's log. */
export interface PartLog {
  readonly part: PartName
  readonly lines: readonly string[]
}

const FOLLOW_MS = 300

/** The last `lines` of each log that there is, then, when following, what comes until `stop`. */
export async function* readStackLogs(
  home: StackHome,
  clock: Clock,
  parts: readonly PartName[],
  options: { readonly lines: number; readonly isFollowing: boolean; readonly stop: AbortSignal },
): AsyncGenerator<PartLog> {
  const servers = await openRemembered(home)
  const ends = new Map<PartName, number>()
  for (const part of parts) {
    const { lines, end } = await home.readLastLines(servers.logFile(part), options.lines)
    ends.set(part, end)
    yield { part, lines }
  }
  while (options.isFollowing && !options.stop.aborted) {
    for (const part of parts) {
      const { lines, end } = await home.readNextLines(servers.logFile(part), ends.get(part) ?? 0)
      ends.set(part, end)
      if (lines.length > 0) yield { part, lines }
    }
    await clock.sleep(FOLLOW_MS, options.stop)
  }
}

async function openRemembered(home: StackHome): Promise<StackPort & StatusPort> {
  return home.openServers((await home.readPorts()) ?? DEFAULT_PORTS)
}

function listRunning(servers: StackPort): readonly PartName[] {
  return PARTS.filter((part) => servers.isAlive(part))
}

/** While something runs the ports stay, because the others have to find it. */
async function choosePorts(
  home: StackHome,
  remembered: StackPorts | undefined,
  base: number | undefined,
): Promise<StackPorts> {
  const now = remembered ?? DEFAULT_PORTS
  if (base === undefined) return now
  const running = listRunning(await home.openServers(now))
  if (running.length > 0) {
    if (base === 0 || hasSamePorts(portsFrom(base), now)) return now
    throw new CcsError('CCS_USAGE_INVALID', `${running.join(', ')} already runs on other ports.`, {
      hint: 'End it first: ccs stack down',
    })
  }
  return base > 0 ? portsFrom(base) : makePorts(await home.findFreePorts(PORT_COUNT))
}
