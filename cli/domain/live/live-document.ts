/** The JSON documents of the live page; docs/json-output.md describes them. */

import type { LeftOut } from '../provenance/left-out.ts'

/** The last answer of one metric. */
export interface MetricRows {
  /** The time that the answer is for, ISO 8601. */
  readonly asOf: string
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** Why there are no rows: the metric's SQL is invalid, or its query failed. */
  readonly error?: string
  /** Why there are no rows although nothing failed: they are not known yet, or not here. */
  readonly absent?: string
}

/** The job of a cluster that computes the rows, and the topics in which the page finds them. */
export interface LiveJob {
  /** Name of the target, for commands. */
  readonly target: string
  /** Where the topics are. */
  readonly from: string
  /** Time of the newest record of the topics that the numbers are from; null: there is none yet. */
  readonly newestAt: string | null
  /** When all topics were last read to their end; null: not yet. */
  readonly readAt: string | null
  /** Labels and texts of `ccs status`; empty while they are not known. */
  readonly facts: readonly (readonly [label: string, text: string])[]
}

/**
 * The state of the pipeline, as the page shows it. A count that is null is not known on this
 * target.
 */
export interface LiveHealth {
  /** Whether an engine ingests events; if not, everything else is as last committed. */
  readonly running: boolean
  /** Average over the last seconds, ten at most; null: not measured yet. */
  readonly eventsPerSecond: number | null
  /**
   * Age of the newest ingested event, or of the newest record of a cluster's topics; null before
   * the first, and if no engine runs.
   */
  readonly freshnessMs: number | null
  readonly lagEvents: number | null
  readonly records: number | null
  readonly late: number | null
  readonly duplicates: number | null
  /** Records in events.dlq. */
  readonly dlq: number | null
  /** Those of this engine that a model failed on. */
  readonly setAside: number | null
  /** All by reason; incomplete while a long topic is read for the first time. */
  readonly dlqByReason: Readonly<Record<string, number>>
  readonly watermark: string | null
  /** What blocks the pipeline or the page; null: nothing. */
  readonly stalled: string | null
  readonly commit: { readonly serial: number; readonly at: string | null }
  readonly marts: {
    readonly builtAt: string | null
    readonly ok: boolean
    readonly message: string
  } | null
  /** What today's numbers leave out; null: not counted yet, or it can't be counted. */
  readonly leftOut: LeftOut | null
  /** When the disk is full, if that is within a week; null: later, or it is not known. */
  readonly disk: { readonly text: string; readonly hint: string } | null
  /** Null: ccs itself computes the rows. */
  readonly job: LiveJob | null
}

/** GET /api/snapshot, and the first message of the event stream. */
export interface LiveSnapshot {
  readonly at: string
  readonly shop: {
    readonly name: string
    readonly timezone: string
    readonly currency: string | null
  }
  readonly figures: Readonly<Record<string, MetricRows>>
  /** Ids of metrics whose rows are only for who has the token, as this reader has not. */
  readonly hidden: readonly string[]
  readonly health: LiveHealth
}

/** Later messages of the stream: what changed, and what was queried again without a change. */
export interface LiveChange {
  readonly at: string
  readonly figures: Readonly<Record<string, MetricRows>>
  /** Ids of metrics whose rows are still the same as of `at`. */
  readonly unchanged: readonly string[]
  readonly health: LiveHealth
}

/** One entry of GET /api/figures: a metric and its SQL. */
export interface MetricInfo {
  readonly id: string
  readonly title: string
  readonly sql: string
  readonly everyMs: number
  readonly note: string
  /** What is wrong with its file, and where. */
  readonly error?: string
}
