/**
 * A question to a target and its answer, wherever it comes from: an engine of this machine, what was last
 * committed, or a server elsewhere. Rows of an answer may go on without end.
 */
import type { QueryResult } from '../sql/query-result.ts'

type Row = QueryResult['rows'][number]

export interface QueryAnswer {
  /** Where it comes from: a server's URL, 'lake' or 'marts'. */
  readonly from: string
  /** When the rows asked for were committed, ISO 8601; null: up to now, or nothing committed yet. */
  readonly asOf: string | null
  readonly columns: QueryResult['columns']
  /** In the shapes of docs/json-output.md. May be gone through once, and must be; leaving the loop calls it off. */
  readonly rows: AsyncIterable<Row> | Iterable<Row>
  /** Rows come as things happen, until it is called off. */
  readonly isUnbounded: boolean
}

export interface QueryOptions {
  /** Calls it off: rows without end then end, a question that has an end fails. */
  readonly signal?: AbortSignal
  /** Rows without end begin with those that are there already. */
  readonly isFromStart?: boolean
}

/** What can be asked for, by the name that it has in a question. */
export interface TableInfo {
  readonly name: string
  readonly columns: QueryResult['columns']
}

export interface QueryService {
  query(sql: string, options?: QueryOptions): Promise<QueryAnswer>
  /** Models first, in the order of their layers. */
  listTables(): Promise<readonly TableInfo[]>
  close(): Promise<void>
}

/** Rows of an answer that ends, `limit` at most. */
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
