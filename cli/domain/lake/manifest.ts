/**
 * The manifest says what is true: how far each partition of the log has been taken in, which Parquet files
 * are the lake, where the engine's state lies, and which logic made it all. It is replaced by one rename;
 * everything that the current manifest does not name may be deleted.
 */
export const MANIFEST_FORMAT = 1

export interface LakeFile {
  /** `silver.events` and so on. */
  readonly table: string
  /** `event_date=2026-11-22`, or '' for a table without partitions. */
  readonly partition: string
  /** File name without directory; unique in the lake. */
  readonly name: string
  readonly rows: number
  readonly bytes: number
  /** CRC-32 of the whole file, as an unsigned number. */
  readonly crc32: number
}

export interface PartitionPosition {
  readonly topic: string
  readonly partition: number
  /** Offset of the first record not taken in yet. */
  readonly nextOffset: number
  /** Greatest corrected event time taken in, ms; the watermark stays the declared delay behind. null: none yet. */
  readonly maxEventMs: number | null
}

/** What has become of the records of events.raw up to the positions, since the log began. */
export interface Counts {
  readonly records: number
  readonly bronze: number
  readonly duplicates: number
  readonly dlq: number
  /** Events behind their partition's watermark on arrival. */
  readonly late: number
}

/** A partition of a log whose topic can be deleted and made anew: which one was read, and how its rows count. */
export interface LogSource {
  readonly topic: string
  readonly partition: number
  /** The log's name for this making of the topic. */
  readonly id: string
  /** Rows have the log's offset plus this: offsets go on where those of an earlier topic ended. */
  readonly shift: number
  /** First offset, shifted, that belongs to this making of it. */
  readonly since: number
}

/** Offsets that were never taken in, because the log had lost their records. */
export interface LogGap {
  readonly topic: string
  readonly partition: number
  readonly from: number
  /** Not part of it. As `from` where nobody knows how many records are gone. */
  readonly to: number
  readonly why: 'expired' | 'recreated' | 'truncated'
  readonly seenMs: number
}

export interface StateFile {
  /** Path below the state directory. */
  readonly path: string
  readonly kind: 'gold' | 'seen'
  /** Model name for gold; '' for seen. */
  readonly model: string
  readonly rows: number
  readonly bytes: number
  readonly crc32: number
  /** seen only: greatest watermark hour (hours since 1970) of the ids in the file; it is dropped whole. */
  readonly hour?: number
  /** gold only: the greatest watermark, ms, at which rows of the model have left the state for the lake. */
  readonly closedMs?: number
}

export interface DeployedModel {
  readonly name: string
  /** Hash of the model's meaning: canonical SELECT, header and macros, and those of all it reads from. */
  readonly fingerprint: string
  /** The model's own text as deployed, for the diff. */
  readonly text: string
}

export interface Manifest {
  readonly format: typeof MANIFEST_FORMAT
  /** Grows by one with every commit. */
  readonly serial: number
  /** Which lake directory the files are in; a rebuild fills the next one beside it. */
  readonly generation: number
  readonly committedMs: number
  readonly positions: readonly PartitionPosition[]
  /** Offset after the last reject in events.dlq that belongs to this commit. */
  readonly dlqEnd: number
  readonly counts: Counts
  /** On Kafka only. */
  readonly sources?: readonly LogSource[]
  readonly gaps?: readonly LogGap[]
  readonly files: readonly LakeFile[]
  readonly state: readonly StateFile[]
  readonly models: readonly DeployedModel[]
  readonly schemas: readonly { readonly subject: string; readonly fingerprint: string }[]
}

/** The files of one partition of one table. */
export interface PartitionFiles {
  readonly table: string
  readonly partition: string
  readonly files: readonly LakeFile[]
}

/** Sorted by table and partition; within, as given. */
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
