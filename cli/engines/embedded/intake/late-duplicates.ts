/**
 * Finds duplicates of events that the dedupe index has forgotten: rows of days that it does not
 * cover are compared with the arrivals in Bronze of their day and of the days beside it (between
 * two deliveries, the corrected time may cross midnight), and with all uncommitted arrivals.
 */
import { quoteName, quoteText } from '../../../domain/kernel/sql-text.ts'
import { EVENT_DAY, partitionOf } from './deduped-days.ts'
import { EVENT_ID } from './deduplicating-model.ts'

/** Rows `from` up to, not including, `to` of a table of deduplicated rows. */
export interface UncheckedRows {
  readonly table: string
  readonly from: number
  readonly to: number
  /** Days, since 1970, that the index does not cover; other rows need no check. */
  readonly days: readonly number[]
}

/** Where earlier arrivals of the same events can be. */
export interface EarlierRows {
  /** All tables of uncommitted arrivals, those of `UncheckedRows.table` included. */
  readonly tables: readonly string[]
  /** The files' column of event ids. */
  readonly column: string
  /** Paths of the files of those days and the days beside them. */
  readonly files: readonly string[]
}

/** The days and their neighbours as partitions: `event_date=2026-11-22`. */
export function listLookupPartitions(days: readonly number[]): ReadonlySet<string> {
  return new Set(days.flatMap((day) => [day - 1, day, day + 1].map(partitionOf)))
}

/** DELETE of the rows whose id, column `key`, an earlier row has. */
export function deleteDuplicatesSql(
  key: string,
  { table, from, to, days }: UncheckedRows,
  { tables, column, files }: EarlierRows,
): string {
  const id = quoteName(key)
  const list = days.map((day) => `DATE ${quoteText(partitionOf(day).slice(-10))}`).join(', ')
  const earlier = tables.map(
    (one) => `SELECT ${quoteName(EVENT_ID)} AS id, seq FROM ${one} WHERE seq < ${to}`,
  )
  if (files.length > 0) {
    const paths = files.map(quoteText).join(', ')
    earlier.push(
      `SELECT ${quoteName(column)} AS id, -1 AS seq
       FROM read_parquet([${paths}], hive_partitioning = false)`,
    )
  }
  return `DELETE FROM ${table} WHERE seq IN (
    WITH unchecked AS (
      SELECT ${id} AS id, seq FROM ${table}
      WHERE seq >= ${from} AND seq < ${to} AND ${EVENT_DAY} IN (${list})
    ), earlier AS (${earlier.join(' UNION ALL ')})
    SELECT unchecked.seq FROM unchecked
    JOIN earlier ON earlier.id = unchecked.id AND earlier.seq < unchecked.seq)`
}
