/**
 * The accounts of a shop day: what the stream has, what events that came too late for it add, and what the
 * marts have. The three add up to the cent, or the day is in disorder. Pure; the rows come in.
 */
import {
  addExact,
  type ExactNumber,
  isNegative,
  isZero,
  subtractExact,
  toExact,
} from '../kernel/decimal.ts'
import type { ReconcileTable } from './tables.ts'

export interface ReconcileReport {
  readonly ok: boolean
  readonly marts: {
    /** The commit that they were built from, and when, ISO 8601. */
    readonly serial: number
    readonly builtAt: string
    /** What went wrong in a later build, which left them as they were; null: nothing. */
    readonly failure: string | null
    /** The commit that this build was of; null: none failed. */
    readonly failedSerial: number | null
  }
  /** Files of Silver that are not what was written. */
  readonly files: readonly DamagedSilver[]
  /** Days that were compared, oldest first. */
  readonly days: readonly DayReport[]
  /** Days that can't be compared yet. */
  readonly open: readonly OpenDay[]
}

export interface DamagedSilver {
  /** `silver.orders` */
  readonly table: string
  /** `event_date=2026-10-25` */
  readonly partition: string
  /** Path below the data directory: `lake/silver/orders/event_date=2026-10-25/12-0001-0f3b9a11.parquet`. */
  readonly file: string
  /** Half a sentence: `is missing`. */
  readonly problem: string
}

export interface DayReport {
  readonly date: string
  readonly ok: boolean
  /** Whether the day is over for the stream; false with --open alone. */
  readonly isClosed: boolean
  readonly metrics: readonly Metric[]
  /** Rows that do not agree, the first 20. */
  readonly rows: readonly RowDifference[]
  /** How many more there are. */
  readonly moreRows: number
  /** What came too late and what is wrong, for people. */
  readonly sentences: readonly string[]
}

export interface Metric {
  /** `revenue_daily.revenue` */
  readonly name: string
  /** `EUR`, `EUR | Garden`; '' where the day has one. */
  readonly key: string
  readonly stream: ExactNumber
  /** What too late events add. */
  readonly late: ExactNumber
  readonly batch: ExactNumber
  /** batch - (stream + late) */
  readonly difference: ExactNumber
}

export interface RowDifference {
  /** What holds the wrong row: `gold.sessions`, `fct_orders`, `silver.events`. */
  readonly table: string
  readonly key: string
  /**
   * Against the same SELECT over Silver (Gold, marts) or Bronze (Silver). On days with a damaged file it is what
   * the files give that is wrong: against what the stream serves (Gold), or the marts have.
   */
  readonly problem: 'missing' | 'unexpected' | 'doubled' | 'differs'
  /** `order A-17`, where the row has one. */
  readonly of: string | null
  readonly columns: readonly {
    readonly column: string
    readonly expected: unknown
    readonly actual: unknown
  }[]
}

export interface OpenDay {
  readonly date: string
  readonly reason: string
  /** When the watermark must have come to close it, ISO 8601; null: it is the marts that are behind. */
  readonly closesAt: string | null
}

export type Row = Readonly<Record<string, unknown>>

/** The four sides of one table, rows of one day. */
export interface TableSides {
  /** What the engine serves. */
  readonly stream: readonly Row[]
  /** The same SELECT over Silver without what came too late. */
  readonly onTime: readonly Row[]
  /** The same over all of Silver. */
  readonly whole: readonly Row[]
  readonly batch: readonly Row[]
}

/** A line for each key and value that one of the sides has. */
export function computeMetrics(table: ReconcileTable, sides: TableSides): readonly Metric[] {
  const keyOf = (row: Row) => table.key.map((name) => String(row[name] ?? 'NULL')).join(' | ')
  const byKey = (rows: readonly Row[]) => new Map(rows.map((row) => [keyOf(row), row]))
  const [stream, onTime, whole, batch] = [
    byKey(sides.stream),
    byKey(sides.onTime),
    byKey(sides.whole),
    byKey(sides.batch),
  ]
  const keys = new Set([stream, onTime, whole, batch].flatMap((side) => [...side.keys()]))
  return [...keys].sort().flatMap((key) =>
    table.values.map((value): Metric => {
      const of = (side: ReadonlyMap<string, Row>) => toExact(side.get(key)?.[value])
      const late = subtractExact(of(whole), of(onTime))
      const name = `${table.name}.${value}`
      const difference = subtractExact(of(batch), addExact(of(stream), late))
      return { name, key, stream: of(stream), late, batch: of(batch), difference }
    }),
  )
}

export function isBalanced(metrics: readonly Metric[]): boolean {
  return metrics.every(({ difference }) => isZero(difference))
}

/** Sentences on what came too late for the stream, by its metrics. */
export function describeLate(date: string, metrics: readonly Metric[]): readonly string[] {
  const sentences: string[] = []
  const late = (name: string, key: string): ExactNumber =>
    metrics.find((one) => one.name === name && one.key === key)?.late ?? 0
  const currencies = metrics.filter(({ name }) => name === 'revenue_daily.orders')
  for (const { key } of currencies) {
    const money = (value: ExactNumber) => `${value} ${key}`
    const orders = late('revenue_daily.orders', key)
    if (!isZero(orders))
      sentences.push(
        `${date}: ${countNoun(orders, 'order')} (${money(late('revenue_daily.revenue', key))}) came too late for the stream and ${isAre(orders)} in the marts.`,
      )
    const refunds = late('revenue_daily.refund_count', key)
    if (!isZero(refunds))
      sentences.push(
        `${date}: ${countNoun(refunds, 'refund')} (${money(late('revenue_daily.refunds', key))}) came too late for the stream and ${isAre(refunds)} in the marts.`,
      )
  }
  const events = late('sessions.events', '')
  const sessions = late('sessions.sessions', '')
  if (!isZero(events)) {
    const moved = isZero(sessions)
      ? ''
      : ` They make ${countNoun(absolute(sessions), 'session')} ${isNegative(sessions) ? 'fewer, where they join two' : 'more'}.`
    sentences.push(
      `${date}: ${countNoun(events, 'event')} came too late for ${String(events) === '1' ? 'its session' : 'their sessions'} and ${isAre(events)} in the marts.${moved}`,
    )
  }
  return sentences
}

export function countNoun(count: ExactNumber, noun: string): string {
  return `${count} ${noun}${String(count) === '1' ? '' : 's'}`
}

function isAre(count: ExactNumber): string {
  return String(count) === '1' ? 'is' : 'are'
}

function absolute(value: ExactNumber): ExactNumber {
  return isNegative(value) ? subtractExact(0, value) : value
}

/** Two sets of rows as key → hash: what is missing, unexpected or differs, in the order of the keys. */
export function findRowProblems(
  expected: ReadonlyMap<string, string>,
  actual: ReadonlyMap<string, string>,
): readonly { readonly key: string; readonly problem: RowDifference['problem'] }[] {
  const keys = new Set([...expected.keys(), ...actual.keys()])
  return [...keys].sort().flatMap((key) => {
    const [wanted, found] = [expected.get(key), actual.get(key)]
    if (wanted === found) return []
    const problem =
      found === undefined ? 'missing' : wanted === undefined ? 'unexpected' : 'differs'
    return [{ key, problem }]
  })
}

/** The same difference with the other side in the right. */
export function swapSides<T extends RowDifference>(row: T): T {
  const problems = { missing: 'unexpected', unexpected: 'missing' } as const
  const { problem } = row
  return {
    ...row,
    problem: problem === 'missing' || problem === 'unexpected' ? problems[problem] : problem,
    columns: row.columns.map(({ column, expected, actual }) => {
      return { column, expected: actual, actual: expected }
    }),
  }
}

/** Columns in which two rows differ; both as queries give them. */
export function findDifferingColumns(
  expected: Row | undefined,
  actual: Row | undefined,
  columns: readonly string[],
): RowDifference['columns'] {
  if (!expected || !actual) return []
  return columns
    .filter((name) => JSON.stringify(expected[name]) !== JSON.stringify(actual[name]))
    .map((column) => ({ column, expected: expected[column], actual: actual[column] }))
}
