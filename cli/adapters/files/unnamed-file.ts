/**
 * A file without a name: a process's own memory on disk. The system removes it when the process
 * ends, however it ends. Its calls are synchronous, for callers that can't wait between two rows.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Such a file, open. Errors are Node's own. */
export interface UnnamedFile {
  /** Writes all bytes from byte `position` on. */
  write(bytes: Uint8Array, position: number): void
  /** Fills `into` from byte `position` on; returns the bytes read, fewer only at the file's end. */
  read(into: Uint8Array, position: number): number
  close(): void
}

/** Opens an empty one on the disk of `directory`, which must exist. */
export function openUnnamedFile(directory: string): UnnamedFile {
  const path = join(directory, `.unnamed-${process.pid}-${randomBytes(4).toString('hex')}`)
  const file = openSync(path, 'wx+', 0o600)
  try {
    unlinkSync(path)
  } catch (error) {
    closeSync(file)
    throw error
  }
  return {
    write: (bytes, position) => {
      for (let done = 0; done < bytes.length; )
        done += writeSync(file, bytes, done, bytes.length - done, position + done)
    },
    read: (into, position) => {
      let done = 0
      for (let read = -1; read !== 0 && done < into.length; done += read)
        read = readSync(file, into, done, into.length - done, position + done)
      return done
    },
    close: () => closeSync(file),
  }
}
