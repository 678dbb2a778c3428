/**
 * A lock that one process at a time holds. The kernel's lock on the file `<name>.lock` decides; its
 * holder is named by a note, the file `<name>-<generation>`, one above the highest. The highest
 * note is never removed, only emptied, so generations grow: each taking has its own.
 *
 * A holder without the kernel's lock (an older ccs, or a system that has none) has a note alone. It
 * counts as alive unless it is known to be dead, and of several takers only one can create the
 * next note: `link` fails for all others.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { sleep } from '../process/system-clock.ts'
import { type Files, isErrno, listNames } from './files.ts'
import type { KernelLockAttempt } from './kernel-lock.ts'
import { describeHolder, type LockHolder, parseHolder } from './lock-holder.ts'
import { type Processes, systemProcesses } from './process-id.ts'

/** Where a lock is; the directory exists. */
export interface LockPlace {
  readonly dir: string
  readonly name: string
}

/** A lock that this process holds. */
export interface FileLock {
  /** Number of this taking, greater than those of all earlier ones. */
  readonly generation: number
  /** What is weaker than it should be, as a sentence for the user. */
  readonly warning: string | undefined
  /** False once its files were removed by hand: then others may hold it too. */
  isHeld(): Promise<boolean>
  release(): Promise<void>
}

/** Either the lock, or who holds it. */
export type LockAttempt = { readonly taken: true; readonly lock: FileLock } | LockRefusal

/** Another process holds the lock. */
export interface LockRefusal {
  readonly taken: false
  /** For messages, e.g. `ccs gen (pid 7)`. */
  readonly who: string
  /** Its pid, if it means the same process here. */
  readonly pid: number | undefined
  /** What to do if the holder can be neither seen nor checked from here. */
  readonly hint: string | undefined
}

/** How a lock is taken. */
export interface LockOptions {
  readonly processes?: Processes
  /** The generation is greater than this; needed if the lock's files may have been deleted. */
  readonly above?: number
}

/** Notes of so many generations stay, so that a slow process still meets the newer ones. */
const GENERATIONS_KEPT = 2

const ATTEMPTS_MAX = 50
const HELD_MS = 20
/** Attempts at a held lock whose note names nobody alive: its holder is about to write it. */
const UNNAMED_MAX = 10
/** The same if the note is from another container: its process may only be testing the lock. */
const ELSEWHERE_MAX = 3

/** Takes a lock, also from a dead holder. A refused attempt changes nothing on the disk. */
export async function takeLock(
  files: Files,
  place: LockPlace,
  owner: string,
  { processes = systemProcesses(), above = 0 }: LockOptions = {},
): Promise<LockAttempt> {
  const self: LockHolder = { ...processes.self(), owner }
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const seen = await readNote(files, place)
    const refusal = () => refuse(place, seen, processes, true)
    if (seen.holder && !seen.holder.kernel && mayLive(seen.holder, processes)) return refusal()
    const kernel = await files.lock(kernelPath(place))
    if (kernel.state === 'held') {
      const isAlive = seen.holder && processes.isAlive(seen.holder)
      const isElsewhere = seen.holder !== undefined && isAlive === undefined
      if (isAlive || attempt + 1 >= (isElsewhere ? ELSEWHERE_MAX : UNNAMED_MAX)) return refusal()
      await sleep(HELD_MS * (attempt + 1))
      continue
    }
    const result = await takeNote(files, place, { kernel, self, processes, above }).catch(
      (error: unknown) => {
        releaseKernel(kernel)
        throw error
      },
    )
    if (!result?.taken) releaseKernel(kernel)
    if (result) return result
  }
  const path = join(place.dir, place.name)
  throw new Error(`the lock ${path} changed hands ${ATTEMPTS_MAX} times while it was tried`)
}

interface NoteTaker {
  readonly kernel: KernelLockAttempt
  readonly self: LockHolder
  readonly processes: Processes
  readonly above: number
}

/** Writes the next note. undefined: another process without the kernel's lock was faster. */
async function takeNote(
  files: Files,
  place: LockPlace,
  { kernel, self, processes, above }: NoteTaker,
): Promise<LockAttempt | undefined> {
  const isKernels = kernel.state === 'locked'
  const seen = await readNote(files, place)
  const isDecided = isKernels && seen.holder?.kernel
  if (seen.holder && !isDecided && mayLive(seen.holder, processes))
    return refuse(place, seen, processes, isKernels)
  const mine = Math.max(seen.generation, above) + 1
  const path = notePath(place, mine)
  const note = Buffer.from(`${JSON.stringify({ ...self, ...(isKernels && { kernel: true }) })}\n`)
  const temporary = join(place.dir, `${place.name}.tmp-${randomBytes(8).toString('hex')}`)
  await files.writeFile(temporary, note)
  if (!(await claim(files, temporary, path))) return undefined
  const isNewest = async () => (await listGenerations(files, place)).at(-1) === mine
  if (!(await isNewest())) {
    await unlinkIfThere(files, path)
    return undefined
  }
  await clearOld(files, place, mine)
  const lock: FileLock = {
    generation: mine,
    warning: kernel.state === 'unsupported' ? describeWeakness(place, kernel.why) : undefined,
    isHeld: async () =>
      isKernels
        ? kernel.lock.isInPlace()
        : (await isNewest()) && note.equals(await files.readFile(path)),
    release: async () => {
      try {
        await emptyNote(files, path)
      } finally {
        releaseKernel(kernel)
      }
    },
  }
  return { taken: true, lock }
}

function releaseKernel(kernel: KernelLockAttempt): void {
  if (kernel.state === 'locked') kernel.lock.release()
}

/** How to wait for a lock. */
export interface LockWait {
  /** Called before each further attempt; throws to give up. */
  readonly onTry: () => void
  /** Called once, before the first wait, with e.g. `ccs up (pid 7)`. */
  readonly onWait: (who: string) => void
}

const POLL_MS = 200

/** Resolves with the lock once nobody else holds it. */
export async function waitForLock(
  files: Files,
  place: LockPlace,
  owner: string,
  { onTry, onWait }: LockWait,
): Promise<FileLock> {
  for (let round = 0; ; round++) {
    const attempt = await takeLock(files, place, owner)
    if (attempt.taken) return attempt.lock
    if (round === 0) onWait(attempt.who)
    onTry()
    await sleep(POLL_MS)
  }
}

/** The current holder; undefined if there is none or it is dead. Asks the kernel where it must. */
export async function readLockHolder(
  files: Files,
  place: LockPlace,
  processes: Processes = systemProcesses(),
): Promise<LockHolder | undefined> {
  const { holder } = await readNote(files, place)
  const isAlive = holder && processes.isAlive(holder)
  if (!holder || isAlive === false) return undefined
  if (isAlive || !holder.kernel) return holder
  return (await files.isLocked(kernelPath(place))) === false ? undefined : holder
}

/** A process of another container or machine can't be checked, so it may live. */
function mayLive(holder: LockHolder, processes: Processes): boolean {
  return processes.isAlive(holder) !== false
}

function refuse(
  place: LockPlace,
  { generation, holder }: Note,
  processes: Processes,
  isKernelAsked: boolean,
): LockRefusal {
  const isSeen = holder !== undefined && processes.isAlive(holder) !== undefined
  const isGuess = holder !== undefined && !isSeen && !(holder.kernel && isKernelAsked)
  const path = notePath(place, generation)
  return {
    taken: false,
    who: holder ? describeHolder(holder, processes.self()) : 'another process',
    pid: isSeen ? holder.pid : undefined,
    hint: isGuess ? `Stop it there; if it is gone for good, delete ${path}.` : undefined,
  }
}

function describeWeakness({ dir }: LockPlace, why: string): string {
  return (
    `The kernel keeps no lock in ${dir}: ${why}. A killed process of another container or ` +
    'machine keeps its lock until its file is deleted; ccs doctor says what to install.'
  )
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

/** That frees the lock for a ccs that only reads notes, and tells readers that nobody holds it. */
async function emptyNote(files: Files, path: string): Promise<void> {
  try {
    const file = await files.open(path, 'r+')
    await file.truncate(0).finally(() => file.close())
  } catch (error) {
    // The whole directory was removed, so the lock is free.
    if (!isErrno(error, 'ENOENT')) throw error
  }
}

interface Note {
  readonly generation: number
  readonly holder: LockHolder | undefined
}

/** The newest note. */
async function readNote(files: Files, place: LockPlace): Promise<Note> {
  for (;;) {
    const generation = (await listGenerations(files, place)).at(-1)
    if (generation === undefined) return { generation: 0, holder: undefined }
    try {
      const text = await files.readFile(notePath(place, generation))
      return { generation, holder: parseHolder(text.toString('utf8')) }
    } catch (error) {
      // Removed meanwhile: there is a higher generation.
      if (!isErrno(error, 'ENOENT')) throw error
    }
  }
}

async function listGenerations(files: Files, { dir, name }: LockPlace): Promise<number[]> {
  const generations: number[] = []
  for (const file of await listNames(files, dir)) {
    const digits = file.startsWith(`${name}-`) ? file.slice(name.length + 1) : ''
    if (/^\d+$/.test(digits)) generations.push(Number(digits))
  }
  return generations.sort((a, b) => a - b)
}

async function clearOld(files: Files, place: LockPlace, mine: number): Promise<void> {
  const { dir, name } = place
  for (const generation of await listGenerations(files, place)) {
    if (generation > mine - GENERATIONS_KEPT) break
    await unlinkIfThere(files, notePath(place, generation))
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

function notePath({ dir, name }: LockPlace, generation: number): string {
  return join(dir, `${name}-${generation}`)
}

/** The file that the kernel locks: never removed, since all takers must lock the same one. */
function kernelPath({ dir, name }: LockPlace): string {
  return join(dir, `${name}.lock`)
}
