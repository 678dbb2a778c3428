/**
 * Runs a Python program as a child process, line by line, and never leaves it behind: the child
 * watches its stdin, which nobody writes to, so it ends with this process even after SIGKILL.
 */
import { spawn } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { createInterface } from 'node:readline'

/** What to run. */
export interface PythonRun {
  /** Path of the interpreter. */
  readonly python: string
  /** The module, as after `python -m`, or the path of a script that ends in `.py`. */
  readonly module: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly onLine?: (line: string) => void
  /** How long it may take to end after SIGINT, before SIGKILL; 5 s by default, 0: no SIGINT. */
  readonly graceMs?: number
  readonly signal?: AbortSignal | undefined
  /** Runs with low priority. */
  readonly isBackground?: boolean | undefined
}

/** How it ended. */
export interface PythonExit {
  /** null: killed by a signal. */
  readonly code: number | null
  /** The end of stderr. */
  readonly stderr: string
}

const STDERR_CHARS = 16_000

const WATCHED_SCRIPT = `
import os, runpy, sys, threading
def watch():
    try:
        while os.read(0, 4096): pass
    finally:
        os._exit(130)
threading.Thread(target=watch, daemon=True).start()
name = sys.argv.pop(1)
if name.endswith('.py'): runpy.run_path(name, run_name='__main__')
else: runpy.run_module(name, run_name='__main__', alter_sys=True)
`

/** Rejects only if the interpreter can't be started. */
export function runPython(run: PythonRun): Promise<PythonExit> {
  // Isolated (-I): PYTHONPATH and the user's packages must not override the locked ones.
  const flags = ['-I', '-u', '-W', 'ignore', '-X', 'utf8']
  const args = [...flags, '-c', WATCHED_SCRIPT, run.module, ...run.args]
  const child = spawn(run.python, args, {
    cwd: run.cwd,
    env: run.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    // Its own process group: Ctrl-C reaches the child only through us, once.
    detached: process.platform !== 'win32',
  })
  if (run.isBackground && child.pid !== undefined) lowerPriority(child.pid)
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARS)
  })
  createInterface({ input: child.stdout }).on('line', (line) => run.onLine?.(line))
  child.stdin.on('error', () => undefined) // the child ended first
  let timer: NodeJS.Timeout | undefined
  const end = () => {
    const graceMs = run.graceMs ?? 5_000
    child.kill(graceMs > 0 ? 'SIGINT' : 'SIGKILL')
    timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
  }
  run.signal?.addEventListener('abort', end, { once: true })
  if (run.signal?.aborted) end()
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(timer)
      run.signal?.removeEventListener('abort', end)
      resolve({ code, stderr })
    })
  })
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW)
  } catch {
    // It has ended already, or the system forbids it: then it runs with normal priority.
  }
}
