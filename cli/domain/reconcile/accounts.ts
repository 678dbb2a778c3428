/**
 * The accounts of a shop day: the stream's figures, plus what events too late for the stream add,
 * must equal the marts' figures to the cent. Pure functions over rows.
 */
import {
  addExact,
  type ExactNumber,
  isNegative,
  isZero,
  subtractExact,
  toExact,
} from '../kernel/decimal.ts'
import { formatKey } from './row-key.ts'
import type { ReconcileTable } from './tables.ts'

/** The document of `ccs reconcile`. */
export interface ReconcileReport {
  readonly ok: boolean
  readonly marts: {
    /** The commit that the marts were built from, and when, ISO 8601. */
    readonly serial: number
    readonly builtAt: string
    /** Why a later build failed, which left the marts unchanged; null: none failed. */
    readonly failure: string | null
    /** The commit that the failed build was based on; null: none failed. */
    readonly failedSerial: number | null
  }
  /** Files of Silver that are not as they were written. */
  readonly files: readonly DamagedSilver[]
  /** Days that were compared, oldest first. */
  readonly days: readonly DayReport[]
  /** Days that can't be compared yet. */
  readonly open: readonly OpenDay[]
}

/** A file of Silver that is not as it was written. */
export interface DamagedSilver {
  /** Such as `silver.orders`. */
  readonly table: string
  /** Such as `event_date=2026-10-25`. */
  readonly partition: string
  /** Path below the data directory: `lake/silver/orders/event_date=2026-10-25/….parquet`. */
  readonly file: string
  /** Half a sentence: `is missing`. */
  readonly problem: string
}

/** One compared shop day. */
export interface DayReport {
  readonly date: string
  readonly ok: boolean
  /** Whether the day is over for the stream; false only with --open. */
  readonly isClosed: boolean
  readonly metrics: readonly Metric[]
  /** The first 20 rows that differ. */
  readonly rows: readonly RowDifference[]
  /** How many more rows differ. */
  readonly moreRows: number
  /** What came too late and what is wrong, as text for people. */
  readonly sentences: readonly string[]
}

/** One figure of a day on both sides. */
export interface Metric {
  /** `revenue_daily.revenue` */
  readonly name: string
  /** `EUR`, `EUR | Garden`; '' for a figure of the whole day. */
  readonly key: string
  readonly stream: ExactNumber
  /** What events too late for the stream add. */
  readonly late: ExactNumber
  readonly batch: ExactNumber
  /** batch - (stream + late) */
  readonly difference: ExactNumber
}

/** A row that differs from what it should be. */
export interface RowDifference {
  /** The table with the wrong row: `gold.sessions`, `fct_orders`, `silver.events`. */
  readonly table: string
  readonly key: string
  /**
   * Compared with the same SELECT over Silver (for Gold and marts) or Bronze (for Silver). On a day
   * with a damaged file the rows of that file are wrong: there, compared with what the stream
   * serves (for Gold) or with the marts.
   */
  readonly problem: 'missing' | 'unexpected' | 'doubled' | 'differs'
  /** `order A-17` if the row has an order. */
  readonly of: string | null
  readonly columns: readonly {
    readonly column: string
    readonly expected: unknown
    readonly actual: unknown
  }[]
}

/** A day that can't be compared yet, and why. */
export interface OpenDay {
  readonly date: string
  readonly reason: string
  /** The watermark that closes the day, ISO 8601; null if only the marts are behind. */
  readonly closesAt: string | null
}

/** A row by column name. */
export type Row = Readonly<Record<string, unknown>>

/** One table computed four ways, rows of one day. */
export interface TableSides {
  /** As the engine serves it. */
  readonly stream: readonly Row[]
  /** The same SELECT over Silver without the rows that were too late. */
  readonly onTime: readonly Row[]
  /** The same SELECT over all of Silver. */
  readonly whole: readonly Row[]
  /** As the marts have it. */
  readonly batch: readonly Row[]
}

/** One metric for each key that any side has, and each value column. */
export function computeMetrics(table: ReconcileTable, sides: TableSides): readonly Metric[] {
  const keyOf = (row: Row) => formatKey(table.key.map((name) => row[name]))
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

/** Whether the stream plus the late events equals the marts in every metric. */
export function isBalanced(metrics: readonly Metric[]): boolean {
  return metrics.every(({ difference }) => isZero(difference))
}

/** Sentences on what was too late for the stream. */
export function describeLate(date: string, metrics: readonly Metric[]): readonly string[] {
  const sentences: string[] = []
  const late = (name: string, key: string): ExactNumber =>
    metrics.find((one) => one.name === name && one.key === key)?.late ?? 0
  const addSentence = (count: ExactNumber, noun: string, money: string) => {
    if (isZero(count)) return
    const what = `${countNoun(count, noun)} (${money})`
    const fate = `came too late for the stream and ${isAre(count)} in the marts`
    sentences.push(`${date}: ${what} ${fate}.`)
  }
  for (const { name, key } of metrics) {
    if (name !== 'revenue_daily.orders') continue
    const money = (column: string) => `${late(`revenue_daily.${column}`, key)} ${key}`
    addSentence(late(name, key), 'order', money('revenue'))
    addSentence(late('revenue_daily.refund_count', key), 'refund', money('refunds'))
  }
  const events = late('sessions.events', '')
  const sessions = late('sessions.sessions', '')
  if (!isZero(events)) {
    const change = isNegative(sessions) ? 'fewer, where they join two' : 'more'
    const more = `${countNoun(absolute(sessions), 'session')} ${change}`
    const whose = String(events) === '1' ? 'its session' : 'their sessions'
    sentences.push(
      `${date}: ${countNoun(events, 'event')} came too late for ${whose} ` +
        `and ${isAre(events)} in the marts.${isZero(sessions) ? '' : ` They make ${more}.`}`,
    )
  }
  return sentences
}

/** `1 order`, `2 orders`. */
export function countNoun(count: ExactNumber, noun: string): string {
  return `${count} ${noun}${String(count) === '1' ? '' : 's'}`
}

function isAre(count: ExactNumber): string {
  return String(count) === '1' ? 'is' : 'are'
}

function absolute(value: ExactNumber): ExactNumber {
  return isNegative(value) ? subtractExact(0, value) : value
}

/** Compares two sets of rows, given as key → hash; problems in the order of the keys. */
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

/** The same difference if the other side is the correct one. */
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

/** Columns in which two rows differ; [] if one of them is missing. */
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
