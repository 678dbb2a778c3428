/** The result of a query, whichever engine answers it. */
import { CcsError } from '../kernel/errors.ts'

/** How one query may run. */
export interface QueryControl {
  /** Cancels it: it fails, with the signal's reason if that is a CcsError. */
  readonly signal?: AbortSignal | undefined
  /** Ends it after this time, if `query.timeout` of ccs.yml is not less. */
  readonly timeoutMs?: number | undefined
  /** Refuses an answer with more rows, if `query.max_rows` of ccs.yml is not less. */
  readonly rowsMax?: number | undefined
  /**
   * The command by which a person asks, such as `ccs query`, for the history; absent: the program
   * itself asks.
   */
  readonly door?: string | undefined
}

/** What no query exceeds. */
export interface QueryLimits {
  readonly timeoutMs: number
  readonly rowsMax: number
  /** Queries that run at once; others wait. */
  readonly concurrency: number
}

/**
 * Columns and rows of a query, in the shapes of docs/json-output.md: exact numbers as text, times
 * as ISO 8601 UTC.
 */
export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** The same as one JSON document, in pieces: it goes to whoever asked as it is. */
export interface WrittenAnswer {
  readonly json: readonly Buffer[]
  /** The number of rows. */
  readonly rows: number
}

/** Why a query has no answer whose engine stops; also the reason of the signal that ends it. */
export function engineStopsError(): CcsError {
  return new CcsError('CCS_ENGINE_UNREACHABLE', 'The engine stops; it ended the query.', {
    hint: 'Run it again: without an engine, the last commit answers.',
  })
}
