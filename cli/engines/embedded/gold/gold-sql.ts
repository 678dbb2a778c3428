/**
 * The SQL of incremental Gold: partial rows from new rows, merged partial rows, and the model's
 * columns from merged rows. Sessions are first merged by visitor and time bucket; then buckets
 * without a long pause between them are joined to runs.
 */
import { printReopensSql, printTooLateSql } from '../../../domain/models/finality.ts'
import {
  computeSessionBucketMs,
  type IncrementalModel,
  printFinalColumnSql,
  printMergeSql,
} from '../../../domain/models/incremental.ts'

const GROUPED = '_dated GROUP BY k0, _start'

/** SQL of an incremental model, printed once by DuckDB. */
export interface GoldSql {
  readonly incremental: IncrementalModel
  readonly partial: string
  readonly final: string
  /** The final columns together with the keys, as `_k0` and so on. */
  readonly keyed: string
  /** The final columns are computed before each commit, as they can fail on a value. */
  readonly mayFail: boolean
}

/** SELECT of partial rows from the rows that the model reads, without those too late for it. */
export function partialSql({ incremental, partial }: GoldSql): string {
  const { model, source } = incremental
  const bucketMs = model.session && computeSessionBucketMs(model.session.pauseMs)
  const bucket = bucketMs
    ? `, time_bucket(to_milliseconds(${bucketMs}), event_time) AS _bucket`
    : ''
  const inTime = `SELECT *${bucket} FROM ${source} WHERE NOT (${printTooLateSql(model)})`
  return `WITH _source AS (${inTime}) ${partial}`
}

/** SELECT of one row per key; of sessions, one per visitor and bucket. */
export function mergedSql({ incremental }: GoldSql, tables: readonly string[]): string {
  const { model, keys, columns } = incremental
  const rows = tables.map((table) => `SELECT * FROM ${table}`).join(' UNION ALL ')
  const extremes = model.session ? ['min(_first) AS _first', 'max(_last) AS _last'] : []
  const list = [...keys, ...extremes, ...columns.map(printMergeSql)].join(', ')
  return `SELECT ${list} FROM (${rows}) GROUP BY ${keys.join(', ')}`
}

/** As mergedSql; for sessions, each bucket gets the number and extent of its run. */
export function runsSql(sql: GoldSql, tables: readonly string[]): string {
  const { session } = sql.incremental.model
  if (!session) return mergedSql(sql, tables)
  const { pauseMs, capMs } = session
  const runNumber = 'sum(_starts) OVER (PARTITION BY k0 ORDER BY k1) AS _run'
  return `WITH one AS (${mergedSql(sql, tables)}), marked AS (
      SELECT *, CASE WHEN epoch_ms(_first) - epoch_ms(lag(_last) OVER visitor) > ${pauseMs}
        THEN 1 ELSE 0 END AS _starts
      FROM one WINDOW visitor AS (PARTITION BY k0 ORDER BY k1)
    ), numbered AS (
      SELECT * EXCLUDE (_starts), ${runNumber} FROM marked
    )
    SELECT *, max(_last) OVER run AS _run_last,
      epoch_ms(max(_last) OVER run) - epoch_ms(min(_first) OVER run) > ${capMs} AS _is_long
    FROM numbered WINDOW run AS (PARTITION BY k0, _run)`
}

/** SELECT of the model's columns from `merged`, a SELECT by runsSql. */
export function finalSql({ incremental, final }: GoldSql, merged: string): string {
  const { model, keys, columns } = incremental
  const list = [...keys, ...columns.map(printFinalColumnSql)].join(', ')
  if (!model.session) return `WITH _merged AS (SELECT ${list} FROM (${merged})) ${final}`
  return `WITH _bucketed AS (${merged}), _dated AS (
      SELECT *, min(_first) OVER (
        PARTITION BY k0, _run, CASE WHEN _is_long THEN CAST(k1 AS DATE) END) AS _start
      FROM _bucketed
    ), _whole AS (
      SELECT k0, _start AS k1, ${columns.map(printMergeSql).join(', ')} FROM ${GROUPED}
    ), _merged AS (SELECT ${list} FROM _whole) ${final}`
}

/**
 * SELECT of the model's rows of all keys in `slice`, a relation of partial rows; `tables` hold all
 * partial rows, those of the slice included.
 */
export function touchedRowsSql(sql: GoldSql, slice: string, tables: readonly string[]): string {
  const all = tables.map((table) => `SELECT * FROM ${table}`).join(' UNION ALL ')
  const some = `(SELECT part.* FROM (${all}) part
    SEMI JOIN touched ON ${matchTouchedSql(sql, 'part.')})`
  return `WITH touched AS MATERIALIZED (${touchedKeysSql(sql, slice)})
    SELECT * FROM (${finalSql(sql, runsSql(sql, [some]))})`
}

/**
 * SELECT of the keys in `slice` by which rows are recomputed: an event may join two sessions of its
 * visitor, so all of that visitor's are.
 */
export function touchedKeysSql(sql: GoldSql, slice: string): string {
  return `SELECT DISTINCT ${touchedKeys(sql).join(', ')} FROM ${slice}`
}

/** Condition that a row, with its keys behind `prefix`, is among those of the relation touched. */
export function matchTouchedSql(sql: GoldSql, prefix: string): string {
  return touchedKeys(sql)
    .map((key) => `${prefix}${key} IS NOT DISTINCT FROM touched.${key}`)
    .join(' AND ')
}

function touchedKeys({ incremental }: GoldSql): readonly string[] {
  const { model, keys } = incremental
  return model.session ? keys.slice(0, 1) : keys
}

/** SELECT of partial rows so early that they may belong to rows closed by `closedMs`. */
export function reopenCandidatesSql(
  sql: GoldSql,
  tables: readonly string[],
  closedMs: number,
): string {
  const rows = tables.map((table) => `SELECT * FROM ${table}`).join(' UNION ALL ')
  return `SELECT * FROM (${rows}) WHERE ${printReopensSql(sql.incremental.model, closedMs)}`
}

/**
 * SELECT with a row for each partial row of `early` that belongs to a closed row of `lake`. If the
 * model's columns don't identify its rows, also for others.
 */
export function reopenedRowsSql({ incremental }: GoldSql, early: string, lake: string): string {
  const { model, outputs } = incremental
  const { keys, last } = outputs
  const conditions = model.session
    ? sessionConditions(model.session, keys, last)
    : keys.map((name, index) => name && `lake."${name}" IS NOT DISTINCT FROM early.k${index}`)
  const same = conditions.filter((one) => one !== undefined).join(' AND ') || 'TRUE'
  return `SELECT 1 FROM (${early}) AS early
    WHERE EXISTS (SELECT 1 FROM (${lake}) AS lake WHERE ${same})`
}

/** A long run may have been cut into sessions, each at most as long as the cap or a day. */
function sessionConditions(
  { pauseMs, capMs }: { readonly pauseMs: number; readonly capMs: number },
  [visitor, start]: readonly (string | undefined)[],
  last: string | undefined,
): readonly (string | undefined)[] {
  const longestMs = Math.max(capMs, 86_400_000)
  const end = last
    ? `epoch_ms(lake."${last}")`
    : start && `epoch_ms(lake."${start}") + ${longestMs}`
  return [
    visitor && `lake."${visitor}" = early.k0`,
    start && `epoch_ms(lake."${start}") - ${pauseMs} <= epoch_ms(early._last)`,
    end && `${end} + ${pauseMs} >= epoch_ms(early._first)`,
  ]
}
