/**
 * Programs that keep running after ccs ends. A note file says which process each is, and only that
 * process is ever stopped: a pid alone is not enough, because the system reuses it.
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
import { readProcessStart } from './process-start.ts'
import { sleep } from './system-clock.ts'

/** The files of a daemon. */
export interface DaemonPlace {
  /** Says which process runs; removed when it is stopped. */
  readonly noteFile: string
  /** Gets stdout and stderr; a large one is renamed to `<file>.1` at the next start. */
  readonly logFile: string
}

/** The content of a note. */
export interface DaemonNote {
  readonly pid: number
  readonly host: string
  readonly started: string
  /** Start time, ISO 8601. */
  readonly since: string
}

/** The program to start. */
export interface DaemonStart {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

const LOG_BYTES_MAX = 16 * 1024 * 1024
const POLL_MS = 50

/** Starts it in its own session, so that Ctrl-C and closing the terminal don't reach it. */
export async function startDaemon(place: DaemonPlace, start: DaemonStart): Promise<DaemonNote> {
  rotateLog(place.logFile)
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
      started: readProcessStart(pid)?.started ?? '',
      since: new Date().toISOString(),
    }
    // Before any await: even if we are killed now, the process can be found.
    writeFileSync(place.noteFile, `${JSON.stringify(note)}\n`)
    child.unref()
    await begun
    return note
  } finally {
    closeSync(log)
  }
}

/** How a program ended. */
export interface EndedRun {
  readonly code: number | null
  /** The end of stdout and stderr. */
  readonly output: string
}

/** Runs a program until it ends; its output is written to no file. */
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

/** What was started and not stopped; undefined if nothing. It may have ended since: `isSame`. */
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

/** Whether the process of the note still runs; another one with its pid doesn't count. */
export function isSame(note: DaemonNote): boolean {
  if (note.host !== hostname()) return false
  const now = readProcessStart(note.pid)
  return now !== undefined && !now.isZombie && now.started === note.started
}

/** SIGTERM, then SIGKILL if it has not ended after `graceMs`. Never signals another process. */
export async function stopDaemon(place: DaemonPlace, graceMs: number): Promise<void> {
  const note = readNote(place)
  if (note) {
    if (signalIfSame(note, 'SIGTERM')) await waitForEnd(note, graceMs)
    if (signalIfSame(note, 'SIGKILL')) await waitForEnd(note, graceMs)
  }
  rmSync(place.noteFile, { force: true })
}

/** false if it has ended. */
function signalIfSame(note: DaemonNote, signal: NodeJS.Signals): boolean {
  if (!isSame(note)) return false
  try {
    return process.kill(note.pid, signal)
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false
    throw error
  }
}

async function waitForEnd(note: DaemonNote, withinMs: number): Promise<void> {
  const endMs = performance.now() + withinMs
  while (isSame(note) && performance.now() < endMs) await sleep(POLL_MS)
}

function rotateLog(logFile: string): void {
  try {
    if (statSync(logFile).size > LOG_BYTES_MAX) renameSync(logFile, `${logFile}.1`)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
}
