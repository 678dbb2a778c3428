/**
 * `ccs why` for a row of a mart. The mart's YAML says which events are behind it
 * (config.meta.events), dbt's staging models find them, and Bronze and the Silver that the marts
 * were built from describe them. Where a model computes the same rows, its SELECT over these events
 * must return the row.
 */

import { type AuditSql, queryCount } from '../audit/catalog.ts'
import { describeColumns } from '../audit/compare.ts'
import { CcsError } from '../kernel/errors.ts'
import { quoteText } from '../kernel/sql-text.ts'
import { RAW_TOPIC } from '../log/topics.ts'
import { findDifferingColumns } from '../reconcile/accounts.ts'
import type { RunQuery } from '../reconcile/input.ts'
import { countEvents, findDuplicates, findEventTables, listFirstEvents } from './events.ts'
import { findRow } from './find-row.ts'
import { type KeyValue, keyPredicate, valueSql } from './key.ts'
import { recomputeSql } from './row-lineage.ts'
import { pickNearest } from './set-aside.ts'
import { modelPath, type WhyCheck, type WhyInput, type WhyReport } from './why.ts'

/** What a mart's YAML says about it. */
export interface MartMeta {
  readonly name: string
  readonly file: string
  readonly description: string
  readonly key: readonly string[]
  /** SELECT of event_id, with `:column` for values of the row's key. */
  readonly events: string
}

/** Marts and the models that compute the same rows. */
const EQUIVALENT_MODELS: Readonly<Record<string, string>> = {
  fct_orders: 'silver.orders',
  fct_sessions: 'gold.sessions',
  fct_revenue_daily: 'gold.revenue_daily',
  fct_revenue_by_category: 'gold.revenue_by_category_daily',
  daily_funnel: 'gold.funnel_daily',
}

/** As WhyInput, with the marts in place of the engine. */
export interface WhyMartInput extends Omit<WhyInput, 'query'> {
  readonly marts: RunQuery
  /** Has the catalogs of createAuditCatalog over Bronze and the marts' own Silver. */
  readonly plain: AuditSql
}

const IDS_PER_INSERT = 10_000

/**
 * Explains one row of a mart. Throws CCS_USAGE_INVALID for an unknown key, CCS_MODEL_INVALID if
 * config.meta.events can't be run.
 */
export async function explainMartRow(
  input: WhyMartInput,
  mart: MartMeta,
  words: readonly string[],
): Promise<WhyReport> {
  const { marts, plain, limit } = input
  const query: RunQuery = async (sql) => {
    const [{ rows }, columns] = [await plain.all(sql), await describeColumns(plain, sql)]
    return { columns, rows }
  }
  const { row, values } = await findRow(marts, mart, words)
  await loadIds(input, mart, values)
  const idsSql = 'SELECT event_id FROM memory.audit.behind'
  const tables = findEventTables(input.graph)
  const byType = await countEvents(query, tables, idsSql)
  const wanted = await queryCount(plain, 'SELECT count(*) FROM memory.audit.behind')
  const count = byType.reduce((sum, one) => sum + one.count, 0)
  const lost = wanted - byType.reduce((sum, one) => sum + one.inBronze, 0)
  const equivalent = EQUIVALENT_MODELS[mart.name]
  const path = equivalent === undefined ? [] : await modelPath({ ...input, query }, equivalent)
  const [top] = path
  const perEvent =
    top?.perEvent && top.graphModel.model.kind === 'window'
      ? top.perEvent(`SELECT * FROM ${top.source} WHERE event_id IN (${idsSql})`)
      : undefined
  const first = await listFirstEvents(query, tables, idsSql, {
    limit,
    ...(perEvent && top ? { perEvent, model: top.graphModel.model } : {}),
  })
  const check: WhyCheck =
    lost > 0
      ? { isEqual: false, sentence: `${lost} of these events are not in Bronze.`, columns: [] }
      : equivalent === undefined || path.length === 0
        ? { isEqual: null, sentence: `Only dbt can recompute a row of ${mart.name}.`, columns: [] }
        : await checkMart(input, query, {
            mart,
            values,
            again: recomputeSql(path, tables.bronze, idsSql, true),
            equivalent,
          })
  return {
    ok: check.isEqual !== false,
    model: mart.name,
    file: mart.file,
    grain: mart.description,
    key: Object.fromEntries(mart.key.map((name) => [name, row[name]])),
    row,
    path: [RAW_TOPIC, tables.bronze, tables.events, listMartSources(mart), mart.name],
    events: { count, byType, first },
    leftOut: {
      duplicates: await findDuplicates(query, tables, idsSql),
      tooLate: null,
      bots: null,
      setAside: pickNearest(await input.readSetAside(), first[0]?.at),
    },
    check,
  }
}

/** The dbt models from which the events are selected. */
function listMartSources({ events }: MartMeta): string {
  const names = [...events.matchAll(/\b(?:FROM|JOIN)\s+(\w+)/gi)].map(([, name]) => name ?? '')
  return [...new Set(names)].join(', ')
}

/** Stores the ids of the events as the table memory.audit.behind. */
async function loadIds(
  { marts, plain }: WhyMartInput,
  mart: MartMeta,
  values: readonly KeyValue[],
): Promise<void> {
  const sql = mart.events.replaceAll(/(?<!:):(\w+)\b/g, (whole, name: string) => {
    const value = values.find((one) => one.name === name)
    return value ? valueSql(value) : whole
  })
  const { rows } = await marts(`SELECT DISTINCT event_id FROM (${sql})`).catch((cause: unknown) => {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new CcsError(
      'CCS_MODEL_INVALID',
      `The events of ${mart.name} can't be found: ${message}`,
      {
        location: { file: mart.file },
        hint: 'Fix config.meta.events, or rebuild the marts: ccs dbt build',
        cause,
      },
    )
  })
  await plain.run('CREATE OR REPLACE TABLE memory.audit.behind (event_id VARCHAR)')
  for (let at = 0; at < rows.length; at += IDS_PER_INSERT) {
    const part = rows
      .slice(at, at + IDS_PER_INSERT)
      .map((row) => `(${quoteText(String(row.event_id))})`)
    await plain.run(`INSERT INTO memory.audit.behind VALUES ${part.join(', ')}`)
  }
}

async function checkMart(
  { marts }: WhyMartInput,
  query: RunQuery,
  about: {
    readonly mart: MartMeta
    readonly values: readonly KeyValue[]
    readonly again: string
    readonly equivalent: string
  },
): Promise<WhyCheck> {
  const { mart, values, again, equivalent } = about
  const where = keyPredicate(values)
  const made = await query(`SELECT * FROM (${again}) WHERE ${where}`)
  const shown = await marts(`SELECT * FROM ${mart.name} WHERE ${where}`)
  const there = new Set(shown.columns.map(({ name }) => name))
  const names = made.columns.map(({ name }) => name).filter((name) => there.has(name))
  const [expected, actual] = [made.rows[0], shown.rows[0]]
  const columns = findDifferingColumns(expected, actual, names)
  const isEqual = made.rows.length === 1 && columns.length === 0
  const what = expected
    ? columns.map((one) => `${one.column} is ${JSON.stringify(one.expected)}`).join(', ')
    : 'there is no such row'
  return {
    isEqual,
    sentence: isEqual
      ? `The SELECT of ${equivalent} over exactly these events in Bronze ` +
        `returns the same in all ${names.length} columns that both have.`
      : `By the SELECT of ${equivalent} over these events in Bronze, ${what}.`,
    columns,
  }
}
