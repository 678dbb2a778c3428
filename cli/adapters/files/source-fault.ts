/** What is wrong with a file to be imported, as CCS_IMPORT_INVALID. */
import { readErrno } from '../../domain/kernel/errno.ts'
import { CcsError } from '../../domain/kernel/errors.ts'

/** The hint for a file that can't be read to its end. */
export const NOTHING_IMPORTED = 'Nothing of it was imported; get the whole file.'

/** `line` is where the fault lies in the file. */
export function invalidError(
  file: string,
  message: string,
  { line, hint, cause }: { line?: number; hint: string; cause?: unknown },
): CcsError {
  const location = line === undefined ? {} : { location: { file, line } }
  return new CcsError('CCS_IMPORT_INVALID', message, { hint, cause, ...location })
}

/** Translates an error of the operating system; returns others as they are. */
export function unreadableError(file: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || cause instanceof CcsError) return cause
  if (readErrno(cause) === undefined) return cause
  const message = `${file} can't be read: ${cause.message}.`
  return invalidError(file, message, { cause, hint: NOTHING_IMPORTED })
}
