/**
 * Read this first. The program is these ports and the flows over them: events go through an EventLog,
 * a Gate judges their bytes against schemas from a SchemaRegistry, an engine turns them into Bronze, Silver
 * and Gold, a Lake keeps the rows as Parquet. Which adapter stands behind a port is known to open.ts alone.
 */

import type { Deployment } from '../deploy/deployment.ts'
import type { Reason } from '../events/contracts.ts'
import type { Counts, Manifest, PartitionPosition, StateFile } from '../lake/manifest.ts'
import type { RecordBatch } from './record-batch.ts'
import type { TopicProgress } from './topic-progress.ts'

/** The wall clock, and waiting by it. Event time never comes from here. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  nowMs(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** A group of records that was appended, and made durable, as one. */
export interface LogFrame {
  readonly topic: string
  readonly partition: number
  /** Offset of the first record; the others follow without gaps. */
  readonly baseOffset: number
  readonly count: number
  /**
   * When the frame was appended, ms since 1970, by the writer's clock. A writer of ccs never goes back; on Kafka
   * it is the newest time of the record batch, whoever wrote that.
   */
  readonly appendMs: number
  /** `count` times: u32 little-endian length, then that many bytes. Valid until the next read. */
  readonly body: Buffer
}

export interface LogWriter {
  readonly topic: string
  readonly partition: number
  /** Appends all records or none; resolves with the first offset once they are on the disk. */
  append(batch: RecordBatch, appendMs: number): Promise<number>
  close(): Promise<void>
}

export interface LogReader {
  /** The next whole frames, up to about `bytesMax` (at least one frame if there is any); [] at the end. */
  read(bytesMax: number): Promise<readonly LogFrame[]>
  /** Offset that the next read begins with; offsets without a record may come first. */
  position(): number
  close(): Promise<void>
}

/** Topics of append-only partitions: the truth that everything else can be rebuilt from. */
export interface EventLog {
  partitions(topic: string): Promise<readonly number[]>
  /** Changes when the topic is deleted and made anew; null where there is no telling, or no topic. */
  identity(topic: string): Promise<string | null>
  /** First offset kept, and the offset after the last durable record. */
  range(topic: string, partition: number): Promise<{ readonly start: number; readonly end: number }>
  /** Reads from `fromOffset` on, while others write. A frame that fails its checksum is never served: CCS_LOG_CORRUPT. */
  reader(topic: string, partition: number, fromOffset: number): Promise<LogReader>
  /** The partition's one writer; CCS_LOG_LOCKED names the holder when there is another. `owner` is shown to others. */
  writer(topic: string, partition: number, owner: string): Promise<LogWriter>
  close(): Promise<void>
}

/** An Avro schema with the id its records carry (Confluent wire format: byte 0, u32 big-endian id, Avro). */
export interface RegisteredSchema {
  readonly id: number
  readonly subject: string
  readonly version: number
  /** The schema as Avro JSON text. */
  readonly schema: string
}

export interface SchemaRegistry {
  byId(id: number): Promise<RegisteredSchema | undefined>
  /** All versions of a subject (`<topic>-value`), oldest first. */
  versions(subject: string): Promise<readonly RegisteredSchema[]>
}

/** A registry that is a server: subjects can be looked through and changed. */
export interface RemoteRegistry extends SchemaRegistry {
  subjects(): Promise<readonly string[]>
  /** Repeating it gives the version that is there. CCS_SCHEMA_BREAKS when the registry's own check refuses. */
  register(subject: string, schema: string): Promise<RegisteredSchema>
  /** Whether the registry would take `schema` as the next version; true for a subject without versions. */
  accepts(subject: string, schema: string): Promise<boolean>
  /** The subject's own level, or the global one where it has none. */
  compatibility(subject: string): Promise<string>
  setCompatibility(subject: string, level: string): Promise<void>
  /** Deletes one version for good; records that carry its id can be read no more by who asks the registry. */
  removeVersion(subject: string, version: number): Promise<void>
  /** Deletes the subject with all versions, for good. */
  remove(subject: string): Promise<void>
  /** What it says of itself, for `ccs doctor`: product, version, mode; what it does not say is left out. */
  about(): Promise<Readonly<Record<string, string>>>
}

/** Topics of a cluster as they are. */
export interface TopicState {
  readonly name: string
  readonly partitions: number
  readonly replication: number
  /** Settings given to this topic, by Kafka's names; what the broker's defaults say is not among them. */
  readonly config: Readonly<Record<string, string>>
}

export interface TopicAdmin {
  /** Those of `names` that exist, all there are without; internal topics of Kafka are left out. */
  topics(names?: readonly string[]): Promise<readonly TopicState[]>
  create(topics: readonly TopicState[]): Promise<void>
  /** Sets and, by null, unsets settings; the others stay as they are. */
  configure(name: string, config: Readonly<Record<string, string | null>>): Promise<void>
  addPartitions(name: string, total: number): Promise<void>
  /** Of all topics. */
  names(): Promise<readonly string[]>
  /** How far a consumer group has read a topic; [] for a topic that is not there. */
  progress(name: string, group: string): Promise<readonly TopicProgress[]>
  remove(names: readonly string[]): Promise<void>
  /** Brokers, version, and what `ccs doctor` looks at. */
  about(): Promise<Readonly<Record<string, string>>>
  close(): Promise<void>
}

/** A connector as Kafka Connect sees it. */
export interface ConnectorState {
  readonly name: string
  /** RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED, RESTARTING. */
  readonly state: string
  /** What it died of: the first line of the trace and a line for each of its causes. */
  readonly fault?: string
  /** With what each failed task died of, likewise. */
  readonly tasks: readonly {
    readonly id: number
    readonly state: string
    readonly fault?: string
  }[]
  readonly config: Readonly<Record<string, string>>
}

/** Partition positions of a sink; `committed` null: nothing yet. */
export interface ConnectorOffset {
  readonly topic: string
  readonly partition: number
  readonly committed: number | null
}

export interface ConnectCluster {
  about(): Promise<Readonly<Record<string, string>>>
  /** Classes of the connectors and converters that the workers have. */
  plugins(): Promise<readonly string[]>
  connectors(): Promise<readonly ConnectorState[]>
  /** What Connect itself says is wrong with a config: one sentence a key. */
  validate(
    config: Readonly<Record<string, string>>,
  ): Promise<readonly { readonly key: string; readonly fault: string }[]>
  /** Creates or changes. What it becomes is for `connectors()` to say: a config that validates may die later. */
  put(name: string, config: Readonly<Record<string, string>>): Promise<void>
  pause(name: string): Promise<void>
  resume(name: string): Promise<void>
  /** The connector and those of its tasks that failed. */
  restart(name: string): Promise<void>
  remove(name: string): Promise<void>
  offsets(name: string): Promise<readonly ConnectorOffset[]>
}

/** What was deployed to a target, kept in the target. */
export interface DeploymentStore {
  /** The newest; undefined before the first. */
  load(): Promise<Deployment | undefined>
  /** Those that can be returned to, newest first. */
  history(): Promise<readonly Deployment[]>
  /**
   * Takes the target for one deployer, `owner` in words. CCS_DEPLOY_LOCKED while another is at work; of two at
   * once, one gets it. What a killed deployer held is free again after its lease.
   */
  claim(owner: string): Promise<DeploymentClaim>
  close(): Promise<void>
}

export interface DeploymentClaim {
  /** Grows with every claim; a deployer with a lesser one can write nothing any more. */
  readonly epoch: number
  /** Durable when it resolves. CCS_DEPLOY_LOCKED when another has taken the target meanwhile. */
  save(deployment: Deployment): Promise<void>
  /** Throws CCS_DEPLOY_LOCKED when another has taken the target; renews the lease otherwise. Before each step. */
  check(): Promise<void>
  release(): Promise<void>
}

/** Rows of a query, in the shapes of docs/json-output.md: exact numbers as text, times as ISO 8601 UTC. */
export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** A Parquet file that waits outside the lake until a manifest names it. */
export interface StagedFile {
  readonly table: string
  /** Hive partition such as `event_date=2026-11-22`, '' for a table without. */
  readonly partition: string
  readonly path: string
  readonly rows: number
}

/** Parquet files in Hive partitions. What a manifest names is in the lake; nothing else is ever read. */
export interface Lake {
  /** An empty directory for the files of one commit. */
  stage(commit: string): Promise<string>
  /** Makes staged files durable and gives each its final name; they are not visible yet. */
  seal(staged: readonly StagedFile[], commit: string): Promise<Manifest['files']>
  /** Moves what `manifest` names to where it names it, and clears away what none names; repeatable. */
  settle(manifest: Manifest): Promise<void>
  /** Absolute path of a file that the manifest names. */
  path(file: Manifest['files'][number]): string
}

/** The manifest on disk, replaced by one rename. */
export interface ManifestStore {
  /** undefined before the first commit; CCS_MANIFEST_INVALID for damaged bytes or a newer format. */
  load(): Promise<Manifest | undefined>
  /** Durable when it resolves; its serial must be the current one's plus 1, else CCS_ENGINE_LOCKED. */
  commit(manifest: Manifest): Promise<void>
}

/** A record that broke the contract. */
export interface Reject {
  readonly reason: Reason
  /** One sentence for a person: field, value, rule. */
  readonly message: string
  readonly schemaId: number | null
  /** Exactly as it arrived. */
  readonly bytes: Buffer
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly appendMs: number
}

/** Rows and state up to a point, unchanging, while the engine takes in more. */
export interface Frozen {
  /** Rows that are not in the lake yet. */
  readonly rows: number
  readonly positions: readonly PartitionPosition[]
  readonly counts: Counts
}

/** What a frozen part has become on disk; it counts once a manifest names it. */
export interface Written {
  readonly staged: readonly StagedFile[]
  readonly state: readonly StateFile[]
  /** Tables whose rows are all in this commit: it does not name their earlier lake files any more. */
  readonly replaced: readonly string[]
}

/** An engine in this process that takes the log in small batches: the local and kafka targets have one. */
export interface BatchEngine<F extends Frozen = Frozen, W extends Written = Written> {
  readonly positions: readonly PartitionPosition[]
  readonly counts: Counts
  /** Least watermark of all partitions, ms; null: none yet. */
  readonly watermarkMs: number | null
  /** Rows that no commit holds yet. */
  readonly uncommittedRows: number
  /** Takes frames in, in order; their rows can be asked for when it resolves. */
  ingest(frames: readonly LogFrame[]): Promise<readonly Reject[]>
  /** One SELECT over Bronze, Silver and Gold as of now; `nowMs` is the clock of right_now(). The signal makes it fail. */
  query(sql: string, nowMs: number, signal?: AbortSignal): Promise<QueryResult>
  /** Everything taken in so far; undefined when nothing came since the last. */
  freeze(): Promise<F | undefined>
  /** Writes a frozen part: lake files below `stage`, state below its own directory. Repeatable. */
  write(frozen: F, commit: WriteOptions): Promise<W>
  /** The frozen part is committed: it leaves memory, and queries see `manifest`'s files. */
  release(frozen: F, written: W, manifest: Manifest): Promise<void>
  /** The lake's files changed without new rows. */
  refresh(manifest: Manifest): Promise<void>
  close(): Promise<void>
}

/** A record of a copy; `value` null: the row is gone. */
export interface KeyedRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** A copy of Gold in which the last record of a key counts: a compacted topic a model. */
export interface GoldSink {
  /** Durable when it resolves, in this order for each key. Repeating it is harmless. */
  publish(model: string, records: readonly KeyedRecord[]): Promise<void>
  /** Keys that have a value now. Reads everything. */
  keys(model: string): Promise<ReadonlySet<string>>
  /** Another text when the copy was deleted and made anew. */
  identity(model: string): Promise<string>
  close(): Promise<void>
}

export interface WriteOptions {
  /** Serial of the commit to be. */
  readonly serial: number
  readonly stage: string
  readonly previous: readonly StateFile[]
}
