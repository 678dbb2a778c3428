/**
 * Runs the built command line as a user does, in a process of its own.
 */
import { spawn } from 'node:child_process'
import path from 'node:path'

export const ROOT = path.resolve(import.meta.dirname, '../..')

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Ended with SIGKILL after this; 60 s when absent. */
  readonly timeoutMs?: number
}

export function runCcs(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { CCS_DATA_DIR, CCS_PROJECT_DIR, FORCE_COLOR, NODE_V8_COVERAGE, ...env } = process.env
  const child = spawn(process.execPath, [path.join(ROOT, 'bin/run.js'), ...args], {
    cwd: options.cwd ?? ROOT,
    // `ccs up` builds no marts by itself unless a test is about that.
    env: { CCS_DBT: 'false', ...env, ...options.env },
    timeout: options.timeoutMs ?? 60_000,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
