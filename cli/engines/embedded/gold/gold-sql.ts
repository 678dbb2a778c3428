/**
 * The SQL of incremental Gold: partial rows of new rows, partial rows merged, and the model's columns over
 * merged rows. Sessions are merged by visitor and bucket first; the runs that they belong to are found then.
 */
import { reopensSql, tooLateSql } from '../../../domain/models/finality.ts'
import {
  finalColumnSql,
  type IncrementalModel,
  mergeSql,
  sessionBucketMs,
} from '../../../domain/models/incremental.ts'

/** SQL texts of an incremental model, made once with DuckDB's own deserialiser. */
export interface GoldSql {
  readonly incremental: IncrementalModel
  readonly partial: string
  readonly final: string
  /** The final columns and the keys, `_k0` and so on. */
  readonly keyed: string
}

/** Partial rows of what the model reads. */
export function partialSql({ incremental, partial }: GoldSql): string {
  const { model, source } = incremental
  const bucket = model.session
    ? `, time_bucket(to_milliseconds(${sessionBucketMs(model.session.pauseMs)}), event_time) AS _bucket`
    : ''
  return `WITH _source AS (SELECT *${bucket} FROM ${source} WHERE NOT (${tooLateSql(model)})) ${partial}`
}

/** One row a key; for sessions one a visitor and bucket. */
export function mergedSql({ incremental }: GoldSql, tables: readonly string[]): string {
  const { model, keys, columns } = incremental
  const rows = tables.map((table) => `SELECT * FROM ${table}`).join(' UNION ALL ')
  const extremes = model.session ? ['min(_first) AS _first', 'max(_last) AS _last'] : []
  const list = [...keys, ...extremes, ...columns.map(mergeSql)].join(', ')
  return `SELECT ${list} FROM (${rows}) GROUP BY ${keys.join(', ')}`
}

/** The same, for sessions with the run of events that each bucket belongs to. */
export function runsSql(sql: GoldSql, tables: readonly string[]): string {
  const { session } = sql.incremental.model
  if (!session) return mergedSql(sql, tables)
  const { pauseMs, capMs } = session
  return `WITH one AS (${mergedSql(sql, tables)}), marked AS (
      SELECT *, CASE WHEN epoch_ms(_first) - epoch_ms(lag(_last) OVER visitor) > ${pauseMs}
        THEN 1 ELSE 0 END AS _starts
      FROM one WINDOW visitor AS (PARTITION BY k0 ORDER BY k1)
    ), numbered AS (
      SELECT * EXCLUDE (_starts), sum(_starts) OVER (PARTITION BY k0 ORDER BY k1) AS _run FROM marked
    )
    SELECT *, max(_last) OVER run AS _run_last,
      epoch_ms(max(_last) OVER run) - epoch_ms(min(_first) OVER run) > ${capMs} AS _is_long
    FROM numbered WINDOW run AS (PARTITION BY k0, _run)`
}

/** The model's columns over merged rows. */
export function finalSql({ incremental, final }: GoldSql, merged: string): string {
  const { model, keys, columns } = incremental
  const seen = [...keys, ...columns.map(finalColumnSql)].join(', ')
  if (!model.session) return `WITH _merged AS (SELECT ${seen} FROM (${merged})) ${final}`
  return `WITH _bucketed AS (${merged}), _dated AS (
      SELECT *, min(_first) OVER (
        PARTITION BY k0, _run, CASE WHEN _is_long THEN CAST(k1 AS DATE) END) AS _start
      FROM _bucketed
    ), _whole AS (
      SELECT k0, _start AS k1, ${columns.map(mergeSql).join(', ')} FROM _dated GROUP BY k0, _start
    ), _merged AS (SELECT ${seen} FROM _whole) ${final}`
}

/** Partial rows that may belong to rows that had closed by `closedMs`. */
export function reopenCandidatesSql(
  sql: GoldSql,
  tables: readonly string[],
  closedMs: number,
): string {
  const rows = tables.map((table) => `SELECT * FROM ${table}`).join(' UNION ALL ')
  return `SELECT * FROM (${rows}) WHERE ${reopensSql(sql.incremental.model, closedMs)}`
}

/**
 * Those of the partial rows `early` that belong to a row of `lake`, the model's finished rows; where the
 * model's columns don't tell, more than those.
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

/** A visit may be one of several that a long run was cut into: each is at most as long as the cap or a day. */
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
