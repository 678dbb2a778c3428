/** Errors of the system in DuckDB's words: it has no codes for them. */
import { diskError } from '../files/disk-error.ts'

const DISK_ERRORS = [
  [/no space left on device/i, 'ENOSPC'],
  [/read-only file system/i, 'EROFS'],
  [/permission denied/i, 'EACCES'],
  [/input\/output error/i, 'EIO'],
  [/too many open files/i, 'EMFILE'],
] as const

/** The same error as `diskError` makes of the system's own; any other error stays as it is. */
export function toDiskError(error: unknown, path: string): unknown {
  const text = error instanceof Error && !('code' in error) ? error.message : ''
  const [, code] = DISK_ERRORS.find(([pattern]) => pattern.test(text)) ?? []
  return code === undefined ? error : diskError(Object.assign(new Error(text), { code }), path)
}
