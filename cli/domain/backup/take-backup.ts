/**
 * Takes a backup: what the place already has is not copied again. The snapshot is written last, so
 * that a backup that was interrupted is no backup, and what it copied serves the next one.
 */
import { readErrno } from '../kernel/errno.ts'
import { CcsError } from '../kernel/errors.ts'
import type { Manifest } from '../lake/manifest.ts'
import type { BackupStore } from './backup-store.ts'
import { planChunk } from './chunks.ts'
import { findStart, isSameStart, type LogStart } from './log-start.ts'
import type { Crc32 } from './saved-reader.ts'
import {
  lakeKey,
  type SavedChunk,
  type SavedCommit,
  type SavedNote,
  type SavedObject,
  type SavedPartition,
  type SavedSegment,
  type Snapshot,
  snapshotKey,
  stateKey,
} from './snapshot.ts'
import { renderSnapshot } from './snapshot-text.ts'

/** A file or a part of one. */
export interface ByteSource {
  readonly bytes: number
  /** Can be read more than once. */
  readonly pieces: () => AsyncIterable<Uint8Array>
}

/** A file of a commit with the checksum that its manifest gives. */
export interface CommitFile extends ByteSource {
  readonly key: string
  readonly crc32: number
  /** For messages. */
  readonly path: string
}

/** A commit whose files stay while they are copied. */
export interface HeldCommit {
  readonly manifest: Manifest
  readonly text: Buffer
  readonly files: readonly CommitFile[]
}

/** A segment of the log as it is now. */
export interface LiveSegment {
  readonly base: number
  readonly fileId: string
  /** Where its whole frames end, in bytes and as an offset, from a place between two frames on. */
  findEnd(from: Place): Promise<Place>
  read(from: number, to: number): AsyncIterable<Uint8Array>
}

interface Place {
  readonly position: number
  readonly offset: number
}

/** A partition of the log as it is now. */
export interface LivePartition {
  readonly topic: string
  readonly partition: number
  readonly segments: readonly LiveSegment[]
}

/** What is backed up. */
export interface BackupSource {
  /** Runs `use` with the last commit, whose files stay until it ends; undefined: there is none. */
  withCommit<T>(use: (commit: HeldCommit | undefined) => Promise<T>): Promise<T>
  log(): Promise<readonly LivePartition[]>
  notes(): Promise<readonly (ByteSource & { readonly path: string })[]>
}

/** How to take it. */
export interface BackupOptions {
  readonly nowMs: () => number
  readonly crc32: Crc32
  /** The newest backup in the same place, and the manifest of its commit. */
  readonly previous: Snapshot | undefined
  readonly previousManifest: Manifest | undefined
  /** Keys that the place has anyway, such as those of a backup that was interrupted. */
  readonly present: ReadonlySet<string>
  /** A previous commit that is no older is named again, instead of the newest one; 0: never. */
  readonly commitAgeMsMax: number
  readonly onCopied?: (bytes: number) => void
}

/** What was copied. */
export interface TakenBackup {
  readonly snapshot: Snapshot
  readonly key: string
  readonly copiedObjects: number
  readonly copiedBytes: number
}

/** CCS_LAKE_DAMAGED for a file that is not as it was written; nothing is listed then. */
export async function takeBackup(
  store: BackupStore,
  source: BackupSource,
  options: BackupOptions,
): Promise<TakenBackup> {
  const copier = new Copier(store, options)
  const { previous, nowMs } = options
  let saved = previous?.log ?? []
  let before = await source.log()
  for (;;) {
    const commit =
      (await findRecentCommit(source, options)) ??
      (await source.withCommit((held) => copyCommit(copier, held)))
    // After the commit: the log then has all records that the commit is made of.
    const takenMs = nowMs()
    saved = await copyLog(copier, source, saved)
    const after = await source.log()
    // A commit from before retention removed something does not say so. One round more is short.
    const isSame = isSameStart(before, after)
    before = after
    if (!isSame) continue
    const notes: SavedNote[] = []
    for (const note of await source.notes()) notes.push(await copyNote(copier, note, previous))
    const snapshot: Snapshot = { takenMs, commit, log: saved, notes }
    const key = snapshotKey(takenMs)
    await copier.writeText(key, renderSnapshot(snapshot))
    return { snapshot, key, copiedObjects: copier.objects, copiedBytes: copier.bytes }
  }
}

/** Copies what is new of the log; segments that retention removes meanwhile are left out. */
async function copyLog(
  copier: Copier,
  source: BackupSource,
  previous: readonly SavedPartition[],
): Promise<readonly SavedPartition[]> {
  const log: SavedPartition[] = []
  for (const { topic, partition, segments } of await source.log()) {
    const own = (one: LogStart) => one.topic === topic && one.partition === partition
    const before = previous.find(own)
    const saved: SavedSegment[] = []
    for (const segment of segments) {
      const name = `log/${topic}-${partition}/${String(segment.base).padStart(20, '0')}`
      const earlier = before?.segments.find(
        ({ base, fileId }) => base === segment.base && fileId === segment.fileId,
      )
      try {
        saved.push(await copySegment(copier, name, segment, earlier))
      } catch (error) {
        const now = readErrno(error) === 'ENOENT' ? (await source.log()).find(own) : undefined
        if (!now || findStart(now) <= segment.base) throw error
        saved.length = 0 // those before it are gone too
      }
    }
    log.push({ topic, partition, segments: saved })
  }
  return log
}

/** The previous backup's commit, if it is recent and the log still has what follows it. */
async function findRecentCommit(
  source: BackupSource,
  { previous, previousManifest, nowMs, commitAgeMsMax }: BackupOptions,
): Promise<SavedCommit | undefined> {
  const commit = previous?.commit
  if (!commit || !previousManifest || nowMs() - commit.committedMs >= commitAgeMsMax)
    return undefined
  const log = await source.log()
  const isCovered = previousManifest.positions.every(({ topic, partition, nextOffset }) => {
    const live = log.find((one) => one.topic === topic && one.partition === partition)
    return live === undefined || findStart(live) <= nextOffset
  })
  return isCovered && isSameStart(previous.log, log) ? commit : undefined
}

async function copyCommit(
  copier: Copier,
  held: HeldCommit | undefined,
): Promise<SavedCommit | null> {
  if (!held) return null
  const { manifest, text, files } = held
  for (const file of files) {
    if (!(await copier.copyMissing(file)))
      throw new CcsError('CCS_LAKE_DAMAGED', `${file.path} has other bytes than were written.`, {
        hint: 'No backup was made of it. See: ccs lake verify',
      })
  }
  const { serial, committedMs } = manifest
  const key = `manifests/${String(serial).padStart(10, '0')}-${committedMs}.json`
  return { ...(await copier.writeText(key, text)), serial, committedMs }
}

/** Copies what is new of a segment, together with the last chunks if they are small. */
async function copySegment(
  copier: Copier,
  name: string,
  segment: LiveSegment,
  earlier: SavedSegment | undefined,
): Promise<SavedSegment> {
  const { base, fileId } = segment
  const chunks = earlier?.chunks ?? []
  const last = chunks.at(-1)
  const from = { position: last ? last.from + last.bytes : 0, offset: earlier?.end ?? base }
  const end = await segment.findEnd(from)
  const { kept, start } = planChunk(chunks, end.position)
  if (start === end.position) return { base, fileId, end: end.offset, chunks: kept }
  const bytes = end.position - start
  const key = `${name}/${fileId}-${start}-${end.position}`
  const pieces = () => segment.read(start, end.position)
  const chunk: SavedChunk = { ...(await copier.copy(key, { bytes, pieces })), from: start }
  return { base, fileId, end: end.offset, chunks: [...kept, chunk] }
}

async function copyNote(
  copier: Copier,
  { path, ...source }: ByteSource & { readonly path: string },
  previous: Snapshot | undefined,
): Promise<SavedNote> {
  const sum = await copier.checksum(source)
  const key = `notes/${path}-${sum.toString(16).padStart(8, '0')}-${source.bytes}`
  const known = previous?.notes.find((one) => one.key === key)
  return known ?? { ...(await copier.copy(key, source)), path }
}

/** Writes objects, and counts them. */
class Copier {
  readonly #store: BackupStore
  readonly #present: ReadonlySet<string>
  readonly #onCopied: (bytes: number) => void
  readonly #crc32: Crc32
  objects = 0
  bytes = 0

  constructor(store: BackupStore, options: BackupOptions) {
    const { previousManifest, present, onCopied, crc32 } = options
    this.#store = store
    this.#crc32 = crc32
    this.#present = new Set([
      ...(previousManifest ? listCommitKeys(previousManifest) : []),
      ...present,
    ])
    this.#onCopied = onCopied ?? (() => {})
  }

  async checksum({ pieces }: ByteSource): Promise<number> {
    let sum = 0
    for await (const piece of pieces()) sum = this.#crc32(piece, sum)
    return sum
  }

  /** Also whether the bytes that were copied have their checksum. */
  async copyMissing(file: CommitFile): Promise<boolean> {
    if (this.#present.has(file.key)) return true
    return (await this.copy(file.key, file)).crc32 === file.crc32
  }

  /** The checksum is that of the bytes that were sent. */
  async copy(key: string, { bytes, pieces }: ByteSource): Promise<SavedObject> {
    let sum = 0
    const crc32 = this.#crc32
    await this.#store.write(key, bytes, async function* () {
      sum = 0 // a place may read the pieces again after a failure
      for await (const piece of pieces()) {
        sum = crc32(piece, sum)
        yield piece
      }
    })
    this.objects++
    this.bytes += bytes
    this.#onCopied(this.bytes)
    return { key, bytes, crc32: sum }
  }

  writeText(key: string, text: Buffer): Promise<SavedObject> {
    const pieces = async function* () {
      yield text
    }
    return this.copy(key, { bytes: text.length, pieces })
  }
}

/** Keys of all files of a commit. */
export function listCommitKeys({ files, state }: Manifest): readonly string[] {
  return [...files.map(lakeKey), ...state.map(stateKey)]
}
