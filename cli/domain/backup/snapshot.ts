/**
 * A snapshot names the objects that make one state of a data directory: the files of a commit, and
 * the log up to its end. Objects are never changed, so that a later snapshot names those that it
 * has in common with an earlier one.
 */

import { partPath } from '../lake/layout.ts'
import type { LakeFile } from '../lake/manifest.ts'

/** Version of the snapshots and of the keys of objects. */
export const SNAPSHOT_FORMAT = 1

/** An object of the backup, with its checksum. */
export interface SavedObject {
  readonly key: string
  readonly bytes: number
  /** CRC-32, unsigned. */
  readonly crc32: number
}

/** Bytes of a segment, from `from` on. */
export interface SavedChunk extends SavedObject {
  readonly from: number
}

/** A segment of the log: its chunks in order, without gaps. */
export interface SavedSegment {
  /** Offset of its first record. */
  readonly base: number
  /** Tells a file from the one that a repair puts in its place. */
  readonly fileId: string
  /** Offset after the last record of the chunks. */
  readonly end: number
  readonly chunks: readonly SavedChunk[]
}

/** A partition of the log. */
export interface SavedPartition {
  readonly topic: string
  readonly partition: number
  readonly segments: readonly SavedSegment[]
}

/** A commit: its manifest, which names all other files. */
export interface SavedCommit extends SavedObject {
  readonly serial: number
  readonly committedMs: number
}

/** A file beside the manifest, by its path below the data directory. */
export interface SavedNote extends SavedObject {
  readonly path: string
}

/** One state of a data directory. */
export interface Snapshot {
  /** When its log was read, ms since 1970. */
  readonly takenMs: number
  /** null: nothing was committed yet. */
  readonly commit: SavedCommit | null
  /** Empty where Kafka has the log. */
  readonly log: readonly SavedPartition[]
  readonly notes: readonly SavedNote[]
}

/** What a list of snapshots tells without reading them. */
export interface SnapshotName {
  readonly key: string
  readonly takenMs: number
}

const FOLDER = 'snapshots/'

/** Prefix of the keys of snapshots. */
export const SNAPSHOT_PREFIX = FOLDER

/** Keys sort by time. */
export function snapshotKey(takenMs: number): string {
  return `${FOLDER}${new Date(takenMs).toISOString().replaceAll(':', '-')}.json`
}

/** undefined for another key. */
export function parseSnapshotKey(key: string): SnapshotName | undefined {
  const [, day, hour, minute, second] =
    /^snapshots\/(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3}Z)\.json$/.exec(key) ?? []
  const takenMs = Date.parse(`${day}T${hour}:${minute}:${second}`)
  return Number.isNaN(takenMs) ? undefined : { key, takenMs }
}

/** The key of a file of the lake; its name never means other bytes. */
export function lakeKey({ table, partition, name }: LakeFile): string {
  return `lake/${partPath(table, partition)}/${name}`
}

/** The key of a file of the engine's state. */
export function stateKey({ path }: { readonly path: string }): string {
  return `state/${path}`
}

/** The keys of everything that a snapshot names beside the files of its manifest. */
export function listOwnKeys({ commit, log, notes }: Snapshot): readonly string[] {
  const chunks = log.flatMap(({ segments }) => segments.flatMap((one) => one.chunks))
  return [...(commit ? [commit] : []), ...chunks, ...notes].map(({ key }) => key)
}
