/**
 * SQL for a chain of models, from the one that has the row down to the one that aggregates rows of
 * the lake: which rows at the bottom are behind a row at the top, and the row recomputed from the
 * bottom up.
 */
import { printTooLateSql } from '../models/finality.ts'
import { type KeyValue, keyPredicate } from './key.ts'
import type { ModelSql } from './model-sql.ts'

/** SELECTs that replace what `chain[index]` reads, and the rows at the bottom. */
export interface SourceRows {
  rows(index: number): string
  readonly source: string
}

/** The rows of the lake behind one row of the chain's first model. */
export function rowsBehindSql(
  chain: readonly ModelSql[],
  values: readonly KeyValue[],
  name: string,
): string {
  const base = chain.at(-1)
  const last = chain.length - 1
  const served = (index: number) => `SELECT * FROM ${chain[index]?.source}`
  const own = `SELECT * FROM ${name} WHERE ${keyPredicate(values)}`
  const rows = last === 0 ? own : parentsSql(chain, values, served)
  const isSession = base?.graphModel.model.kind === 'session'
  // Sessions belong to one visitor: the events of others need not be split into sessions.
  const visitors = isSession ? `anonymous_id IN (SELECT anonymous_id FROM (${rows}))` : 'TRUE'
  const source = base ? `SELECT * FROM ${base.source} WHERE ${onTimeSql(base)} AND ${visitors}` : ''
  return rowsBehindOverSql(chain, values, { rows: served, source })
}

/** The same over given source rows. */
export function rowsBehindOverSql(
  chain: readonly ModelSql[],
  values: readonly KeyValue[],
  below: SourceRows,
): string {
  const base = chain.at(-1)
  if (!base) return ''
  const detail = base.sourceRows(below.source)
  if (chain.length === 1) return `SELECT * FROM (${detail}) WHERE ${keysSql(values)}`
  const above = parentsSql(chain, values, below.rows)
  return `SELECT d.* FROM (${detail}) d SEMI JOIN (${above}) p ON ${joinSql(base)}`
}

/** Rows of the chain's last model that are behind one row of its first. */
function parentsSql(
  chain: readonly ModelSql[],
  values: readonly KeyValue[],
  rows: (index: number) => string,
): string {
  let above = ''
  for (const [index, one] of chain.slice(0, -1).entries()) {
    const detail = one.sourceRows(rows(index))
    above =
      index === 0
        ? `SELECT * FROM (${detail}) WHERE ${keysSql(values)}`
        : `SELECT d.* FROM (${detail}) d SEMI JOIN (${above}) p ON ${joinSql(one)}`
  }
  return above
}

function keysSql(values: readonly KeyValue[]): string {
  return keyPredicate(values, (_, index) => `_key${index}`)
}

function joinSql({ graphModel }: ModelSql): string {
  const parts = graphModel.model.key.map(
    (name, index) => `d._key${index} IS NOT DISTINCT FROM p."${name}"`,
  )
  return parts.length === 0 ? 'TRUE' : parts.join(' AND ')
}

/** Condition: the row was not too late for the model. */
export function onTimeSql({ graphModel }: ModelSql): string {
  return `NOT coalesce(${printTooLateSql(graphModel.model)}, FALSE)`
}

/** The model's rows, recomputed from these events' Bronze records by one SELECT after the other. */
export function recomputeSql(
  path: readonly ModelSql[],
  bronze: string,
  idsSql: string,
  withLate = false,
): string {
  let sql = `SELECT * FROM ${bronze} WHERE event_id IN (${idsSql})`
  for (const one of path.toReversed()) {
    const { kind } = one.graphModel.model
    const isTimed = !withLate && (kind === 'window' || kind === 'session')
    sql = one.rows(isTimed ? `SELECT * FROM (${sql}) WHERE ${onTimeSql(one)}` : sql)
  }
  return sql
}
