/**
 * The lake on a local disk. A commit's files wait in `stage/<commit>-<start>/` under their final
 * names, where `start` is random, so that no two processes ever write into the same directory;
 * once a manifest names them, `finalize` links them into the tree that readers glob (leaf.ts). The
 * tree always follows from the manifest and the disk, so repeating `finalize` after a crash
 * completes it.
 */
import { randomBytes } from 'node:crypto'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { Lake, StagedFile } from '../../domain/lake/lake.ts'
import {
  dataLayout,
  generationName,
  isPlainName,
  lakeFileName,
  parseGenerationName,
  treePath,
} from '../../domain/lake/layout.ts'
import { groupByPartition, type LakeFile, type Manifest } from '../../domain/lake/manifest.ts'
import { checkFile, type FileChecksum, syncFile } from '../files/file-check.ts'
import { type Files, isErrno, listNames } from '../files/files.ts'
import {
  dropOldVersions,
  finalizeLeaf,
  type Leaf,
  leafKey,
  locateFile,
  makeDir,
  removeLeaf,
  replaceLink,
  scanLeaf,
  scanLeaves,
} from './leaf.ts'

/** Where a lake lies. */
export interface LocalLakeOptions {
  readonly files: Files
  /** The existing data directory. */
  readonly root: string
  readonly nowMs: () => number
  /** How long replaced files stay for readers that have listed them; 5 minutes by default. */
  readonly graceMs?: number
}

/** What is known to be on disk; undefined before the first `finalize` and after a failed one. */
interface FinalizedLake {
  readonly generation: number
  readonly leaves: Map<string, Leaf>
}

/**
 * `seal` and `finalize` are for the process that holds the engine's lock, one call at a time.
 * `stage` and `discard` may run beside them; anybody may call `locate`.
 */
export class LocalLake implements Lake {
  readonly #files: Files
  readonly #root: string
  readonly #stage: string
  readonly #nowMs: () => number
  readonly #graceMs: number
  /** Ends the name of each staging directory of this process. */
  readonly #start = `-${randomBytes(4).toString('hex')}`
  /** Commits in progress, whose staging must stay: their sealed names, undefined before `seal`. */
  readonly #open = new Map<string, readonly string[] | undefined>()
  #finalized: FinalizedLake | undefined

  constructor(options: LocalLakeOptions) {
    this.#files = options.files
    this.#root = options.root
    this.#stage = dataLayout(options.root).stage
    this.#nowMs = options.nowMs
    this.#graceMs = options.graceMs ?? 5 * 60_000
  }

  /** `commit` becomes part of file names; it must never have been used before. */
  async stage(commit: string): Promise<string> {
    if (!isPlainName(commit)) throw new RangeError(`${commit} can't be part of a file's name`)
    this.#open.set(commit, undefined)
    const dir = this.#stageDir(commit)
    await this.#files.remove(dir)
    await makeDir(this.#files, this.#root, dir)
    return dir
  }

  async seal(staged: readonly StagedFile[], commit: string): Promise<readonly LakeFile[]> {
    const dir = this.#stageDir(commit)
    const sealed: LakeFile[] = []
    for (const [index, { table, partition, path, rows }] of staged.entries()) {
      await syncFile(this.#files, path)
      const stored = await checkFile(this.#files, path)
      const name = lakeFileName(commit, index, stored.crc32)
      await this.#files.rename(path, `${dir}/${name}`)
      sealed.push({ table, partition, name, rows, ...stored })
    }
    await this.#files.fsyncDir(dir)
    this.#open.set(
      commit,
      sealed.map((file) => file.name),
    )
    return sealed
  }

  /**
   * Deletes the staging of a commit that no manifest names. After a failed commit of a manifest,
   * load the manifest first: it may name the files.
   */
  async discard(commit: string): Promise<void> {
    this.#open.delete(commit)
    await this.#files.remove(this.#stageDir(commit))
  }

  #stageDir(commit: string): string {
    return `${this.#stage}/${commit}${this.#start}`
  }

  async finalize(manifest: Manifest): Promise<void> {
    const before = this.#finalized
    this.#finalized = undefined
    const generation = manifest.generation
    const dir = `${this.#root}/${generationName(generation)}`
    const isNew = before?.generation !== generation
    if (isNew) await makeDir(this.#files, this.#root, `${dir}/tree`)
    const known = isNew ? await scanLeaves(this.#files, dir) : before.leaves
    const leaves = await this.#finalizeLeaves(dir, known, manifest)
    if (isNew) {
      const { lake } = dataLayout(this.#root)
      await replaceLink(this.#files, lake, `${generationName(generation)}/tree`, `${lake}.tmp`)
    }
    await this.#clearStage(manifest)
    await this.#dropOld(generation, dir, leaves)
    this.#finalized = { generation, leaves }
  }

  async #finalizeLeaves(
    dir: string,
    known: ReadonlyMap<string, Leaf>,
    manifest: Manifest,
  ): Promise<Map<string, Leaf>> {
    const groups = groupByPartition(manifest.files)
    const wanted = new Set(groups.map(leafKey))
    for (const [key, leaf] of known) if (!wanted.has(key)) await removeLeaf(this.#files, dir, leaf)
    const staged = await this.#staged()
    const from = { staged, nowMs: this.#nowMs() }
    const leaves = new Map<string, Leaf>()
    const faults: CcsError[] = []
    for (const { table, partition, files } of groups) {
      const key = leafKey({ table, partition })
      const leaf = known.get(key) ?? { table, partition, versions: [], isLinked: false }
      try {
        leaves.set(key, await finalizeLeaf(this.#files, dir, leaf, files, from))
      } catch (error) {
        if (!(error instanceof CcsError) || error.code !== 'CCS_LAKE_DAMAGED') throw error
        faults.push(error)
      }
    }
    const [fault, ...others] = faults
    if (fault) {
      const { message, hint, exit } = fault
      throw new CcsError('CCS_LAKE_DAMAGED', message, { exit, others, hint })
    }
    return leaves
  }

  /** Staged files by their final names. */
  async #staged(): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    for (const commit of await listNames(this.#files, this.#stage))
      for (const name of await listNames(this.#files, `${this.#stage}/${commit}`))
        found.set(name, `${this.#stage}/${commit}/${name}`)
    return found
  }

  async #clearStage(manifest: Manifest): Promise<void> {
    const named = new Set(manifest.files.map((file) => file.name))
    const kept = new Set<string>()
    for (const [commit, sealed] of [...this.#open])
      if (sealed?.every((name) => named.has(name))) this.#open.delete(commit)
      else kept.add(this.#stageDir(commit))
    for (const name of await listNames(this.#files, this.#stage)) {
      const dir = `${this.#stage}/${name}`
      if (!kept.has(dir)) await this.#files.remove(dir)
    }
  }

  /** Deletes versions and generations that were replaced before the grace time. */
  async #dropOld(generation: number, dir: string, leaves: Map<string, Leaf>): Promise<void> {
    const beforeMs = this.#nowMs() - this.#graceMs
    for (const [key, leaf] of leaves)
      if (leaf.versions.length > 1)
        leaves.set(key, await dropOldVersions(this.#files, dir, leaf, beforeMs))
    const older = (await listNames(this.#files, this.#root)).filter(
      (name) => (parseGenerationName(name) ?? generation) < generation,
    )
    if (older.length === 0 || (await this.#servedSinceMs(dir)) >= beforeMs) return
    for (const name of older) await this.#files.remove(`${this.#root}/${name}`)
  }

  /** When this generation became the lake: stored as the name of an empty file in it. */
  async #servedSinceMs(dir: string): Promise<number> {
    const mark = (await listNames(this.#files, dir)).find((name) => name.startsWith('since-'))
    if (mark !== undefined) return Number(mark.slice('since-'.length))
    const nowMs = this.#nowMs()
    await this.#files.writeFile(`${dir}/since-${nowMs}`, new Uint8Array(0))
    return nowMs
  }

  /** Valid until the file is replaced, and for the grace time after that. */
  path(file: LakeFile): string {
    const { lake } = dataLayout(this.#root)
    const leaf = this.#finalized?.leaves.get(leafKey(file))
    const dir = this.#finalized && `${this.#root}/${generationName(this.#finalized.generation)}`
    const place = leaf && dir && locateFile(dir, leaf, file.name)
    return place ?? `${lake}/${treePath(file)}`
  }

  /** What is wrong with a file, as half a sentence; undefined if it is as the manifest says. */
  async check(wanted: FileChecksum, path: string): Promise<string | undefined> {
    try {
      const found = await checkFile(this.#files, path)
      if (found.bytes !== wanted.bytes) return `has ${found.bytes} bytes instead of ${wanted.bytes}`
      return found.crc32 === wanted.crc32 ? undefined : 'has other bytes than were written'
    } catch (error) {
      if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return 'is missing'
      if (isErrno(error, 'EIO')) return 'cannot be read: the disk reports an error'
      throw error
    }
  }

  /**
   * Where the files of a manifest lie now (name → absolute path), for readers beside the engine. A
   * missing file means damage, or a manifest that was replaced longer ago than the grace time.
   */
  async locate(manifest: Manifest): Promise<Map<string, string>> {
    const dir = `${this.#root}/${generationName(manifest.generation)}`
    const found = new Map<string, string>()
    let left = manifest.files
    // Files move from the stage to the parts meanwhile, so missing ones are looked up twice.
    for (let round = 0; round < 2 && left.length > 0; round++) {
      const staged = await this.#staged()
      const leaves = new Map<string, Leaf>()
      for (const file of left) {
        const key = leafKey(file)
        const leaf =
          leaves.get(key) ?? (await scanLeaf(this.#files, dir, file.table, file.partition))
        leaves.set(key, leaf)
        const path = locateFile(dir, leaf, file.name) ?? staged.get(file.name)
        if (path !== undefined) found.set(file.name, path)
      }
      left = left.filter((file) => !found.has(file.name))
    }
    return found
  }
}
