/** Errors of the operating system on files, as those of ccs. */
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { readErrno } from '../../domain/kernel/errno.ts'
import { CcsError } from '../../domain/kernel/errors.ts'

/** Whether the disk has bytes left but no room for another file. */
function hasNoInodes(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { files, ffree, bavail } = statfsSync(at)
      return files > 0 && ffree === 0 && bavail > 0
    } catch {
      if (at === dirname(at)) return false
    }
  }
}

/** Translates errors of the operating system; the only place that does. */
export function diskError(error: unknown, path: string): unknown {
  const is = (code: string) => readErrno(error) === code
  if (is('ENOSPC') || is('EDQUOT')) {
    const isOfFiles = hasNoInodes(path)
    const what = isOfFiles ? 'The disk is full of files (no inodes left)' : 'The disk is full'
    const how = isOfFiles ? 'Remove files (df -i counts them)' : 'Free some space'
    return new CcsError('CCS_DISK_FULL', `${what}: ${path} can't be written.`, {
      hint: `${how}; everything acknowledged is safe, and ccs resumes by itself.`,
      cause: error,
    })
  }
  if (is('EACCES') || is('EROFS') || is('EPERM')) {
    const isReadOnly = is('EROFS')
    const message = isReadOnly
      ? `The disk is read-only: ${path} can't be written.`
      : `No permission to use ${path}.`
    return new CcsError('CCS_DISK_DENIED', message, {
      hint: 'Give this user access to it, or choose another data directory with --data.',
      cause: error,
    })
  }
  return error
}
