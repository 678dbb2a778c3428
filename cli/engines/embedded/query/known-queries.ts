/** Remembers of the texts of queries how the last one ended: pages and scripts repeat them. */

interface Known {
  readonly isLong: boolean
  /** How often it was asked. */
  readonly times: number
}

/** Texts that are remembered. */
const REMEMBERED_MAX = 1_000
/** A small query that was asked so often is asked again and again. */
const POLLED_TIMES = 10

/** The oldest texts are forgotten first. */
export class KnownQueries {
  readonly #known = new Map<string, Known>()

  /** Whether it was long the last time; undefined for a text that is not known. */
  wasLong(sql: string): boolean | undefined {
    return this.#known.get(sql)?.isLong
  }

  /** Whether it is small, and somebody asks it again and again. */
  isPolled(sql: string): boolean {
    const { isLong, times } = this.#known.get(sql) ?? { isLong: true, times: 0 }
    return !isLong && times >= POLLED_TIMES
  }

  /** It was asked, and was long or not. */
  remember(sql: string, isLong: boolean): void {
    const times = (this.#known.get(sql)?.times ?? 0) + 1
    this.#known.delete(sql)
    this.#known.set(sql, { isLong, times })
    const [oldest = ''] = this.#known.keys()
    if (this.#known.size > REMEMBERED_MAX) this.#known.delete(oldest)
  }
}
