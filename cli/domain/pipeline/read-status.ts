/**
 * `ccs status`: how far the pipeline is behind, how fresh its answers are, what arrived late, twice
 * or invalid, and when it last committed.
 */
import { listImportPartitions } from '../dlq/count-rejects.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import type { Counts, LogGap, Manifest } from '../lake/manifest.ts'
import type { CopyStatus } from '../lake/s3/copy-status.ts'
import type { ScrubStatus } from '../lake/scrub.ts'
import type { EventLog } from '../log/event-log.ts'
import { DLQ_TOPIC } from '../log/topics.ts'
import type { PipelineState } from './pipeline-ports.ts'

/** What `ccs status --json` prints. */
export interface StatusResult {
  /** Path of the data directory. */
  readonly data: string
  readonly running: boolean
  /** Why ingestion is waiting; null: it isn't. */
  readonly stalled: string | null
  /** Records in the log that are not ingested yet. */
  readonly lagEvents: number
  /** Event-time watermark, ISO 8601 UTC; null before the first event. */
  readonly watermark: string | null
  /** Age of the newest ingested record, ms; null before the first. */
  readonly newestAgeMs: number | null
  readonly counts: Counts
  /** Rows that imports rejected: they are in events.dlq, but never were records of events.raw. */
  readonly importRejects: number
  readonly uncommittedRows: number
  readonly lastCommit: string | null
  readonly serial: number
  readonly partitions: readonly {
    readonly topic: string
    readonly partition: number
    readonly nextOffset: number
    readonly end: number
  }[]
  /** Records that the log lost before they were ingested. */
  readonly gaps: readonly LogGap[]
  /** The slow check of all files. */
  readonly scrub: ScrubStatus
  /** The copy of the lake on S3; null: there is none. */
  readonly s3: CopyStatus | null
}

/**
 * Reads the log's ends. A running engine's status does not fail if the log is
 * unreachable: `stalled` says so.
 */
export async function readStatus(
  log: EventLog,
  state: PipelineState,
  about: {
    readonly data: string
    readonly topic: string
    readonly nowMs: number
    readonly running: boolean
    readonly scrub: Promise<ScrubStatus>
    readonly s3: Promise<CopyStatus | null>
  },
): Promise<StatusResult> {
  let { stalled } = state
  // While the loop waits for the log, a request would wait as well; the lag is unknown then.
  let partitions = listCommittedPartitions(state, about.topic)
  let importRejects = 0
  if (stalled === null)
    try {
      partitions = await readPartitions(log, state, about.topic)
      importRejects = await countImportRejects(log)
    } catch (error) {
      if (!about.running || !(error instanceof CcsError) || error.exit !== EXIT.unreachable)
        throw error
      stalled = error.message
    }
  return {
    data: about.data,
    running: about.running,
    stalled,
    lagEvents: partitions.reduce((sum, one) => sum + Math.max(0, one.end - one.nextOffset), 0),
    watermark: formatTime(state.watermarkMs),
    newestAgeMs:
      state.newestAppendMs === null ? null : Math.max(0, about.nowMs - state.newestAppendMs),
    counts: state.counts,
    importRejects,
    uncommittedRows: state.uncommittedRows,
    lastCommit: formatTime(state.committedMs),
    serial: state.serial,
    partitions,
    gaps: state.gaps,
    scrub: await about.scrub,
    s3: await about.s3,
  }
}

const NO_COUNTS: Counts = { records: 0, bronze: 0, duplicates: 0, dlq: 0, setAside: 0, late: 0 }

/** The state of a pipeline that does not run, as its last commit left it. */
export function describeCommit(manifest: Manifest | undefined): PipelineState {
  return {
    positions: manifest?.positions ?? [],
    counts: manifest?.counts ?? NO_COUNTS,
    watermarkMs: null,
    uncommittedRows: 0,
    committedMs: manifest?.committedMs ?? null,
    serial: manifest?.serial ?? 0,
    newestAppendMs: null,
    stalled: null,
    sources: manifest?.sources ?? [],
    gaps: manifest?.gaps ?? [],
  }
}

type Partitions = StatusResult['partitions']

async function readPartitions(
  log: EventLog,
  { positions, sources }: PipelineState,
  topic: string,
): Promise<Partitions> {
  const read = async (partition: number) => {
    const range = await log.range(topic, partition)
    const isOf = (one: { readonly topic: string; readonly partition: number }) =>
      one.topic === topic && one.partition === partition
    const { shift = 0 } = sources.find(isOf) ?? {}
    const nextOffset = positions.find(isOf)?.nextOffset ?? range.start + shift
    return { topic, partition, nextOffset, end: range.end + shift }
  }
  return Promise.all((await log.partitions(topic)).map(read))
}

/** Imports write to the log of a data directory, and to other partitions than the engine. */
async function countImportRejects(log: EventLog): Promise<number> {
  const partitions = await listImportPartitions(log)
  const ranges = await Promise.all(partitions.map((one) => log.range(DLQ_TOPIC, one)))
  return ranges.reduce((sum, { end }) => sum + end, 0)
}

function listCommittedPartitions({ positions }: PipelineState, topic: string): Partitions {
  return positions
    .filter((one) => one.topic === topic)
    .map(({ partition, nextOffset }) => ({ topic, partition, nextOffset, end: nextOffset }))
}

function formatTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
