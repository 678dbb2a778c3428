/**
 * `ccs why`: which events are behind one row of a model, what each of them gives, what was left out, and whether
 * the row follows from exactly these events: the models' own SELECTs are run again from their Bronze records up.
 */

import { findStoredModels } from '../audit/catalog.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
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

export interface WhyReport {
  readonly ok: boolean
  readonly model: string
  readonly file: string
  readonly grain: string
  readonly key: Row
  readonly row: Row
  /** From the log to the model. */
  readonly path: readonly string[]
  readonly events: {
    readonly count: number
    readonly byType: readonly TypeCount[]
    /** The first of them, by time. */
    readonly first: readonly WhyEvent[]
  }
  readonly leftOut: {
    /** Further arrivals of these ids. */
    readonly duplicates: ExcludedEvents
    /** Events that belong here and came too late; null for a mart, which has them. */
    readonly tooLate: ExcludedEvents | null
    /** null: not looked for. */
    readonly bots: ExcludedEvents | null
  }
  readonly check: WhyCheck
}

export interface WhyCheck {
  /** null: this row can't be made again here. */
  readonly isEqual: boolean | null
  readonly sentence: string
  readonly columns: RowDifference['columns']
}

export interface WhyInput {
  readonly ask: RunQuery
  readonly text: AstConverter
  /** In topological order. */
  readonly graph: readonly GraphModel[]
  readonly macros: MacroSet
  /** How many events are listed. */
  readonly limit: number
}

/** The models from `root` down to the one that reads Bronze, as SQL; Bronze itself is not among them. */
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

/** Throws CCS_USAGE_INVALID for an unknown model or key. */
export async function explainRow(
  input: WhyInput,
  name: string,
  words: readonly string[],
): Promise<WhyReport> {
  const { ask, graph } = input
  const found = graph.find(({ model }) => model.name === name)
  const names = graph.map(({ model }) => model.name)
  if (!found)
    throw new CcsError('CCS_USAGE_INVALID', `There is no model '${name}'.`, {
      exit: EXIT.usage,
      hint: didYouMean(name, names),
    })
  const { model } = found
  const tables = findEventTables(graph)
  const { row, values } = await findRow(ask, { name, key: model.key }, words)
  const path = await modelPath(input, name)
  const stored = findStoredModels(graph)
  // From the model itself to the one that aggregates rows of the lake; none for a model of rows.
  const chain = path.filter(({ graphModel }) => !stored.has(graphModel.model.name))
  const behind = chain.length === 0 ? ownRows(name, values) : rowsBehindSql(chain, values, name)
  await requireIds(ask, name, behind)
  const idsSql = `SELECT DISTINCT event_id FROM (${behind})`
  const base = chain.at(-1)
  const byType = await countEvents(ask, tables, idsSql)
  const first = await listFirstEvents(ask, tables, idsSql, {
    limit: input.limit,
    ...(base?.perEvent
      ? { perEvent: base.perEvent(onTime(base, idsSql)), model: base.graphModel.model }
      : {}),
  })
  const check = await checkRow(ask, { name, values, path, tables, idsSql })
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
    leftOut: await findExcluded(ask, { tables, idsSql, chain, path, values, row }),
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

async function requireIds(ask: RunQuery, name: string, behind: string): Promise<void> {
  const { columns } = await ask(`SELECT * FROM (${behind}) LIMIT 0`)
  if (columns.some((column) => column.name === 'event_id')) return
  throw new CcsError('CCS_SQL_UNSUPPORTED', `What ${name} reads has no event_id.`, {
    exit: EXIT.usage,
    hint: 'Rows are traced by event_id: let the models below carry it.',
  })
}

/** Rows of these events that the model takes in. */
function onTime(base: ModelSql, idsSql: string): string {
  return `SELECT * FROM ${base.source} WHERE ${onTimeSql(base)} AND event_id IN (${idsSql})`
}

export interface CheckedRow {
  readonly name: string
  readonly values: readonly KeyValue[]
  readonly path: readonly ModelSql[]
  readonly tables: EventTables
  readonly idsSql: string
}

async function checkRow(ask: RunQuery, checked: CheckedRow): Promise<WhyCheck> {
  const { name, values, path, tables, idsSql } = checked
  const where = keyPredicate(values)
  const again = `SELECT * FROM (${recomputeSql(path, tables.bronze, idsSql)}) WHERE ${where}`
  // One statement: beside a running engine both sides are of the same moment.
  const { rows } =
    await ask(`WITH served AS (SELECT * FROM ${name} WHERE ${where}), again AS (${again})
    SELECT (SELECT count(*) FROM served) AS served, (SELECT count(*) FROM again) AS again,
      (SELECT count(*) FROM (FROM served EXCEPT ALL FROM again)) AS differing`)
  const [counts] = rows
  const isEqual =
    Number(counts?.served) === Number(counts?.again) && Number(counts?.differing) === 0
  if (isEqual)
    return {
      isEqual,
      sentence: 'Made again from exactly these events in Bronze, the row is the same.',
      columns: [],
    }
  const [shown, made] = [await ask(ownRows(name, values)), await ask(again)]
  const names = shown.columns.map((column) => column.name)
  const columns = findDifferingColumns(made.rows[0], shown.rows[0], names)
  const what =
    made.rows.length === 0
      ? 'there is no such row'
      : columns.map(({ column, expected }) => `${column} is ${JSON.stringify(expected)}`).join(', ')
  return { isEqual, sentence: `Made again from these events in Bronze, ${what}.`, columns }
}
