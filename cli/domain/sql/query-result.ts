/** The result of a query, whichever engine answers it. */

/**
 * Columns and rows of a query, in the shapes of docs/json-output.md: exact numbers as text, times
 * as ISO 8601 UTC.
 */
export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}
