/**
 * Programs that go on when ccs has ended: started with a file that says who they are, found again by it, and
 * stopped only while they are still the ones that were started. A pid alone is nobody's name: the system
 * gives it to the next process.
 */
import { spawn } from 'node:child_process'
import {
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { asObject } from '../../domain/kernel/json.ts'
import { isErrno } from '../files/files.ts'
import { startedOf } from './process-mark.ts'
import { sleep } from './system-clock.ts'

export interface DaemonPlace {
  /** Says who runs; removed when it was stopped. */
  readonly noteFile: string
  /** Gets stdout and stderr; begun anew when it has grown large, the last one kept as `<file>.1`. */
  readonly logFile: string
}

export interface DaemonNote {
  readonly pid: number
  readonly host: string
  readonly started: string
  /** ISO 8601. */
  readonly since: string
}

export interface DaemonStart {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

const LOG_BYTES_MAX = 16 * 1024 * 1024
const POLL_MS = 50

/** Starts it in a session of its own, so that Ctrl-C and the end of this terminal don't reach it. */
export async function startDaemon(place: DaemonPlace, start: DaemonStart): Promise<DaemonNote> {
  turnOver(place.logFile)
  const log = openSync(place.logFile, 'a')
  try {
    const child = spawn(start.command, start.args, {
      cwd: start.cwd,
      env: start.env,
      stdio: ['ignore', log, log],
      detached: true,
    })
    const begun = new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve).once('error', reject)
    })
    const { pid } = child
    if (pid === undefined) throw await begun.catch((error: unknown) => error)
    const note = {
      pid,
      host: hostname(),
      started: startedOf(pid)?.started ?? '',
      since: new Date().toISOString(),
    }
    // Before anything is awaited: whoever ends us now finds it.
    writeFileSync(place.noteFile, `${JSON.stringify(note)}\n`)
    child.unref()
    await begun
    return note
  } finally {
    closeSync(log)
  }
}

export interface EndedRun {
  readonly code: number | null
  /** stdout and stderr, the last of it. */
  readonly output: string
}

/** Runs a program to its end; its output goes to no file. */
export function runToEnd(
  { command, args, cwd, env }: DaemonStart,
  signal: AbortSignal,
): Promise<EndedRun> {
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_CHARS)
    })
  const stop = () => child.kill('SIGKILL')
  signal.addEventListener('abort', stop, { once: true })
  return new Promise<EndedRun>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  }).finally(() => signal.removeEventListener('abort', stop))
}

const OUTPUT_CHARS = 4_000

/** What was started and not stopped; undefined when nothing was. It may have ended since: `isSame`. */
export function readNote({ noteFile }: DaemonPlace): DaemonNote | undefined {
  try {
    const { pid, host, started, since } = asObject(JSON.parse(readFileSync(noteFile, 'utf8')))
    if (!Number.isSafeInteger(pid) || typeof pid !== 'number' || pid < 1) return undefined
    if (typeof host !== 'string' || typeof started !== 'string' || typeof since !== 'string')
      return undefined
    return { pid, host, started, since }
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Whether the noted process still runs, and is no other with its number. */
export function isSame(note: DaemonNote): boolean {
  if (note.host !== hostname()) return false
  const now = startedOf(note.pid)
  return now !== undefined && !now.isZombie && now.started === note.started
}

/** SIGTERM, and SIGKILL when it has not ended after `graceMs`. Does nothing to any other process. */
export async function stopDaemon(place: DaemonPlace, graceMs: number): Promise<void> {
  const note = readNote(place)
  if (note) {
    if (signalSame(note, 'SIGTERM')) await ended(note, graceMs)
    if (signalSame(note, 'SIGKILL')) await ended(note, graceMs)
  }
  rmSync(place.noteFile, { force: true })
}

/** False when it has ended. */
function signalSame(note: DaemonNote, signal: NodeJS.Signals): boolean {
  if (!isSame(note)) return false
  try {
    return process.kill(note.pid, signal)
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false
    throw error
  }
}

async function ended(note: DaemonNote, withinMs: number): Promise<void> {
  const endMs = performance.now() + withinMs
  while (isSame(note) && performance.now() < endMs) await sleep(POLL_MS)
}

function turnOver(logFile: string): void {
  try {
    if (statSync(logFile).size > LOG_BYTES_MAX) renameSync(logFile, `${logFile}.1`)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
}
