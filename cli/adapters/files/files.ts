/**
 * The file system as ccs's durable parts (log, lake, checkpoint, manifest) use it: a small port,
 * so that tests can replace the disk by one that crashes, tears writes and fills up. Nothing is
 * durable before it is synced: a file's bytes by `datasync` or `sync`, its name by `fsyncDir`.
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { readErrno } from '../../domain/kernel/errno.ts'
import { diskError } from './disk-error.ts'
import { createLockProbe, type KernelLockAttempt, lockFile } from './kernel-lock.ts'

/** An open file. */
export interface OpenFile {
  /** Fills `into` from byte `position` on; returns the bytes read, fewer only at the file's end. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Writes all parts in order from byte `position` on; on an error some may be written. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>
  truncate(bytes: number): Promise<void>
  /** Makes bytes and length durable. */
  datasync(): Promise<void>
  /** Makes bytes, length and times durable. */
  sync(): Promise<void>
  /** Current length in bytes. */
  size(): Promise<number>
  close(): Promise<void>
}

/** r: read · r+: read and write an existing file · w+: create or empty · wx+: create a new file. */
export type OpenMode = 'r' | 'r+' | 'w+' | 'wx+'

/** Metadata of a file or directory. */
export interface FileStat {
  readonly isDirectory: boolean
  readonly bytes: number
  readonly modifiedMs: number
  /** When its bytes, its names or its mode were last changed, ms. */
  readonly changedMs: number
  readonly inode: number
}

/**
 * Throws CCS_DISK_FULL and CCS_DISK_DENIED with the path; other errors are Node's own (check them
 * with `isErrno`).
 */
export interface Files {
  open(path: string, mode: OpenMode): Promise<OpenFile>
  readFile(path: string): Promise<Buffer>
  /** Creates or overwrites: neither atomic nor durable (for that: `writeFileAtomic`). */
  writeFile(path: string, bytes: Uint8Array): Promise<void>
  /** Replaces `to` if it exists. */
  rename(from: string, to: string): Promise<void>
  /** Adds a second name. EEXIST if the name is taken: so a finished file can be claimed once. */
  link(existing: string, path: string): Promise<void>
  symlink(target: string, path: string): Promise<void>
  unlink(path: string): Promise<void>
  /** Creates a directory and its parents, if missing. */
  mkdir(path: string): Promise<void>
  /** Removes a file or a whole directory, if it exists. */
  remove(path: string): Promise<void>
  /** Names in a directory, sorted. */
  readdir(path: string): Promise<readonly string[]>
  stat(path: string): Promise<FileStat>
  /** Makes the names in a directory durable: created, renamed and removed ones. */
  fsyncDir(path: string): Promise<void>
  /** Takes the kernel's lock on a file, which is created if missing; does not wait. */
  lock(path: string): Promise<KernelLockAttempt>
  /** Whether a file is locked; undefined where the kernel keeps no locks. */
  isLocked(path: string): Promise<boolean | undefined>
}

/** Whether it is an error of the operating system with this code, such as ENOENT. */
export function isErrno(error: unknown, code: string): boolean {
  return readErrno(error) === code
}

/** Names in a directory, sorted; [] if there is none. */
export async function listNames(files: Files, dir: string): Promise<readonly string[]> {
  try {
    return await files.readdir(dir)
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return []
    throw error
  }
}

async function translateErrors<T>(path: string, run: () => Promise<T>): Promise<T> {
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
    return translateErrors(this.#path, async () => {
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
    return translateErrors(this.#path, async () => {
      let left = parts.filter((part) => part.length > 0)
      let at = position
      while (left.length > 0) {
        const { bytesWritten } = await this.#handle.writev(left, at)
        at += bytesWritten
        left = dropBytes(left, bytesWritten)
      }
    })
  }

  truncate(bytes: number): Promise<void> {
    return translateErrors(this.#path, () => this.#handle.truncate(bytes))
  }

  datasync(): Promise<void> {
    return translateErrors(this.#path, () => this.#handle.datasync())
  }

  sync(): Promise<void> {
    return translateErrors(this.#path, () => this.#handle.sync())
  }

  size(): Promise<number> {
    return translateErrors(this.#path, async () => (await this.#handle.stat()).size)
  }

  close(): Promise<void> {
    return translateErrors(this.#path, () => this.#handle.close())
  }
}

/** The parts that remain after `bytes`: the system may write fewer than asked. */
function dropBytes(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
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

/** Node says ENOENT if a parent can't be created, whatever the reason: finds that reason. */
async function findMkdirError(path: string, error: unknown): Promise<unknown> {
  const parent = dirname(path)
  if (parent === path) return error
  if ((await fs.stat(parent).catch(() => undefined)) === undefined)
    return findMkdirError(parent, error)
  return fs.mkdir(path).then(
    () => error,
    (reason: unknown) => reason,
  )
}

/** This machine's disk. */
export function diskFiles(): Files {
  const isLocked = createLockProbe()
  return {
    open: (path, mode) =>
      translateErrors(path, async () => new DiskFile(path, await fs.open(path, mode))),
    readFile: (path) => translateErrors(path, () => fs.readFile(path)),
    writeFile: (path, bytes) => translateErrors(path, () => fs.writeFile(path, bytes)),
    rename: (from, to) => translateErrors(to, () => fs.rename(from, to)),
    link: (existing, path) => translateErrors(path, () => fs.link(existing, path)),
    symlink: (target, path) => translateErrors(path, () => fs.symlink(target, path)),
    unlink: (path) => translateErrors(path, () => fs.unlink(path)),
    mkdir: (path) =>
      translateErrors(path, async () => {
        await fs.mkdir(path, { recursive: true }).catch(async (error: unknown) => {
          throw isErrno(error, 'ENOENT') ? await findMkdirError(path, error) : error
        })
      }),
    remove: (path) => translateErrors(path, () => fs.rm(path, { recursive: true, force: true })),
    readdir: (path) => translateErrors(path, async () => (await fs.readdir(path)).sort()),
    stat: (path) =>
      translateErrors(path, async () => {
        const stat = await fs.stat(path)
        return {
          isDirectory: stat.isDirectory(),
          bytes: stat.size,
          modifiedMs: stat.mtimeMs,
          changedMs: stat.ctimeMs,
          inode: stat.ino,
        }
      }),
    fsyncDir: (path) => translateErrors(path, () => fsyncDir(path)),
    lock: (path) => translateErrors(path, () => lockFile(path)),
    isLocked: (path) => translateErrors(path, () => isLocked(path)),
  }
}

/** Where writeFileAtomic writes a file's new bytes; a file that is there keeps its mode. */
export function temporaryPath(path: string): string {
  return `${path}.tmp`
}

/** Replaces a file so that it always has its old or its new bytes, even after a power loss. */
export async function writeFileAtomic(files: Files, path: string, bytes: Uint8Array) {
  const temporary = temporaryPath(path)
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

/**
 * Replaces a file of which nothing is lost if that fails, as on a read-only disk; not durable.
 * Returns whether it was replaced. Several processes may do so at once.
 */
export async function replaceIfPossible(files: Files, path: string, bytes: Uint8Array) {
  const temporary = `${path}.${randomBytes(4).toString('hex')}`
  try {
    await files.writeFile(temporary, bytes)
    await files.rename(temporary, path)
    return true
  } catch {
    await files.remove(temporary).catch(() => undefined)
    return false
  }
}

/** Whether two paths are one directory, by whatever links and mounts. */
export async function isSameDirectory(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((path) => fs.stat(path).catch(() => undefined)))
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev
}

/** The texts of those files that can be read, by their paths as given, which are below `dir`. */
export async function readReadableTexts(
  dir: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>()
  for (const path of paths) {
    const text = await fs.readFile(resolve(dir, path), 'utf8').catch(() => undefined)
    if (text !== undefined) texts.set(path, text)
  }
  return texts
}

/** Writes a text unless the file has it already; returns whether it was written. */
export async function writeIfChanged(path: string, text: string): Promise<boolean> {
  const before = await fs.readFile(path, 'utf8').catch(() => undefined)
  if (before !== text) await fs.writeFile(path, text)
  return before !== text
}

/** The same files without waiting for the disk: for data that need not survive the machine. */
export function withoutSync(files: Files): Files {
  const nothing = async () => {}
  return {
    ...files,
    open: async (path, mode) =>
      Object.assign(await files.open(path, mode), { sync: nothing, datasync: nothing }),
    fsyncDir: nothing,
  }
}
