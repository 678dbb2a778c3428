/** How a DuckDB is opened, and what its statements return. */

/** Settings of an instance. */
export interface DuckOptions {
  /** Worker threads; by default one per core. */
  readonly threads?: number
  readonly memoryLimitBytes?: number
  /** Where queries may spill that outgrow the memory limit; by default nowhere. */
  readonly tempDirectory?: string
  /** A database file; in memory by default. */
  readonly path?: string
  readonly readOnly?: boolean
  /** Other settings, by DuckDB's names. */
  readonly config?: Readonly<Record<string, string>>
}

/** A result; the types are DuckDB's names. */
export interface Rows {
  readonly columns: { readonly name: string; readonly type: string }[]
  readonly rows: Record<string, unknown>[]
}

/** A result that is read chunk by chunk; read it to its end before the next statement. */
export interface RowStream {
  readonly columns: Rows['columns']
  readonly chunks: AsyncIterable<Rows['rows']>
}
