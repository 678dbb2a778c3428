/** Errors of the operating system and of Node. */

/** The code that such an error carries, such as ENOENT or Z_BUF_ERROR; undefined for any other. */
export function readErrno(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
