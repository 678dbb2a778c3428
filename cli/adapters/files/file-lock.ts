/**
 * A lock that one process at a time holds, made of files in a directory only. Taking it creates
 * the file `<name>-<generation>`, one above the highest; the highest file names the holder and is
 * never removed. So if several processes find the same dead holder, only one can create the next
 * generation: `link` fails for all others.
 */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { asObject } from '../../domain/kernel/json.ts'
import { readProcessStart } from '../process/process-start.ts'
import { sleep } from '../process/system-clock.ts'
import { type Files, isErrno, listNames } from './files.ts'

/** Identifies a process across restarts of the machine. */
export interface ProcessId {
  readonly pid: number
  readonly host: string
  /** Boot and start time, because pids are reused; '' if the system doesn't tell. */
  readonly started: string
}

/** The content of a lock file. */
export interface LockHolder extends ProcessId {
  /** The holder's name in messages, e.g. `ccs stack`. */
  readonly owner: string
}

/** Tells who this process is, and whether others still run. */
export interface Processes {
  self(): ProcessId
  /** Processes on other hosts can't be checked and count as alive. */
  isAlive(process: ProcessId): boolean
}

/** A lock that this process holds. */
export interface FileLock {
  release(): Promise<void>
}

/** Either the lock, or who holds it. */
export type LockAttempt =
  | { readonly taken: true; readonly lock: FileLock }
  /** `path` is the file to delete if its holder, on another host, is gone for good. */
  | { readonly taken: false; readonly holder: LockHolder; readonly path: string }

/** Files of so many generations stay, so that a slow process still meets the newer ones. */
const GENERATIONS_KEPT = 2

const ATTEMPTS_MAX = 50

/** Takes the lock `name` in the existing directory `dir`, also from a dead holder. */
export async function takeLock(
  files: Files,
  place: { readonly dir: string; readonly name: string },
  owner: string,
  processes: Processes = systemProcesses(),
): Promise<LockAttempt> {
  const { dir, name } = place
  const temporary = join(dir, `${name}.tmp-${randomBytes(8).toString('hex')}`)
  const self: LockHolder = { ...processes.self(), owner }
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const current = await currentLock(files, dir, name)
    if (current.holder !== undefined && processes.isAlive(current.holder)) {
      return { taken: false, holder: current.holder, path: lockPath(dir, name, current.generation) }
    }
    const mine = current.generation + 1
    await files.writeFile(temporary, Buffer.from(`${JSON.stringify(self)}\n`))
    const isMine = await claim(files, temporary, lockPath(dir, name, mine))
    if (!isMine) continue
    const generations = await listGenerations(files, dir, name)
    if (generations.at(-1) !== mine) {
      await unlinkIfThere(files, lockPath(dir, name, mine))
      continue
    }
    await clearOld(files, dir, name, mine)
    return { taken: true, lock: { release: () => release(files, lockPath(dir, name, mine)) } }
  }
  throw new Error(
    `the lock ${join(dir, name)} changed hands ${ATTEMPTS_MAX} times while it was tried`,
  )
}

/** How to wait for a lock. */
export interface LockWait {
  /** Called before each further attempt; throws to give up. */
  readonly onTry: () => void
  /** Called once, before the first wait. */
  readonly onWait: (holder: LockHolder) => void
}

const POLL_MS = 200

/** Resolves with the lock once nobody else holds it. */
export async function waitForLock(
  files: Files,
  place: { readonly dir: string; readonly name: string },
  owner: string,
  { onTry, onWait }: LockWait,
): Promise<FileLock> {
  for (let round = 0; ; round++) {
    const attempt = await takeLock(files, place, owner)
    if (attempt.taken) return attempt.lock
    if (round === 0) onWait(attempt.holder)
    onTry()
    await sleep(POLL_MS)
  }
}

/** The current holder; undefined if there is none or it is dead. */
export async function readLockHolder(
  files: Files,
  place: { readonly dir: string; readonly name: string },
  processes: Processes = systemProcesses(),
): Promise<LockHolder | undefined> {
  const { holder } = await currentLock(files, place.dir, place.name)
  return holder !== undefined && processes.isAlive(holder) ? holder : undefined
}

/** The file is complete from its first moment on, because it is a link to a finished one. */
async function claim(files: Files, temporary: string, path: string): Promise<boolean> {
  try {
    await files.link(temporary, path)
    return true
  } catch (error) {
    // EEXIST: another process was faster. ENOENT: the new holder removed our temporary file.
    if (isErrno(error, 'EEXIST') || isErrno(error, 'ENOENT')) return false
    throw error
  } finally {
    await unlinkIfThere(files, temporary)
  }
}

/** For messages: who holds a lock, and what to do if that is on another host. */
export function describeHolder(
  { holder, path }: Extract<LockAttempt, { taken: false }>,
  processes: Processes,
): { readonly who: string; readonly otherHostHint: string | undefined } {
  const { owner, pid, host } = holder
  if (host === processes.self().host)
    return { who: `${owner} (pid ${pid})`, otherHostHint: undefined }
  const otherHostHint = `Stop it there; if that machine is gone for good, delete ${path}.`
  return { who: `${owner} (pid ${pid} on ${host})`, otherHostHint }
}

/** Empties the file: that frees the lock. The file stays, because the highest is never removed. */
async function release(files: Files, path: string): Promise<void> {
  try {
    const file = await files.open(path, 'r+')
    await file.truncate(0).finally(() => file.close())
  } catch (error) {
    // The whole directory was removed, so the lock is free.
    if (!isErrno(error, 'ENOENT')) throw error
  }
}

async function currentLock(
  files: Files,
  dir: string,
  name: string,
): Promise<{ readonly generation: number; readonly holder: LockHolder | undefined }> {
  for (;;) {
    const generation = (await listGenerations(files, dir, name)).at(-1)
    if (generation === undefined) return { generation: 0, holder: undefined }
    try {
      const text = await files.readFile(lockPath(dir, name, generation))
      return { generation, holder: parseHolder(text.toString('utf8')) }
    } catch (error) {
      // Removed meanwhile: there is a higher generation.
      if (!isErrno(error, 'ENOENT')) throw error
    }
  }
}

/** undefined for unreadable content, as a power loss leaves it: that holder is dead. */
export function parseHolder(text: string): LockHolder | undefined {
  try {
    const { pid, host, started, owner } = asObject(JSON.parse(text))
    if (typeof pid !== 'number' || typeof host !== 'string') return undefined
    if (typeof started !== 'string' || typeof owner !== 'string') return undefined
    return { pid, host, started, owner }
  } catch {
    return undefined
  }
}

async function listGenerations(files: Files, dir: string, name: string): Promise<number[]> {
  const generations: number[] = []
  for (const file of await listNames(files, dir)) {
    const digits = file.startsWith(`${name}-`) ? file.slice(name.length + 1) : ''
    if (/^\d+$/.test(digits)) generations.push(Number(digits))
  }
  return generations.sort((a, b) => a - b)
}

async function clearOld(files: Files, dir: string, name: string, mine: number): Promise<void> {
  for (const generation of await listGenerations(files, dir, name)) {
    if (generation > mine - GENERATIONS_KEPT) break
    await unlinkIfThere(files, lockPath(dir, name, generation))
  }
  for (const file of await files.readdir(dir)) {
    if (file.startsWith(`${name}.tmp-`)) await unlinkIfThere(files, join(dir, file))
  }
}

async function unlinkIfThere(files: Files, path: string): Promise<void> {
  try {
    await files.unlink(path)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
}

function lockPath(dir: string, name: string, generation: number): string {
  return join(dir, `${name}-${generation}`)
}

/** Processes of this machine: checked by signal 0 and, if there is /proc, by start time. */
export function systemProcesses(): Processes {
  return {
    self: () => ({
      pid: process.pid,
      host: hostname(),
      started: readProcessStart(process.pid)?.started ?? '',
    }),
    isAlive: (other) => {
      if (other.host !== hostname()) return true
      if (!answersSignal(other.pid)) return false
      const now = readProcessStart(other.pid)
      if (now === undefined || other.started === '') return true
      return !now.isZombie && now.started === other.started
    },
  }
}

function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs as another user.
    return !isErrno(error, 'ESRCH')
  }
}
