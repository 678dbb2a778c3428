/**
 * How the pipeline is doing, in figures that a person can act on: what waits, how fresh the answers are,
 * what came late, twice or broken, and when it was last committed.
 */
import type { Counts } from '../core/manifest.ts'
import type { EventLog } from '../core/ports.ts'
import type { PipelineState } from './run.ts'

export interface StatusResult {
  /** The data directory. */
  readonly data: string
  readonly running: boolean
  /** Set while the intake stands still. */
  readonly stalled: string | null
  /** Records in the log that are not taken in yet. */
  readonly lagEvents: number
  /** Event-time watermark, ISO 8601 UTC; null before the first event. */
  readonly watermark: string | null
  /** Age of the newest record taken in, ms; null before the first. */
  readonly newestAgeMs: number | null
  readonly counts: Counts
  readonly uncommittedRows: number
  readonly lastCommit: string | null
  readonly serial: number
  readonly partitions: readonly {
    readonly topic: string
    readonly partition: number
    readonly nextOffset: number
    readonly end: number
  }[]
}

export async function readStatus(
  log: EventLog,
  state: PipelineState,
  about: {
    readonly data: string
    readonly topic: string
    readonly nowMs: number
    readonly running: boolean
  },
): Promise<StatusResult> {
  const partitions = []
  for (const partition of await log.partitions(about.topic)) {
    const { end, start } = await log.range(about.topic, partition)
    const at = state.positions.find(
      (one) => one.topic === about.topic && one.partition === partition,
    )
    partitions.push({ topic: about.topic, partition, nextOffset: at?.nextOffset ?? start, end })
  }
  return {
    data: about.data,
    running: about.running,
    stalled: state.stalled,
    lagEvents: partitions.reduce((sum, one) => sum + Math.max(0, one.end - one.nextOffset), 0),
    watermark: iso(state.watermarkMs),
    newestAgeMs:
      state.newestAppendMs === null ? null : Math.max(0, about.nowMs - state.newestAppendMs),
    counts: state.counts,
    uncommittedRows: state.uncommittedRows,
    lastCommit: iso(state.committedMs),
    serial: state.serial,
    partitions,
  }
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
