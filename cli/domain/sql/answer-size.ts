/** The limits of one answer, and what a user reads when a query exceeds one. */
import { CcsError } from '../kernel/errors.ts'
import { formatBytes, formatCount, formatDuration } from '../kernel/units.ts'

/** The longest answer: characters of its values as JSON, about. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

/** It ran, or waited for others, for too long. */
export function timeoutError(timeoutMs: number): CcsError {
  const time = formatDuration(timeoutMs)
  return new CcsError('CCS_QUERY_LIMIT', `The query was not answered within ${time}: ended.`, {
    hint:
      'Read fewer rows (WHERE, LIMIT), wait until others have ended, or raise query.timeout in ' +
      'ccs.yml or --timeout.',
  })
}

/** It needs more memory than one query may take, `isFixed`: no setting raises it. */
export function memoryLimitError(limitBytes: number, cause?: unknown, isFixed = false): CcsError {
  const size = formatBytes(limitBytes)
  const raise = ', or raise query.memory_limit in ccs.yml if the machine has the memory'
  return new CcsError('CCS_QUERY_LIMIT', `The query takes more than ${size} of memory: ended.`, {
    hint: `Read fewer rows or columns, or group by fewer values${isFixed ? '' : raise}.`,
    cause,
  })
}

/** Counts the rows and the length of one answer as it is read. */
export class AnswerSize {
  readonly #rowsMax: number
  #rows = 0
  #bytes = 0

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax
  }

  /** Counts a value. CCS_QUERY_LIMIT if the answer is too long with it. */
  addValue(value: unknown): void {
    this.#bytes += measure(value)
    if (this.#bytes > ANSWER_BYTES_MAX)
      throw new CcsError(
        'CCS_QUERY_LIMIT',
        `The answer is longer than ${formatBytes(ANSWER_BYTES_MAX)}: ended.`,
        { hint: 'Name fewer columns, aggregate, or add a LIMIT.' },
      )
  }

  /** Counts rows. CCS_QUERY_LIMIT if the answer has too many with them. */
  addRows(count: number): void {
    this.#rows += count
    if (this.#rows > this.#rowsMax)
      throw new CcsError(
        'CCS_QUERY_LIMIT',
        `The answer has more than ${formatCount(this.#rowsMax)} rows: ended.`,
        { hint: 'Aggregate, add a LIMIT, or raise query.max_rows of ccs.yml or --max-rows.' },
      )
  }
}

/** In a list a number counts more: the lists of a chunk are converted in one go. */
const LISTED_NUMBER = 32

/** Characters of a value as JSON, about. */
function measure(value: unknown, number = 8): number {
  if (typeof value === 'string') return value.length + 3
  if (typeof value !== 'object' || value === null) return number
  let length = 2
  for (const one of Object.values(value)) length += measure(one, LISTED_NUMBER)
  return length
}
