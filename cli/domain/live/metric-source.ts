/** The port through which the page's metrics are queried. */
import type { QueryResult } from '../sql/query-result.ts'
import type { LiveHealth } from './live-document.ts'

/** In place of rows: nobody knows them, for a reason that is no fault of the SQL. */
export interface AbsentRows {
  /** The reason, in a sentence. */
  readonly absent: string
  /** Whether they will be known soon; earlier rows stay until then. */
  readonly isPassing: boolean
}

/** Where the board gets its answers: the engine in this process, another one, or the lake. */
export interface MetricSource {
  /** Ingests what the log holds, so that the answers that follow are up to date. */
  catchUp(): Promise<void>
  query(sql: string, nowMs: number): Promise<QueryResult | AbsentRows>
  health(): Promise<LiveHealth>
  /** Grows with the ingested records: another number means that answers may have changed. */
  revision(): number
}
