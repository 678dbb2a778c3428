/**
 * A lock on a file that the kernel keeps: it is seen from every container of the machine, whatever
 * its host name and process ids, and is free when its holder is dead. Node can't call flock(2), so
 * the command `flock` does it on our own open file, which it inherits as descriptor 3. Such a lock
 * belongs to the open file: it stays when the command ends, and ends when the file is closed. Node
 * opens files so that no child process keeps them. macOS locks with open(2), without a command.
 */
import { spawn } from 'node:child_process'
import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'
import { readErrno } from '../../domain/kernel/errno.ts'

/** A file that this process has locked. */
export interface KernelLock {
  /** False once the file was removed by hand: then another process may lock a new one. */
  isInPlace(): boolean
  release(): void
}

/** Why a file could not be locked: another open file has it, or the kernel keeps no locks here. */
type NoLock = { readonly state: 'held' } | { readonly state: 'unsupported'; readonly why: string }

/** The lock, or why there is none. */
export type KernelLockAttempt = { readonly state: 'locked'; readonly lock: KernelLock } | NoLock

/** An open file that is locked, or why there is none. */
type LockedFile = { readonly state: 'locked'; readonly fd: number } | NoLock

const { O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR } = constants

/**
 * How a file is opened and locked. `flag` is that of open(2) on macOS, which Node doesn't name;
 * `option` is that of the command.
 */
const EXCLUSIVE = { open: O_RDWR | O_CREAT, flag: 0x20, option: '-xn' } as const
/** Creates no file and needs no right to write. */
const SHARED = { open: O_RDONLY, flag: 0x10, option: '-sn' } as const

type Mode = typeof EXCLUSIVE | typeof SHARED

const ATTEMPTS_MAX = 20
const COMMAND_MS_MAX = 10_000
/** A held lock is not asked about again for so long, because asking starts a process. */
const HELD_MS = 1_000

/** Locks the file, which is created if missing, without waiting. Throws errors of open(2). */
export async function lockFile(path: string): Promise<KernelLockAttempt> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const opened = await openLocked(path, EXCLUSIVE)
    if (opened.state !== 'locked') return opened
    const { fd } = opened
    const isInPlace = () => isSameFile(fd, path)
    // Removed between opening and locking it: the next process would lock another file.
    if (isInPlace()) return { state: 'locked', lock: { isInPlace, release: () => closeSync(fd) } }
    closeSync(fd)
  }
  throw new Error(`${path} was replaced ${ATTEMPTS_MAX} times while it was being locked`)
}

/** Asks whether a file is locked; undefined where the kernel keeps no locks. */
export function createLockProbe(): (path: string) => Promise<boolean | undefined> {
  const heldUntil = new Map<string, number>()
  return async (path) => {
    if (performance.now() < (heldUntil.get(path) ?? 0)) return true
    try {
      const opened = await openLocked(path, SHARED)
      if (opened.state === 'unsupported') return undefined
      if (opened.state === 'held') heldUntil.set(path, performance.now() + HELD_MS)
      else closeSync(opened.fd)
      return opened.state === 'held'
    } catch (error) {
      if (readErrno(error) === 'ENOENT') return false
      throw error
    }
  }
}

async function openLocked(path: string, mode: Mode): Promise<LockedFile> {
  if (process.platform === 'darwin') return openWithFlag(path, mode)
  const fd = openSync(path, mode.open, 0o666)
  const answer = await runFlock(fd, mode.option)
  if (answer.state === 'locked') return { state: 'locked', fd }
  closeSync(fd)
  return answer
}

function openWithFlag(path: string, mode: Mode): LockedFile {
  try {
    return { state: 'locked', fd: openSync(path, mode.open | mode.flag | O_NONBLOCK, 0o666) }
  } catch (error) {
    if (readErrno(error) === 'EAGAIN') return { state: 'held' }
    if (readErrno(error) !== 'ENOTSUP') throw error
    return { state: 'unsupported', why: 'the file system has no locks' }
  }
}

/** Both util-linux and busybox end with 1 and print nothing if another open file has the lock. */
function runFlock(fd: number, option: string): Promise<{ readonly state: 'locked' } | NoLock> {
  return new Promise((resolve) => {
    const child = spawn('flock', [option, '3'], {
      stdio: ['ignore', 'ignore', 'pipe', fd],
      timeout: COMMAND_MS_MAX,
    })
    const fail = (why: string) => resolve({ state: 'unsupported', why })
    let printed = ''
    child.stderr?.on('data', (bytes: Buffer) => {
      printed += bytes.toString('utf8')
    })
    child.once('error', (error) => {
      const isMissing = readErrno(error) === 'ENOENT'
      fail(isMissing ? 'there is no command flock' : `flock can't be started (${error.message})`)
    })
    child.once('close', (code) => {
      if (code === 0) resolve({ state: 'locked' })
      else if (code === 1 && printed === '') resolve({ state: 'held' })
      else fail(printed.trim() || `flock ended with ${code}`)
    })
  })
}

function isSameFile(fd: number, path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false })
  const ours = fstatSync(fd)
  return there?.ino === ours.ino && there.dev === ours.dev
}
