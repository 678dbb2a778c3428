/**
 * The file system as ccs's durable parts (log, lake, checkpoint, manifest) use it: a small port, so that
 * a test can put a disk that crashes, tears and fills up in its place. Nothing here is durable before it
 * is synced: a file's bytes by `datasync` or `sync`, its name by `fsyncDir` of the directory.
 */
import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import { dirname } from 'node:path'
import { CcsError } from '../../domain/kernel/errors.ts'

export interface OpenFile {
  /** Fills `into` from byte `position` of the file on; returns the bytes read, fewer only at the end. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Writes all parts one after the other from byte `position` on, or fails (some may then be written). */
  write(parts: readonly Uint8Array[], position: number): Promise<void>
  truncate(bytes: number): Promise<void>
  /** Makes bytes and length durable. */
  datasync(): Promise<void>
  /** Makes bytes, length and times durable. */
  sync(): Promise<void>
  /** Length in bytes, now. */
  size(): Promise<number>
  close(): Promise<void>
}

/** r: read · r+: read and write, must exist · w+: create or empty · wx+: create, must not exist. */
export type OpenMode = 'r' | 'r+' | 'w+' | 'wx+'

export interface FileStat {
  readonly isDirectory: boolean
  readonly bytes: number
  readonly modifiedMs: number
}

/**
 * Errors: a full disk is CCS_DISK_FULL and a forbidden one CCS_DISK_DENIED, both naming the path; all else
 * is Node's own error (ask with `isErrno`).
 */
export interface Files {
  open(path: string, mode: OpenMode): Promise<OpenFile>
  readFile(path: string): Promise<Buffer>
  /** Creates or replaces in place: not atomic and not durable (for that: `writeFileAtomic`). */
  writeFile(path: string, bytes: Uint8Array): Promise<void>
  /** Replaces `to` if it exists. */
  rename(from: string, to: string): Promise<void>
  /** A second name for a file; EEXIST if there is one, which makes it the way to create whole files exclusively. */
  link(existing: string, path: string): Promise<void>
  symlink(target: string, path: string): Promise<void>
  unlink(path: string): Promise<void>
  /** With parents; nothing happens where it exists. */
  mkdir(path: string): Promise<void>
  /** Removes a file or a whole directory; nothing happens where it does not exist. */
  remove(path: string): Promise<void>
  /** Names in a directory, sorted. */
  readdir(path: string): Promise<readonly string[]>
  stat(path: string): Promise<FileStat>
  /** Makes the names in a directory durable: what was created, renamed and removed in it. */
  fsyncDir(path: string): Promise<void>
}

/** Whether an error is the system's own with this code, such as ENOENT. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** Errors of the system in words of ccs; the one place where they are translated. */
export function diskError(error: unknown, path: string): unknown {
  if (isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT')) {
    return new CcsError('CCS_DISK_FULL', `The disk is full: ${path} can't be written.`, {
      hint: 'Free some space; what was acknowledged is safe, and ccs goes on by itself.',
      cause: error,
    })
  }
  if (isErrno(error, 'EACCES') || isErrno(error, 'EROFS') || isErrno(error, 'EPERM')) {
    return new CcsError('CCS_DISK_DENIED', `No permission to use ${path}.`, {
      hint: 'Give this user access to it, or name another data directory with --data.',
      cause: error,
    })
  }
  return error
}

async function translated<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw diskError(error, path)
  }
}

class DiskFile implements OpenFile {
  readonly #path: string
  readonly #handle: fs.FileHandle

  constructor(path: string, handle: fs.FileHandle) {
    this.#path = path
    this.#handle = handle
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return translated(this.#path, async () => {
      let done = 0
      while (done < into.length) {
        const at = position + done
        const { bytesRead } = await this.#handle.read(into, done, into.length - done, at)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return done
    })
  }

  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return translated(this.#path, async () => {
      let left = parts.filter((part) => part.length > 0)
      let at = position
      while (left.length > 0) {
        const { bytesWritten } = await this.#handle.writev(left, at)
        at += bytesWritten
        left = after(left, bytesWritten)
      }
    })
  }

  truncate(bytes: number): Promise<void> {
    return translated(this.#path, () => this.#handle.truncate(bytes))
  }

  datasync(): Promise<void> {
    return translated(this.#path, () => this.#handle.datasync())
  }

  sync(): Promise<void> {
    return translated(this.#path, () => this.#handle.sync())
  }

  size(): Promise<number> {
    return translated(this.#path, async () => (await this.#handle.stat()).size)
  }

  close(): Promise<void> {
    return translated(this.#path, () => this.#handle.close())
  }
}

/** What is left of `parts` when the first `bytes` are done (the system may write fewer than asked). */
function after(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const left: Uint8Array[] = []
  let skip = bytes
  for (const part of parts) {
    if (skip < part.length) left.push(part.subarray(skip))
    skip = Math.max(0, skip - part.length)
  }
  return left
}

async function fsyncDir(path: string): Promise<void> {
  const handle = await fs.open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The disk of this machine. */
export function diskFiles(): Files {
  return {
    open: (path, mode) =>
      translated(path, async () => new DiskFile(path, await fs.open(path, mode))),
    readFile: (path) => translated(path, () => fs.readFile(path)),
    writeFile: (path, bytes) => translated(path, () => fs.writeFile(path, bytes)),
    rename: (from, to) => translated(to, () => fs.rename(from, to)),
    link: (existing, path) => translated(path, () => fs.link(existing, path)),
    symlink: (target, path) => translated(path, () => fs.symlink(target, path)),
    unlink: (path) => translated(path, () => fs.unlink(path)),
    mkdir: (path) =>
      translated(path, async () => {
        await fs.mkdir(path, { recursive: true })
      }),
    remove: (path) => translated(path, () => fs.rm(path, { recursive: true, force: true })),
    readdir: (path) => translated(path, async () => (await fs.readdir(path)).sort()),
    stat: (path) =>
      translated(path, async () => {
        const stat = await fs.stat(path)
        return { isDirectory: stat.isDirectory(), bytes: stat.size, modifiedMs: stat.mtimeMs }
      }),
    fsyncDir: (path) => translated(path, () => fsyncDir(path)),
  }
}

/** Replaces a file so that at any time, also after a power loss, it has its old or its new bytes, whole. */
export async function writeFileAtomic(files: Files, path: string, bytes: Uint8Array) {
  const temporary = `${path}.tmp`
  const file = await files.open(temporary, 'w+')
  try {
    await file.write([bytes], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await files.rename(temporary, path)
  await files.fsyncDir(dirname(path))
}
