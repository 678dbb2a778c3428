/**
 * A row of a file to be imported, before the mapping: where it stands, its bytes, and its values or why it
 * has none. Readers of CSV, NDJSON and Parquet all produce these.
 */

/** Reason codes of schemas/events.dlq.avsc that reading and mapping can find by themselves. */
export type RowReason =
  | 'undecodable'
  | 'invalid_json'
  | 'missing_field'
  | 'wrong_type'
  | 'rule_violation'
  | 'too_large'

/** Why a row is no event. Bad data is a value, never an exception. */
export class RowFault {
  readonly reason: RowReason
  readonly message: string

  constructor(reason: RowReason, message: string) {
    this.reason = reason
    this.message = message
  }
}

/** CSV: the fields in the header's order. NDJSON and Parquet: the row as an object. */
export type RowValues = readonly string[] | Readonly<Record<string, unknown>>

export interface SourceRow {
  /** Line of the file on which the row begins, from 1, header included; for Parquet the row's number. */
  readonly line: number
  /** The row as it stands in the file, without its line end; for Parquet its values as JSON. */
  readonly raw: Uint8Array
  readonly values: RowValues | RowFault
}

export const SOURCE_FORMATS = ['csv', 'ndjson', 'parquet'] as const

export type SourceFormat = (typeof SOURCE_FORMATS)[number]

export interface CsvStyle {
  /** One ASCII character. */
  readonly delimiter: string
  readonly encoding: 'utf-8' | 'windows-1252'
  /** Names of the columns, for files without a header line. */
  readonly header?: readonly string[]
}

export const CSV_STYLE: CsvStyle = { delimiter: ',', encoding: 'utf-8' }

/** An open file. Rows come in batches of bounded size; read them once. */
export interface RowReader {
  readonly format: SourceFormat
  /** Columns in the order of the file; undefined where each row has its own keys (NDJSON). */
  readonly columns: readonly string[] | undefined
  readonly bytesTotal: number
  /** Bytes of the file taken in so far, as stored (compressed, if it is). */
  bytesRead(): number
  /** Lines that repeat the header, as in files put together with `cat`; they are no rows. */
  repeatedHeaders(): number
  batches(): AsyncIterable<readonly SourceRow[]>
  close(): Promise<void>
}

/** Longest row that is kept whole; what a longer one has beyond is not kept. */
export const ROW_BYTES_MAX = 8 * 1024 * 1024
