/** Keeps one query within its limits: of time, of rows, and of the length of its answer. */
import { appendAll } from '../../domain/kernel/lists.ts'
import { AnswerSize, timeoutError } from '../../domain/sql/answer-size.ts'
import type { QueryControl, QueryLimits, QueryResult } from '../../domain/sql/query-result.ts'
import type { DuckConnection } from './duckdb.ts'

/** An interruption is lost if DuckDB has not begun the statement yet, so it is repeated. */
const INTERRUPT_EVERY_MS = 100

/** What one query may use, from now on. */
export class QueryBounds {
  readonly rowsMax: number
  readonly #stop = new AbortController()
  readonly #control: QueryControl
  readonly #timer: NodeJS.Timeout
  readonly #cancel: () => void

  /** `toReason` makes the reason of `signal` of that of the control's signal. */
  constructor(
    limits: Pick<QueryLimits, 'timeoutMs' | 'rowsMax'>,
    control: QueryControl,
    toReason: (reason: unknown) => unknown = (reason) => reason,
  ) {
    this.#control = control
    this.rowsMax = Math.min(limits.rowsMax, control.rowsMax ?? Number.POSITIVE_INFINITY)
    const timeoutMs = Math.min(limits.timeoutMs, control.timeoutMs ?? Number.POSITIVE_INFINITY)
    this.#timer = setTimeout(() => this.stop(timeoutError(timeoutMs)), timeoutMs)
    this.#cancel = () => this.stop(toReason(control.signal?.reason))
    if (control.signal?.aborted) this.#cancel()
    control.signal?.addEventListener('abort', this.#cancel, { once: true })
  }

  /** Aborts, with the reason, when the query has to end. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Ends the query; only the first reason counts. */
  stop(reason: unknown): void {
    this.#stop.abort(reason)
  }

  /** The query has ended: nothing more is waited for. */
  release(): void {
    clearTimeout(this.#timer)
    this.#control.signal?.removeEventListener('abort', this.#cancel)
  }
}

/** Uses the connection until `signal` aborts, which interrupts what runs on it. */
export async function untilAborted<T>(
  connection: DuckConnection,
  signal: AbortSignal,
  use: () => Promise<T>,
): Promise<T> {
  let again: NodeJS.Timeout | undefined
  const interrupt = () => {
    connection.interrupt()
    again ??= setInterval(() => connection.interrupt(), INTERRUPT_EVERY_MS)
  }
  signal.addEventListener('abort', interrupt, { once: true })
  try {
    signal.throwIfAborted()
    return await use()
  } finally {
    signal.removeEventListener('abort', interrupt)
    clearInterval(again)
  }
}

/** DuckDB buffers so much of a result, but counts texts as 16 bytes, however long they are. */
export const STREAMING_SETTING = "SET streaming_buffer_size = '1KB'"

/**
 * Reads the rows of one SELECT as DuckDB computes them. CCS_QUERY_LIMIT if they are too many or too
 * long. After an error the statement is still open, until the connection runs another.
 */
export async function readWithin(
  connection: DuckConnection,
  sql: string,
  { rowsMax, signal }: Pick<QueryBounds, 'rowsMax' | 'signal'>,
): Promise<QueryResult> {
  const size = new AnswerSize(rowsMax)
  const { columns, chunks } = await connection.stream(sql, (value) => size.addValue(value))
  const rows: Record<string, unknown>[] = []
  for await (const chunk of chunks) {
    signal.throwIfAborted()
    size.addRows(chunk.length)
    appendAll(rows, chunk)
  }
  return { columns, rows }
}
