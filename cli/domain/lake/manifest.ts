/**
 * The manifest is the single source of truth of a data directory: how far each partition of the log
 * was read, which Parquet files form the lake, where the engine's state is, and which models
 * produced it. It is replaced by a single rename; files that the current manifest does not name may
 * be deleted.
 */

/** Newest version of the file format; a reader rejects newer ones. */
export const MANIFEST_FORMAT = 2

/** A Parquet file of the lake. */
export interface LakeFile {
  /** Such as `silver.events`. */
  readonly table: string
  /** `event_date=2026-11-22`; '' for a table without partitions. */
  readonly partition: string
  /** File name without directory; unique in the lake. */
  readonly name: string
  readonly rows: number
  readonly bytes: number
  /** CRC-32 of the whole file, as an unsigned number. */
  readonly crc32: number
}

/** How far a partition was read. */
export interface PartitionEnd {
  readonly topic: string
  readonly partition: number
  /** Offset of the first record that was not read yet. */
  readonly nextOffset: number
}

/** How far a partition of the log was read. */
export interface PartitionPosition extends PartitionEnd {
  /**
   * Greatest corrected event time so far, ms, each event's at most the time at which it was
   * appended; the watermark is the declared delay behind it. null: no event yet.
   */
  readonly maxEventMs: number | null
  /** An import that is done; the least watermark does not wait for this partition. */
  readonly hasEnded?: true
}

/** What became of the records of events.raw up to the positions, since the log began. */
export interface Counts {
  readonly records: number
  readonly bronze: number
  readonly duplicates: number
  /** Records in events.dlq, those of `setAside` included. */
  readonly dlq: number
  /** Records that a model failed on. */
  readonly setAside: number
  /** Events behind their partition's watermark on arrival. */
  readonly late: number
}

/**
 * A partition of a log whose topic can be deleted and recreated: which topic was read, and how its
 * offsets map to those of the rows.
 */
export interface LogSource {
  readonly topic: string
  readonly partition: number
  /** The log's id of this incarnation of the topic. */
  readonly id: string
  /** Rows have the log's offset plus this: offsets continue after those of a deleted topic. */
  readonly shift: number
  /** First offset, shift included, that belongs to this incarnation. */
  readonly since: number
}

/**
 * Offsets without rows, because the log had lost their records: before they were read, or (`given
 * up`) before a rebuild, which was allowed to go on without them.
 */
export interface LogGap {
  readonly topic: string
  readonly partition: number
  readonly from: number
  /** Exclusive. Equal to `from` if the number of lost records is unknown. */
  readonly to: number
  readonly why: 'expired' | 'recreated' | 'truncated' | 'given up'
  readonly seenMs: number
}

/** Records that retention removed from the log: offsets from `from` up to, not including, `to`. */
export interface PrunedRecords {
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly to: number
}

/**
 * What retention removed from the log of a data directory on purpose, so that it is not taken for a
 * loss.
 */
export interface Pruned {
  /** Ascending within a partition, and not adjacent to one another. */
  readonly records: readonly PrunedRecords[]
  /**
   * How many committed records of events.raw were rejected and have no reject in events.dlq any
   * more. Set back by a rebuild from the log, which writes their rejects again.
   */
  readonly rejects: number
}

/** A file that the engine resumes from: partial rows of a model, or ids for deduplication. */
export interface StateFile {
  /** Path below the state directory. */
  readonly path: string
  /** `seen`: event ids; `orders`: order ids. */
  readonly kind: 'gold' | 'seen' | 'orders'
  /** The Gold model; '' for ids. */
  readonly model: string
  readonly rows: number
  readonly bytes: number
  readonly crc32: number
  /** Of ids only: greatest watermark hour (since 1970) of its ids; it expires as a whole. */
  readonly hour?: number
  /** Kind `gold` only: greatest watermark, ms, at which rows of the model moved to the lake. */
  readonly closedMs?: number
}

/**
 * A UTC day of event time of which the engine's dedupe index has all ids: days since 1970, and the
 * hour since 1970 of the index's clock at the day's first event.
 */
export interface DedupedDay {
  readonly day: number
  readonly hour: number
}

/** A model as it was deployed. */
export interface DeployedModel {
  readonly name: string
  /** See fingerprintModel. */
  readonly fingerprint: string
  /** The model's file as deployed, for the diff. */
  readonly text: string
}

/** Versions of the file format. */
export type ManifestFormat = 1 | typeof MANIFEST_FORMAT

/** What a manifest says of the whole data directory; each commit and rebuild hands it on. */
export type LogMarks = Pick<Manifest, 'pruned' | 'compressedLog' | 'hasErased'>

/** The marks of a manifest; without those that it does not have. */
export function pickMarks({ pruned, compressedLog, hasErased }: LogMarks): LogMarks {
  return {
    ...(pruned ? { pruned } : {}),
    ...(compressedLog ? { compressedLog } : {}),
    ...(hasErased ? { hasErased } : {}),
  }
}

/**
 * The format that a manifest needs: a ccs that knows format 1 alone would take what retention has
 * removed for lost, can't read a compressed log, and might take in erased persons again.
 */
export function findFormat({ pruned, compressedLog, hasErased }: LogMarks): ManifestFormat {
  return pruned || compressedLog || hasErased ? 2 : 1
}

/** The whole state of a data directory at one commit. */
export interface Manifest {
  /** The oldest format that a reader must know: 1 unless something in it needs a newer one. */
  readonly format: ManifestFormat
  /** Grows by one with every commit. */
  readonly serial: number
  /** Which lake directory the files are in; a rebuild fills a new one. */
  readonly generation: number
  readonly committedMs: number
  /** Number of the engine's start that committed it: grows. Absent in that of an older ccs. */
  readonly epoch?: number
  readonly positions: readonly PartitionPosition[]
  /** Offset after the last reject in events.dlq that belongs to this commit. */
  readonly dlqEnd: number
  readonly counts: Counts
  /** With Kafka only. */
  readonly sources?: readonly LogSource[]
  readonly gaps?: readonly LogGap[]
  /** Absent if retention has removed nothing yet. */
  readonly pruned?: Pruned
  /** Whether the log may have compressed segments. */
  readonly compressedLog?: true
  /** Whether persons were erased, whose events are not taken in again. */
  readonly hasErased?: true
  readonly files: readonly LakeFile[]
  readonly state: readonly StateFile[]
  /** Absent in the manifest of an older ccs. */
  readonly dedupedDays?: readonly DedupedDay[]
  readonly models: readonly DeployedModel[]
  readonly schemas: readonly { readonly subject: string; readonly fingerprint: string }[]
}

/** The files of one partition of one table. */
export interface PartitionFiles {
  readonly table: string
  readonly partition: string
  readonly files: readonly LakeFile[]
}

/** Sorted by table and partition; files keep their order. */
export function groupByPartition(files: readonly LakeFile[]): PartitionFiles[] {
  const found = new Map<string, { table: string; partition: string; files: LakeFile[] }>()
  for (const file of files) {
    const key = `${file.table}/${file.partition}`
    const leaf = found.get(key)
    if (leaf) leaf.files.push(file)
    else found.set(key, { table: file.table, partition: file.partition, files: [file] })
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, leaf]) => leaf)
}
