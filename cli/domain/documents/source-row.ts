/**
 * Rows of a file to be imported, before the mapping; readers of CSV, NDJSON and Parquet all produce
 * these.
 */

/** The reason codes of schemas/events.dlq.avsc that reading and mapping a row can give. */
export type RowReason =
  | 'undecodable'
  | 'invalid_json'
  | 'missing_field'
  | 'wrong_type'
  | 'rule_violation'
  | 'too_large'

/** Why a row can't become an event. Bad data is a value, never an exception. */
export class RowFault {
  readonly reason: RowReason
  readonly message: string
  /** Where a whole row can't be read: what of it could be. */
  readonly readable: ReadableValues | undefined

  constructor(reason: RowReason, message: string, readable?: ReadableValues) {
    this.reason = reason
    this.message = message
    this.readable = readable
  }
}

/**
 * Of CSV: the fields up to the fault, which may be more or fewer than the header has; undefined
 * where one can't be read. Of NDJSON: the members up to the fault.
 */
export type ReadableValues = readonly (string | undefined)[] | Readonly<Record<string, unknown>>

/** Of CSV: the fields in the header's order. Of NDJSON and Parquet: the row as an object. */
export type RowValues = readonly string[] | Readonly<Record<string, unknown>>

/** A row with its place in the file, and its values or the reason why it has none. */
export interface SourceRow {
  /** Line on which the row begins, from 1, the header counted; for Parquet the row's number. */
  readonly line: number
  /** The row as it stands in the file, without its line end; for Parquet its values as JSON. */
  readonly raw: Uint8Array
  readonly values: RowValues | RowFault
}

/** File formats that can be imported. */
export const SOURCE_FORMATS = ['csv', 'ndjson', 'parquet'] as const

/** One of SOURCE_FORMATS. */
export type SourceFormat = (typeof SOURCE_FORMATS)[number]

/** How a CSV file is written. */
export interface CsvStyle {
  /** One ASCII character. */
  readonly delimiter: string
  readonly encoding: 'utf-8' | 'windows-1252'
  /** Names of the columns, for files without a header line. */
  readonly header?: readonly string[]
}

/** The style of files whose mapping says nothing else. */
export const CSV_STYLE: CsvStyle = { delimiter: ',', encoding: 'utf-8' }

/** An open file. Its rows come in batches of bounded size and can be read once. */
export interface RowReader {
  readonly format: SourceFormat
  /** Columns in the file's order; undefined where each row has its own keys (NDJSON). */
  readonly columns: readonly string[] | undefined
  readonly bytesTotal: number
  /** The file has neither rows nor a header, and so no columns. */
  readonly isEmpty: boolean
  /** Bytes of the file that were read so far, as stored: compressed, if it is. */
  bytesRead(): number
  /** How many lines repeat the header, as in files joined with `cat`; they are not rows. */
  repeatedHeaders(): number
  batches(): AsyncIterable<readonly SourceRow[]>
  close(): Promise<void>
}

/** A longer row is rejected, and only this many of its bytes are kept. */
export const ROW_BYTES_MAX = 8 * 1024 * 1024
