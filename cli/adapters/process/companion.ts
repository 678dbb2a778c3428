/**
 * Another ccs that works beside this one and never outlives it: it watches its stdin, which nobody
 * writes to, so that it also ends after a SIGKILL of this process. If it ends by itself, it is
 * started again.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { endFirstWithoutMemory, lowerPriority } from './priority.ts'
import { sleep } from './system-clock.ts'

/** What it runs. */
export interface CompanionStart {
  /** Of ccs. */
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** It computes only when others leave time, and is ended first when memory is short. */
  readonly isBackground: boolean
  /** Gets each line of its stderr. */
  readonly onLine: (line: string) => void
}

/** A running companion. */
export interface Companion {
  /** Lets it finish; kills it after `graceMs`. Whether it ended by itself. */
  end(graceMs: number): Promise<boolean>
}

const CCS = path.resolve(import.meta.dirname, '../../..', 'bin/run.js')

const NICE = 10
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000

/** Starts it, and again whenever it ends. */
export function startCompanion({
  args,
  cwd,
  env,
  isBackground,
  onLine,
}: CompanionStart): Companion {
  const ended = new AbortController()
  let child: ChildProcess | undefined
  const runOnce = () =>
    new Promise<void>((resolve) => {
      child = spawn(process.execPath, [CCS, ...args], {
        ...{ cwd, env: { ...env, NO_COLOR: '1' } },
        stdio: ['pipe', 'ignore', 'pipe'],
        // Its own process group: Ctrl-C reaches it only through us, when all is committed.
        detached: process.platform !== 'win32',
      })
      if (isBackground && child.pid !== undefined) {
        lowerPriority(child.pid, NICE)
        endFirstWithoutMemory(child.pid)
      }
      child.stdin?.on('error', () => undefined) // it ended first
      if (child.stderr) createInterface({ input: child.stderr }).on('line', onLine)
      child.once('error', () => resolve()).once('close', () => resolve())
      if (ended.signal.aborted) child.stdin?.end()
    })
  const run = async () => {
    let waitMs = FIRST_WAIT_MS
    do {
      await runOnce()
      await sleep(ended.signal.aborted ? 0 : waitMs, ended.signal)
      waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2)
    } while (!ended.signal.aborted)
  }
  const running = run()
  return {
    end: async (graceMs) => {
      ended.abort()
      child?.stdin?.end()
      // Its timer would keep this process alive.
      const done = new AbortController()
      const late = sleep(graceMs, done.signal).then(() => 'late' as const)
      const first = await Promise.race([running, late]).finally(() => done.abort())
      if (first !== 'late') return true
      child?.kill('SIGKILL')
      await running
      return false
    },
  }
}

/**
 * Aborts when whoever started this process is gone, or wants it to finish; and with `stop`. Node 20
 * may collect a signal that only AbortSignal.any knows, so there is one controller for both.
 */
export function watchParent(stop?: AbortSignal): AbortSignal {
  const gone = new AbortController()
  const end = () => gone.abort()
  if (stop?.aborted) end()
  stop?.addEventListener('abort', end, { once: true })
  process.stdin.once('end', end).once('close', end).once('error', end).resume()
  return gone.signal
}
