/** Errors of the operating system and of Node. */
import { CcsError } from './errors.ts'

/** The code that such an error carries, such as ENOENT or Z_BUF_ERROR; undefined for any other. */
export function readErrno(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

/** A broken disk, a mount that is gone, too many open files. */
const FAILURES = new Set(['EIO', 'EMFILE', 'ENFILE', 'ENXIO', 'ENODEV', 'ESTALE'])

/** CCS_DISK_FAILED for an error of the system that nobody can wait out; else undefined. */
export function toSystemFailure(error: unknown): CcsError | undefined {
  const code = readErrno(error)
  if (code === undefined || !FAILURES.has(code) || !(error instanceof Error)) return undefined
  const hint =
    code === 'EMFILE' || code === 'ENFILE'
      ? 'Allow more open files (ulimit -n), then run it again: committed data is safe.'
      : 'Look at the disk and the system (dmesg, ulimit -n): committed data is safe.'
  return new CcsError('CCS_DISK_FAILED', `The system can't do what ccs needs: ${error.message}.`, {
    hint,
    cause: error,
  })
}
