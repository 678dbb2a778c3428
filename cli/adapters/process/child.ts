/**
 * A Python program as a child: its lines one by one, ended by its pid, and never left behind. It watches its
 * stdin, which nobody writes to, so it ends with this process even when that is killed with SIGKILL.
 */
import { spawn } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { createInterface } from 'node:readline'

export interface PythonRun {
  /** The interpreter. */
  readonly python: string
  /** As after `python -m`. */
  readonly module: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly onLine?: (line: string) => void
  /** Lets the child have its way to end on SIGINT before SIGKILL; none when 0. Default 5 s. */
  readonly graceMs?: number
  readonly signal?: AbortSignal | undefined
  /** Gives way to everything else on the machine. */
  readonly isBackground?: boolean | undefined
}

export interface PythonEnd {
  /** null: a signal ended it. */
  readonly code: number | null
  /** The last lines of stderr. */
  readonly stderr: string
}

const STDERR_CHARS = 16_000

const WATCHED = `
import os, runpy, sys, threading
def watch():
    try:
        while os.read(0, 4096): pass
    finally:
        os._exit(130)
threading.Thread(target=watch, daemon=True).start()
runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)
`

/** Rejects only when the interpreter can't be started. */
export function runPython(run: PythonRun): Promise<PythonEnd> {
  // Isolated (-I): PYTHONPATH and the user's own packages must not get between dbt and its lock file.
  const flags = ['-I', '-u', '-W', 'ignore', '-X', 'utf8']
  const args = [...flags, '-c', WATCHED, run.module, ...run.args]
  const child = spawn(run.python, args, {
    cwd: run.cwd,
    env: run.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own: Ctrl-C reaches the child through us, once.
    detached: process.platform !== 'win32',
  })
  if (run.isBackground && child.pid !== undefined) giveWay(child.pid)
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARS)
  })
  createInterface({ input: child.stdout }).on('line', (line) => run.onLine?.(line))
  child.stdin.on('error', () => undefined) // it ended before we did
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

function giveWay(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW)
  } catch {
    // It has ended already, or this system does not allow it: then it runs as any other.
  }
}
