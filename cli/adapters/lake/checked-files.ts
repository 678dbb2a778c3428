/**
 * Which files of the lake were found intact. A file is read as a whole and compared with its
 * checksum before its rows are read for the first time, and again when its size, its time or its
 * inode has changed. Commands that end after one query would read the same files again and again,
 * so marks of what was checked are kept in the data directory; they hold for a limited time, since
 * a disk can lose bits without a change of times.
 */
import { type DamagedFile, damageError, displayPath } from '../../domain/lake/damage.ts'
import type { GuardOptions, LakeGuard } from '../../domain/lake/lake.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { LakeFile } from '../../domain/lake/manifest.ts'
import type { FileChecksum } from '../files/file-check.ts'
import { type Files, isErrno, replaceIfPossible } from '../files/files.ts'

/** What the checks read with. */
export interface CheckedFilesOptions {
  readonly files: Files
  /** The data directory. */
  readonly root: string
  readonly nowMs: () => number
  /** Reads a whole file: half a sentence on its damage, undefined if it is intact. */
  readonly check: (wanted: FileChecksum, path: string) => Promise<string | undefined>
  /** Fewer bytes are read again faster than it is worth to keep marks of them. */
  readonly worthBytes?: number
}

/** How long a mark holds: a file is read again a week after it was found intact. */
export const MARK_MS = 7 * 86_400_000
/** So long after a look at a file its times are not asked again. */
const LOOK_MS = 5_000
const WORTH_BYTES = 32 * 1024 * 1024
const FORMAT = 1

/** What `recheck` says of a file that is not there. */
export const MISSING = 'is missing'

/** A file as it was when it was checked. */
interface Identity {
  readonly bytes: number
  readonly inode: number
  readonly modifiedMs: number
  readonly changedMs: number
}

interface Known extends Identity {
  readonly fault: string | undefined
  readonly checkedMs: number
  /** When it was last seen to be the same file. */
  readonly lookedMs: number
}

/** One process's knowledge of the files of one data directory. */
export class CheckedFiles implements LakeGuard {
  readonly #options: CheckedFilesOptions
  readonly #known = new Map<string, Known>()
  readonly #checking = new Map<string, Promise<string | undefined>>()
  #marks: Promise<ReadonlyMap<string, Known>> | undefined
  #unmarkedBytes = 0

  constructor(options: CheckedFilesOptions) {
    this.#options = options
  }

  async requireIntact(
    files: readonly LakeFile[],
    pathOf: (file: LakeFile) => string,
    options: GuardOptions = {},
  ): Promise<void> {
    const damaged: DamagedFile[] = []
    for (const file of files) {
      options.signal?.throwIfAborted()
      const fault = await this.check(file, pathOf(file), options)
      if (fault !== undefined) damaged.push({ file: displayPath(file), fault })
    }
    if (damaged.length > 0) throw damageError(damaged)
  }

  isDamaged({ name }: LakeFile): boolean {
    return this.#known.get(name)?.fault !== undefined
  }

  /** Half a sentence on the damage of a file; undefined if it is intact. */
  async check(
    file: LakeFile,
    path: string,
    { isSuspect = false }: Pick<GuardOptions, 'isSuspect'> = {},
  ): Promise<string | undefined> {
    const known = this.#known.get(file.name)
    const nowMs = this.#options.nowMs()
    if (known && !isSuspect && Math.abs(nowMs - known.lookedMs) < LOOK_MS) return known.fault
    // Several queries that need the file wait for one check of it.
    let checking = this.#checking.get(file.name)
    if (!checking) {
      checking = this.#look(file, path).finally(() => this.#checking.delete(file.name))
      this.#checking.set(file.name, checking)
    }
    return checking
  }

  /** Reads the file now, whatever is known of it; by `check`, if it is given. */
  async recheck(
    file: LakeFile,
    path: string,
    check = this.#options.check,
  ): Promise<string | undefined> {
    const now = await this.#identify(path)
    const fault = now ? await check(file, path) : MISSING
    const nowMs = this.#options.nowMs()
    const none = { bytes: 0, inode: 0, modifiedMs: 0, changedMs: 0 }
    this.#known.set(file.name, { ...(now ?? none), fault, checkedMs: nowMs, lookedMs: nowMs })
    if (fault === undefined) this.#unmarkedBytes += file.bytes
    return fault
  }

  async #look(file: LakeFile, path: string): Promise<string | undefined> {
    const { name } = file
    const now = await this.#identify(path)
    const nowMs = this.#options.nowMs()
    const known = this.#known.get(name)
    // Another name for a file changes `changedMs`, and commits give files names all the time.
    if (now && known && known.fault === undefined && isSame(now, known)) {
      this.#known.set(name, { ...known, lookedMs: nowMs })
      return undefined
    }
    this.#marks ??= this.#loadMarks()
    const mark = known ? undefined : (await this.#marks).get(name)
    const age = nowMs - (mark?.checkedMs ?? 0)
    const isFresh = age >= 0 && age < MARK_MS
    if (now && mark && isFresh && isSame(now, mark) && now.changedMs === mark.changedMs) {
      this.#known.set(name, { ...mark, lookedMs: nowMs })
      return undefined
    }
    return this.recheck(file, path)
  }

  async #identify(path: string): Promise<Identity | undefined> {
    try {
      return await this.#options.files.stat(path)
    } catch (error) {
      if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
      throw error
    }
  }

  /** Forgets files that the lake no longer has. */
  keepOnly(files: readonly LakeFile[]): void {
    const names = new Set(files.map(({ name }) => name))
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name)
  }

  /**
   * Keeps marks of what was found intact, for later processes, if that is worth it. Losing them
   * costs only time, so a disk that can't be written is no error.
   */
  async saveMarks(): Promise<void> {
    const { files, root, worthBytes = WORTH_BYTES } = this.#options
    if (this.#unmarkedBytes < worthBytes) return
    this.#marks ??= this.#loadMarks()
    const marks = new Map([...(await this.#marks), ...this.#known])
    const oldestMs = this.#options.nowMs() - MARK_MS
    const lines = [...marks].flatMap(([name, one]) =>
      one.fault === undefined && one.checkedMs > oldestMs
        ? [[name, one.bytes, one.inode, one.modifiedMs, one.changedMs, one.checkedMs]]
        : [],
    )
    const bytes = Buffer.from(JSON.stringify({ format: FORMAT, files: lines }))
    if (await replaceIfPossible(files, dataLayout(root).checkMarks, bytes)) this.#unmarkedBytes = 0
  }

  /** Marks that can't be read are none. */
  async #loadMarks(): Promise<ReadonlyMap<string, Known>> {
    const { files, root } = this.#options
    try {
      const text = (await files.readFile(dataLayout(root).checkMarks)).toString('utf8')
      return parseMarks(JSON.parse(text))
    } catch {
      return new Map()
    }
  }
}

function isSame(a: Identity, b: Identity): boolean {
  return a.bytes === b.bytes && a.inode === b.inode && a.modifiedMs === b.modifiedMs
}

function parseMarks(document: unknown): ReadonlyMap<string, Known> {
  const { format, files } = Object(document)
  const found = new Map<string, Known>()
  if (format !== FORMAT || !Array.isArray(files)) return found
  for (const one of files) {
    if (!Array.isArray(one) || typeof one[0] !== 'string') continue
    const [bytes, inode, modifiedMs, changedMs, checkedMs] = one.slice(1).map(Number)
    if (bytes === undefined || inode === undefined || modifiedMs === undefined) continue
    if (changedMs === undefined || checkedMs === undefined) continue
    const identity = { bytes, inode, modifiedMs, changedMs }
    found.set(one[0], { ...identity, fault: undefined, checkedMs, lookedMs: 0 })
  }
  return found
}
