/** The limits of one answer, and what a user reads when a query exceeds one. */
import { CcsError } from '../../../domain/kernel/errors.ts'
import { formatBytes, formatCount, formatDuration } from '../../../domain/kernel/units.ts'

/**
 * The longest answer, in characters of JSON, about. JavaScript can hold four times as many in one
 * text, as which HTTP sends it.
 */
const ANSWER_BYTES_MAX = 128 * 1024 * 1024

/** It ran, or waited for others, for too long. */
export function timeoutError(timeoutMs: number): CcsError {
  const time = formatDuration(timeoutMs)
  return new CcsError('CCS_QUERY_LIMIT', `The query was not answered within ${time}: ended.`, {
    hint:
      'Read fewer rows (WHERE, LIMIT), wait until others have ended, or raise query.timeout in ' +
      'ccs.yml or --timeout.',
  })
}

/** Counts the rows and the length of one answer as it is read. */
export class AnswerSize {
  readonly #rowsMax: number
  readonly #namesLength: number
  #rows = 0
  #bytes = 0

  constructor(rowsMax: number, names: readonly string[]) {
    this.#rowsMax = rowsMax
    this.#namesLength = measure(names)
  }

  /** CCS_QUERY_LIMIT if the answer is too large with these rows. */
  add(rows: readonly unknown[]): void {
    this.#rows += rows.length
    for (const row of rows) this.#bytes += this.#namesLength + measure(row)
    if (this.#rows > this.#rowsMax)
      throw new CcsError(
        'CCS_QUERY_LIMIT',
        `The answer has more than ${formatCount(this.#rowsMax)} rows: ended.`,
        { hint: 'Aggregate, add a LIMIT, or raise query.max_rows in ccs.yml or --max-rows.' },
      )
    if (this.#bytes > ANSWER_BYTES_MAX)
      throw new CcsError(
        'CCS_QUERY_LIMIT',
        `The answer is longer than ${formatBytes(ANSWER_BYTES_MAX)}: ended.`,
        { hint: 'Name fewer columns, aggregate, or add a LIMIT.' },
      )
  }
}

/** Characters of a value as JSON, about. */
function measure(value: unknown): number {
  if (typeof value === 'string') return value.length + 3
  if (typeof value !== 'object' || value === null) return 8
  let length = 2
  for (const one of Object.values(value)) length += measure(one)
  return length
}
