/** What a running engine uses, and how its queries ended. */

/** How a query ended; `stopped`: with its engine. */
export const QUERY_OUTCOMES = [
  'answered',
  'refused',
  'too_large',
  'timed_out',
  'cancelled',
  'stopped',
] as const

/** One of QUERY_OUTCOMES. */
export type QueryOutcome = (typeof QUERY_OUTCOMES)[number]

/** The queries of an engine since it was opened, those of the live page included. */
export interface QueryUsage {
  readonly running: number
  /** Those that wait until others have ended. */
  readonly waiting: number
  readonly ended: Readonly<Record<QueryOutcome, number>>
}

/** What an engine holds in memory, and its queries. */
export interface EngineUsage {
  /** What DuckDB has allocated within its memory limit. */
  readonly duckdbBytes: number
  /** Remembered ids of events and, where orders are deduplicated, of orders; and their tables. */
  readonly eventIds: number
  readonly orderIds: number
  readonly idBytes: number
  readonly queries: QueryUsage
}
