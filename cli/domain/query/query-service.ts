/**
 * The port for querying a target: an engine on this machine, the last commit, or a server.
 * Results may be unbounded.
 */
import type { QueryControl, QueryResult } from '../sql/query-result.ts'

type Row = QueryResult['rows'][number]

/** The result of one query. */
export interface QueryAnswer {
  /** Where it comes from: a server's URL, `lake` or `marts`. */
  readonly from: string
  /**
   * When the rows were committed, ISO 8601; null: the data is current, or there is no commit yet.
   */
  readonly asOf: string | null
  readonly columns: QueryResult['columns']
  /**
   * Rows in the shapes of docs/json-output.md. Must be iterated exactly once; leaving
   * the loop cancels the query.
   */
  readonly rows: AsyncIterable<Row> | Iterable<Row>
  /** Whether rows keep coming until the query is cancelled (EMIT CHANGES). */
  readonly isUnbounded: boolean
}

/** How to run one query; cancelled, unbounded rows end, and any other query fails. */
export interface QueryOptions extends QueryControl {
  /** Whether unbounded rows start with those that exist already. */
  readonly isFromStart?: boolean
}

/** A table that queries can name. */
export interface TableInfo {
  readonly name: string
  readonly columns: QueryResult['columns']
}

/** Answers SQL queries; errors in a query are CCS_QUERY_INVALID. */
export interface QueryService {
  query(sql: string, options?: QueryOptions): Promise<QueryAnswer>
  /** Lists models first, in the order of their layers. */
  listTables(): Promise<readonly TableInfo[]>
  close(): Promise<void>
}

/** Reads the rows of a result, at most `limit`. */
export async function collectRows(
  answer: QueryAnswer,
  limit = Number.POSITIVE_INFINITY,
): Promise<readonly Row[]> {
  const rows: Row[] = []
  for await (const row of answer.rows) {
    rows.push(row)
    if (rows.length >= limit) break
  }
  return rows
}
