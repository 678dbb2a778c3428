/**
 * The tests of a model in sql/<layer>/<name>.test.yml: cases of events in order of arrival, and the
 * rows that must result. docs/testing-models.md describes the format.
 */
import type { Reason } from '../events/contracts.ts'

/** A parsed test file. */
export interface ModelTestFile {
  /** For example `silver.events`. */
  readonly model: string
  readonly file: string
  readonly cases: readonly ModelTestCase[]
}

/** One case: its steps, and what must hold afterwards. */
export interface ModelTestCase {
  readonly model: string
  readonly name: string
  readonly file: string
  readonly line: number
  readonly actions: readonly TestAction[]
  /** Expected content of raw.events at the end: the valid records in order of arrival. */
  readonly accepted: readonly RawRow[]
  /** The time of right_now(), ms. */
  readonly nowMs: number
  /** The shop's time zone, an IANA name; undefined: as in ccs.yml. */
  readonly timezone: string | undefined
  /** The date of times without one, YYYY-MM-DD. */
  readonly date: string | undefined
  /** Label of an event → its event_id. */
  readonly labels: ReadonlyMap<string, string>
  readonly expect: CaseExpectation
}

/** A row by column name; times in ms since 1970. */
export type RawRow = Readonly<Record<string, unknown>>

/** One step of a case, as the pipeline runs it. */
export type TestAction =
  | AppendAction
  /** Commits what arrived so far. */
  | { readonly do: 'commit' }
  /** Commits, closes the engine and reopens it from disk. */
  | { readonly do: 'restart' }
  /** Closes the engine without a commit; the next one reads the log again. */
  | { readonly do: 'crash' }

/** Appends one record; `line` is where the test file says so. */
export interface AppendAction {
  readonly do: 'append'
  readonly verb: 'event' | 'late' | 'duplicate' | 'invalid' | 'advance'
  readonly line: number
  readonly appendMs: number
  readonly record: TestRecord
}

/** A record to append: an event, or raw bytes. */
export type TestRecord =
  /** `schemaId` and `cutBytes` damage the record after encoding. */
  | { readonly event: RawRow; readonly schemaId?: number; readonly cutBytes?: number }
  | { readonly bytes: Uint8Array }

/** What must hold after the last step. */
export interface CaseExpectation {
  /** The case's own model first, then those below `also`. */
  readonly tables: readonly TableExpectation[]
  /** Reasons in events.dlq in order of arrival; undefined: not checked. */
  readonly dlq: readonly Reason[] | undefined
  /** Number of rows of Bronze that are not in Silver; undefined: not checked. */
  readonly duplicates: number | undefined
  /** Number of rows of Bronze that arrived late; undefined: not checked. */
  readonly late: number | undefined
}

/** Expected rows of one model. */
export interface TableExpectation {
  readonly model: string
  /** Exactly these rows, in any order; only the named columns are compared. */
  readonly rows: readonly RawRow[] | undefined
  /** At least these rows. */
  readonly contains: readonly RawRow[]
  readonly count: number | undefined
}

/** Visitor of the events that advance the watermark: a bot that comparisons ignore. */
export const WATERMARK_VISITOR = 'ccs-clock'
