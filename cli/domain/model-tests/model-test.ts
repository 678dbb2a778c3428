/**
 * A model's tests, as sql/<layer>/<name>.test.yml says them: cases of given events, in the order in which
 * they arrive, and the rows that must come of them. docs/testing-models.md has the words of the format.
 */
import type { Reason } from '../events/contracts.ts'

export interface ModelTestFile {
  /** `silver.events` */
  readonly model: string
  readonly file: string
  readonly cases: readonly ModelTestCase[]
}

export interface ModelTestCase {
  readonly model: string
  readonly name: string
  readonly file: string
  readonly line: number
  readonly actions: readonly TestAction[]
  /** What raw.events holds at the end: the records that keep the contract, as they arrived. */
  readonly accepted: readonly RawRow[]
  /** The clock of right_now(), ms. */
  readonly nowMs: number
  /** The shop's, an IANA name; undefined: as ccs.yml says. */
  readonly timezone: string | undefined
  /** Day that times without one belong to, YYYY-MM-DD. */
  readonly date: string | undefined
  /** Label of an event → its event_id. */
  readonly labels: ReadonlyMap<string, string>
  readonly expect: CaseExpectation
}

/** A record of raw.events by the contract's names; times in ms since 1970. */
export type RawRow = Readonly<Record<string, unknown>>

export type TestAction =
  | AppendAction
  /** Commits what came so far, and goes on. */
  | { readonly do: 'commit' }
  /** Commits, closes the engine and opens it again from disk. */
  | { readonly do: 'restart' }
  /** Closes the engine without a commit; the next one meets the log again. */
  | { readonly do: 'crash' }

export interface AppendAction {
  readonly do: 'append'
  readonly verb: 'event' | 'late' | 'duplicate' | 'invalid' | 'advance'
  readonly line: number
  readonly appendMs: number
  readonly record: TestRecord
}

export type TestRecord =
  /** With a number: damaged after it was encoded. */
  | { readonly event: RawRow; readonly schemaId?: number; readonly cutBytes?: number }
  | { readonly bytes: Uint8Array }

export interface CaseExpectation {
  /** The case's own model first, then those below `also`. */
  readonly tables: readonly TableExpectation[]
  /** Reasons in events.dlq, in the order of arrival; undefined: any. */
  readonly dlq: readonly Reason[] | undefined
  /** Rows of Bronze that are not in Silver; undefined: any. */
  readonly duplicates: number | undefined
  /** Rows of Bronze that arrived behind the watermark; undefined: any. */
  readonly late: number | undefined
}

export interface TableExpectation {
  readonly model: string
  /** Exactly these rows, in any order; only the named columns are compared. */
  readonly rows: readonly RawRow[] | undefined
  /** These rows and perhaps others. */
  readonly contains: readonly RawRow[]
  readonly count: number | undefined
}

/** The visitor of the events that move the watermark: a bot, left out of every comparison. */
export const WATERMARK_VISITOR = 'ccs-clock'
