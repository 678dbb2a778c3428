/**
 * Compares two sets of the same tables by day, by the number of rows and the sum of their hashes,
 * and says which days inside and outside of a range differ.
 */
import { quoteName } from '../kernel/sql-text.ts'
import { hashSql, type RowColumn } from './compare.ts'

/** Rows of one day; `sum` is equal for equal rows in any order. */
export interface DaySum {
  /** `2026-11-22`; '' for rows that have no time. */
  readonly day: string
  readonly rows: number
  readonly sum: string
}

/** Days of the tables, by table. */
export type DaySums = ReadonlyMap<string, readonly DaySum[]>

/** First and last day, both included. */
export interface DayRange {
  readonly from: string
  readonly to: string
}

/** A day whose rows differ. */
export interface ChangedDay {
  readonly table: string
  readonly day: string
  readonly rowsBefore: number
  readonly rowsAfter: number
}

/** What a comparison says. */
export interface DayComparison {
  readonly inside: readonly ChangedDay[]
  readonly outside: readonly ChangedDay[]
  /** Days that have the same rows on both sides. */
  readonly equalDays: number
}

/** The column by whose days a table is compared: undefined if it has no time. */
export function chooseDayColumn(
  columns: readonly RowColumn[],
  { partition, key }: { readonly partition?: string; readonly key: readonly string[] },
): string | undefined {
  if (partition !== undefined) return partition
  const times = columns.filter(({ type }) => /^(DATE|TIMESTAMP)/.test(type)).map(({ name }) => name)
  return times.find((name) => key.includes(name)) ?? times[0]
}

/** A SELECT of `day`, `n` and `h`, as readDaySums takes it. */
export function daySumsSql(
  table: string,
  columns: readonly RowColumn[],
  day: string | undefined,
): string {
  const value = day === undefined ? "''" : `CAST(CAST(${quoteName(day)} AS DATE) AS VARCHAR)`
  return (
    `SELECT coalesce(${value}, '') AS day, CAST(count(*) AS VARCHAR) AS n, ` +
    `CAST(sum(CAST(${hashSql(columns)} AS HUGEINT)) AS VARCHAR) AS h FROM ${table} GROUP BY 1`
  )
}

/** Rows of such a SELECT. */
export function readDaySums(rows: readonly Readonly<Record<string, unknown>>[]): readonly DaySum[] {
  return rows.map(({ day, n, h }) => ({ day: String(day), rows: Number(n), sum: String(h) }))
}

/** Which days differ. Pure. */
export function compareDays(before: DaySums, after: DaySums, range: DayRange): DayComparison {
  const inside: ChangedDay[] = []
  const outside: ChangedDay[] = []
  let equalDays = 0
  for (const table of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const old = new Map((before.get(table) ?? []).map((one) => [one.day, one]))
    const next = new Map((after.get(table) ?? []).map((one) => [one.day, one]))
    for (const day of [...new Set([...old.keys(), ...next.keys()])].sort()) {
      const [one, other] = [old.get(day), next.get(day)]
      if (one?.rows === other?.rows && one?.sum === other?.sum) equalDays++
      else {
        const [rowsBefore, rowsAfter] = [one?.rows ?? 0, other?.rows ?? 0]
        const isInside = day >= range.from && day <= range.to
        ;(isInside ? inside : outside).push({ table, day, rowsBefore, rowsAfter })
      }
    }
  }
  return { inside, outside, equalDays }
}
