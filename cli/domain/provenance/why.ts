/**
 * `ccs why` explains one row of a model: the events behind it, what each contributes, what was
 * excluded, and whether the row follows from exactly these events. For that, the models' SELECTs
 * are run from the events' records in Bronze upwards.
 */

import { findStoredModels } from '../audit/catalog.ts'
import type { SetAsideEvent } from '../dlq/set-aside-events.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError } from '../kernel/errors.ts'
import { RAW_TOPIC } from '../log/topics.ts'
import type { GraphModel } from '../models/graph.ts'
import { findDifferingColumns, type Row, type RowDifference } from '../reconcile/accounts.ts'
import type { RunQuery } from '../reconcile/input.ts'
import type { MacroSet } from '../sql/expand-macros.ts'
import {
  countEvents,
  type EventTables,
  type ExcludedEvents,
  findEventTables,
  findExcluded,
  listFirstEvents,
  type TypeCount,
  type WhyEvent,
} from './events.ts'
import { findRow } from './find-row.ts'
import { type KeyValue, keyPredicate } from './key.ts'
import { type AstConverter, buildModelSql, type ModelSql } from './model-sql.ts'
import { onTimeSql, recomputeSql, rowsBehindSql } from './row-lineage.ts'
import { pickNearest, type SetAsideEvents } from './set-aside.ts'

/** The document of `ccs why`. */
export interface WhyReport {
  readonly ok: boolean
  readonly model: string
  readonly file: string
  readonly grain: string
  readonly key: Row
  readonly row: Row
  /** Names from the log to the model. */
  readonly path: readonly string[]
  readonly events: {
    readonly count: number
    readonly byType: readonly TypeCount[]
    /** The first of them by time. */
    readonly first: readonly WhyEvent[]
  }
  readonly leftOut: {
    /** Repeated deliveries of these events. */
    readonly duplicates: ExcludedEvents
    /** Events that belong here but came too late; null for a mart, which includes them. */
    readonly tooLate: ExcludedEvents | null
    /** null: not searched for. */
    readonly bots: ExcludedEvents | null
    /** Events that no model has, as one failed on them; the nearest in time to the row's events. */
    readonly setAside: SetAsideEvents
  }
  readonly check: WhyCheck
}

/** Whether the row follows from its events. */
export interface WhyCheck {
  /** null: the row can't be recomputed here. */
  readonly isEqual: boolean | null
  readonly sentence: string
  readonly columns: RowDifference['columns']
}

/** The models, and where to query them. */
export interface WhyInput {
  readonly query: RunQuery
  readonly text: AstConverter
  /** In topological order. */
  readonly graph: readonly GraphModel[]
  readonly macros: MacroSet
  /** How many events are listed. */
  readonly limit: number
  /** Reads the events on which a model failed and that were not sent again. */
  readonly readSetAside: () => Promise<readonly SetAsideEvent[]>
}

/** The models from `root` down to the one that reads Bronze, without Bronze. */
export async function modelPath(input: WhyInput, root: string): Promise<readonly ModelSql[]> {
  const path: ModelSql[] = []
  for (let name = root; ; ) {
    const one = input.graph.find(({ model }) => model.name === name)
    if (!one || one.model.layer === 'bronze') return path
    const sql = await buildModelSql(one, input.macros, input.text)
    path.push(sql)
    name = sql.source
  }
}

/** Explains one row. Throws CCS_USAGE_INVALID for an unknown model or key. */
export async function explainRow(
  input: WhyInput,
  name: string,
  words: readonly string[],
): Promise<WhyReport> {
  const { query, graph } = input
  const found = graph.find(({ model }) => model.name === name)
  const names = graph.map(({ model }) => model.name)
  if (!found)
    throw new CcsError('CCS_USAGE_INVALID', `There is no model '${name}'.`, {
      hint: didYouMean(name, names),
    })
  const { model } = found
  const tables = findEventTables(graph)
  const { row, values } = await findRow(query, { name, key: model.key }, words)
  const path = await modelPath(input, name)
  const stored = findStoredModels(graph)
  // Empty for a model of rows, which are in the lake themselves.
  const chain = path.filter(({ graphModel }) => !stored.has(graphModel.model.name))
  const behind = chain.length === 0 ? ownRows(name, values) : rowsBehindSql(chain, values, name)
  await requireIds(query, name, behind)
  const idsSql = `SELECT DISTINCT event_id FROM (${behind})`
  const base = chain.at(-1)
  const byType = await countEvents(query, tables, idsSql)
  const first = await listFirstEvents(query, tables, idsSql, {
    limit: input.limit,
    ...(base?.perEvent
      ? { perEvent: base.perEvent(onTime(base, idsSql)), model: base.graphModel.model }
      : {}),
  })
  const check = await checkRow(query, { name, values, path, tables, idsSql })
  const lost = byType.reduce((sum, one) => sum + one.count - one.inBronze, 0)
  return {
    ok: check.isEqual !== false && lost === 0,
    model: name,
    file: model.file,
    grain: model.grain,
    key: Object.fromEntries(model.key.map((key) => [key, row[key]])),
    row,
    path: [
      RAW_TOPIC,
      ...(model.layer === 'bronze' ? [] : [tables.bronze]),
      ...path.map(({ graphModel }) => graphModel.model.name).reverse(),
    ],
    events: { count: byType.reduce((sum, one) => sum + one.count, 0), byType, first },
    leftOut: {
      ...(await findExcluded(query, { tables, idsSql, chain, path, values, row })),
      setAside: pickNearest(await input.readSetAside(), first[0]?.at),
    },
    check: lost === 0 ? check : lostCheck(lost),
  }
}

function lostCheck(lost: number): WhyCheck {
  const sentence = `${lost} of these events are not in Bronze where Silver says they came from.`
  return { isEqual: false, sentence, columns: [] }
}

function ownRows(name: string, values: readonly KeyValue[]): string {
  return `SELECT * FROM ${name} WHERE ${keyPredicate(values)}`
}

async function requireIds(query: RunQuery, name: string, behind: string): Promise<void> {
  const { columns } = await query(`SELECT * FROM (${behind}) LIMIT 0`)
  if (columns.some((column) => column.name === 'event_id')) return
  throw new CcsError('CCS_SQL_UNSUPPORTED', `The rows that ${name} reads have no event_id.`, {
    hint: 'Rows are traced by event_id: add it to the models that it reads.',
  })
}

/** Rows of these events that the model accepts. */
function onTime(base: ModelSql, idsSql: string): string {
  return `SELECT * FROM ${base.source} WHERE ${onTimeSql(base)} AND event_id IN (${idsSql})`
}

interface CheckedRow {
  readonly name: string
  readonly values: readonly KeyValue[]
  readonly path: readonly ModelSql[]
  readonly tables: EventTables
  readonly idsSql: string
}

async function checkRow(query: RunQuery, checked: CheckedRow): Promise<WhyCheck> {
  const { name, values, path, tables, idsSql } = checked
  const where = keyPredicate(values)
  const again = `SELECT * FROM (${recomputeSql(path, tables.bronze, idsSql)}) WHERE ${where}`
  // A single statement: with a running engine, both sides are of the same moment.
  const { rows } =
    await query(`WITH served AS (SELECT * FROM ${name} WHERE ${where}), again AS (${again})
    SELECT (SELECT count(*) FROM served) AS served, (SELECT count(*) FROM again) AS again,
      (SELECT count(*) FROM (FROM served EXCEPT ALL FROM again)) AS differing`)
  const [counts] = rows
  const isEqual =
    Number(counts?.served) === Number(counts?.again) && Number(counts?.differing) === 0
  if (isEqual)
    return {
      isEqual,
      sentence: 'Recomputed from exactly these events in Bronze, the row is the same.',
      columns: [],
    }
  const [shown, made] = [await query(ownRows(name, values)), await query(again)]
  const names = shown.columns.map((column) => column.name)
  const columns = findDifferingColumns(made.rows[0], shown.rows[0], names)
  const what =
    made.rows.length === 0
      ? 'there is no such row'
      : columns.map(({ column, expected }) => `${column} is ${JSON.stringify(expected)}`).join(', ')
  return { isEqual, sentence: `Recomputed from these events in Bronze, ${what}.`, columns }
}
