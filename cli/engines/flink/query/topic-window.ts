/**
 * The part of a topic that the page holds: rows from some time on. Each metric says how far back it
 * needs them; one that needs more records than may be read goes without, and the others don't.
 */
import { quoteName } from '../../../domain/kernel/sql-text.ts'
import { formatCount } from '../../../domain/kernel/units.ts'
import type { TopicReader } from '../../../domain/log/topic-reader.ts'

/** What a metric needs of a topic. */
export interface RowsWanted {
  /** Id of the metric. */
  readonly id: string
  /** A condition in SQL that all needed rows fulfil; undefined: all rows are needed. */
  readonly keep: string | undefined
  /** No record that was written before is needed, ms since 1970; -Infinity: all are. */
  readonly startMs: number
}

/** What a window is about. */
export interface TopicWindowOptions {
  readonly model: string
  readonly topic: string
  readonly reader: Pick<TopicReader, 'inspect' | 'findOffsets'>
  /** More records than that are not read. */
  readonly recordsMax: number
  /**
   * Of sessions, the last ones are kept whoever wants them: events under way are told from theirs.
   * `end` is the column of the time of the last event, `tables` have the rows so far.
   */
  readonly last?: { readonly end: string; readonly tables: readonly string[] }
}

/** Sessions that ended at `fromMs` or later, the last of them at `endMs`; ms since 1970. */
export interface ClosedSpan {
  readonly fromMs: number
  readonly endMs: number
}

/** So long before the last end of a session others are kept. */
const LAST_HOURS = 26

/** So far the clocks of devices, servers and brokers may differ. */
export const CLOCKS_MS = 3_600_000

/** A window of one topic. Its offsets hold for the topic as it was when they were found. */
export class TopicWindow {
  readonly #options: TopicWindowOptions
  #wanted: readonly RowsWanted[] = []
  #included: readonly RowsWanted[] = []
  #excluded = new Map<string, string>()
  /** Sessions that ended at that time or later are kept for the moment. */
  #heldFromMs = Number.POSITIVE_INFINITY
  /** Whether reading begins with the first record of the topic. */
  isWhole = false

  constructor(options: TopicWindowOptions) {
    this.#options = options
  }

  /** Which rows the metrics need from now on. */
  want(wanted: readonly RowsWanted[]): void {
    this.#wanted = wanted.toSorted((a, b) => b.startMs - a.startMs)
    const ids = new Set(this.#included.map(({ id }) => id))
    this.#included = this.#wanted.filter(({ id }) => ids.has(id))
  }

  /** Why a metric does not get its rows; undefined: it does. */
  explain(id: string): string | undefined {
    return this.#excluded.get(id)
  }

  /** Condition of the rows to keep, of the table's columns; undefined: all. */
  get keep(): string | undefined {
    const conditions = this.#included.map(({ keep }) => keep)
    if (conditions.includes(undefined)) return undefined
    const all = new Set([...conditions, ...this.#printLast()])
    return all.size === 0 ? 'FALSE' : [...all].map((one) => `(${one})`).join(' OR ')
  }

  /** Records written before that are not read, ms since 1970. */
  get startMs(): number {
    const starts = this.#included.map(({ startMs }) => startMs)
    return Math.min(this.#heldFromMs, ...starts) - CLOCKS_MS
  }

  /**
   * Records from that time on are read, and sessions that ended then or later are kept, until
   * `release`; reading has to begin anew.
   */
  holdFrom(ms: number): void {
    this.#heldFromMs = Math.min(this.#heldFromMs, ms)
  }

  /** Whether it keeps the sessions of this span, once their topic has been read. */
  holds({ fromMs, endMs }: ClosedSpan): boolean {
    if (fromMs >= this.#heldFromMs) return true
    return fromMs >= this.startMs && fromMs >= endMs - LAST_HOURS * 3_600_000
  }

  release(): void {
    this.#heldFromMs = Number.POSITIVE_INFINITY
  }

  #printLast(): readonly string[] {
    const { last } = this.#options
    if (last === undefined) return []
    const end = quoteName(last.end)
    const rows = last.tables.map((one) => `SELECT ${end} FROM ${one}`).join(' UNION ALL ')
    const held = `make_timestamp_ms(${Math.floor(this.#heldFromMs)}::BIGINT)`
    return [
      `${end} >= (SELECT max(${end}) FROM (${rows})) - INTERVAL ${LAST_HOURS} HOURS`,
      ...(Number.isFinite(this.#heldFromMs) ? [`${end} >= ${held}`] : []),
    ]
  }

  /** Chooses the metrics that get their rows; returns where reading begins. */
  async findStart(): Promise<ReadonlyMap<number, number> | undefined> {
    const { included, excluded, ranges } = await this.#choose()
    this.#included = included
    this.#excluded = excluded
    const starts = await this.#findOffsets(this.startMs)
    this.isWhole = ranges.every(({ partition, start }) => (starts?.get(partition) ?? 0) <= start)
    return starts
  }

  /** Whether other metrics would get their rows if reading began anew. */
  async isOutdated(): Promise<boolean> {
    const { included } = await this.#choose()
    const ids = new Set(this.#included.map(({ id }) => id))
    return included.length !== ids.size || included.some(({ id }) => !ids.has(id))
  }

  async #findOffsets(startMs: number): Promise<ReadonlyMap<number, number> | undefined> {
    if (!Number.isFinite(startMs)) return undefined
    return this.#options.reader.findOffsets(this.#options.topic, startMs)
  }

  /** Those that need least come first. */
  async #choose() {
    const { reader, topic, recordsMax } = this.#options
    const included: RowsWanted[] = []
    const excluded = new Map<string, string>()
    const ranges = (await reader.inspect(topic))?.ranges ?? []
    let counted = { startMs: Number.NaN, count: 0 }
    for (const one of this.#wanted) {
      if (counted.startMs !== one.startMs) {
        const starts = await this.#findOffsets(one.startMs - CLOCKS_MS)
        const counts = ranges.map(({ partition, start, end }) => {
          return Math.max(0, end - Math.max(start, starts?.get(partition) ?? start))
        })
        counted = { startMs: one.startMs, count: counts.reduce((sum, count) => sum + count, 0) }
      }
      if (counted.count <= recordsMax) included.push(one)
      else excluded.set(one.id, this.#describeExcess(one, counted.count))
    }
    return { included, excluded, ranges }
  }

  #describeExcess({ startMs }: RowsWanted, count: number): string {
    const { model, recordsMax } = this.#options
    const since = Number.isFinite(startMs)
      ? `since ${new Date(startMs).toISOString().slice(0, 16)}Z`
      : 'from its beginning, as its SQL names no earliest time'
    return (
      `Not shown on this target: it needs ${formatCount(count)} records of ${model} ${since}, ` +
      `and the page reads at most ${formatCount(recordsMax)} of a topic.`
    )
  }
}
