/**
 * Checks Silver against Bronze, which comparing Gold can't do: a row that was too late is in no
 * result of the stream, so changing it in Silver would change `late` and the marts alike. These
 * rows, and all rows of days that do not balance, are recomputed from Bronze by the models'
 * SELECTs.
 */

import type { AuditSql } from '../audit/catalog.ts'
import { describeColumns, findDifferences, idSql, keyedSql } from '../audit/compare.ts'
import { IDS_MAX } from '../audit/log-accounts.ts'
import { ORDER_KIND } from '../gate/decoder/order-id.ts'
import { appendAll, least } from '../kernel/lists.ts'
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import type { GraphModel } from '../models/graph.ts'
import type { Model } from '../models/model.ts'
import { findDifferingColumns, type Row, type RowDifference } from './accounts.ts'
import { type DatedDifference, datesSql, findTimedModels, type ReconcileInput } from './input.ts'
import { orderLabel } from './rows.ts'

/** Which rows of Silver are checked. */
export interface SilverScope {
  /** Days whose late rows are checked. */
  readonly dates: readonly string[]
  /** Days whose rows are all checked. */
  readonly unbalanced: readonly string[]
  /** Whether Bronze is of the same commit as Silver, not a later one. */
  readonly isSameCommit: boolean
}

/** Rows of Silver that differ from Bronze. */
export interface SilverFindings {
  readonly rows: readonly DatedDifference[]
  /** Differences beyond those listed, by shop day. */
  readonly unnamed: ReadonlyMap<string, number>
}

/** Recomputes the chosen rows of each Silver stream model and lists what differs. */
export async function findSilverDifferences(
  { plain, logic }: ReconcileInput,
  scope: SilverScope,
): Promise<SilverFindings> {
  const rows: DatedDifference[] = []
  const unnamed = new Map<string, number>()
  const bronze = logic.graph.find(({ model }) => model.layer === 'bronze')?.model.name
  const events = logic.graph.find(({ model }) => model.dedupe !== undefined)?.model
  if (bronze === undefined || events === undefined) return { rows, unnamed }
  await chooseIds(plain, { bronze, events: events.name, scope, graph: logic.graph })
  if (events.dedupe?.orderKey) await addSameOrders(plain, bronze, events.dedupe.orderKey)
  await rebuildSilver(plain, { bronze, macrosSql: logic.macrosSql, graph: logic.graph })
  for (const { model } of logic.graph) {
    if (model.kind !== 'stream' || model.layer !== 'silver') continue
    for (const date of await findDifferingDates(plain, model, scope.dates)) {
      const found = await listDifferences(plain, model, date)
      appendAll(rows, found.rows)
      unnamed.set(date, (unnamed.get(date) ?? 0) + found.count - found.rows.length)
    }
  }
  return { rows, unnamed }
}

/** Stores the event ids to check, and the last offset of each partition in this Silver. */
async function chooseIds(
  plain: AuditSql,
  from: {
    readonly bronze: string
    readonly events: string
    readonly scope: SilverScope
    readonly graph: readonly GraphModel[]
  },
): Promise<void> {
  const { bronze, events, scope, graph } = from
  await plain.run(`CREATE TABLE memory.audit.bounds AS
    SELECT topic, partition, max("offset") AS last
    FROM memory.${scope.isSameCommit ? bronze : events} GROUP BY ALL`)
  // Every model accepts rows that are less late than this.
  const leastMs = least(
    findTimedModels(graph).map(({ session, latenessMs }) => {
      return (latenessMs ?? 0) + (session?.pauseMs ?? 0)
    }),
  )
  const near = (dates: readonly string[]) => {
    const days = dates.flatMap((date) =>
      [-1, 0, 1].map((step) => `DATE ${quoteText(date)} + ${step}`),
    )
    return days.length === 0 ? 'FALSE' : `event_date IN (${days.join(', ')})`
  }
  const where = `(${near(scope.dates)} AND late_ms >= ${leastMs}) OR ${near(scope.unbalanced)}`
  const others = graph.filter(({ model, reads }) => {
    return model.kind === 'stream' && model.layer === 'silver' && reads.includes(events)
  })
  // A row without an event behind it is found in its own table only.
  const more = others.map(
    ({ model }) =>
      `UNION SELECT event_id FROM memory.${model.name} WHERE ${near(scope.unbalanced)}`,
  )
  await plain.run(`CREATE TABLE memory.audit.ids AS
    SELECT event_id FROM memory.${bronze} WHERE ${where}
    UNION SELECT event_id FROM memory.${events} WHERE ${where} ${more.join(' ')}`)
}

/** Adds the other purchases of the same orders: which of them counts is seen among all alone. */
async function addSameOrders(plain: AuditSql, bronze: string, orderKey: string): Promise<void> {
  const order = quoteName(orderKey)
  const purchases = `FROM memory.${bronze} WHERE event_type = ${quoteText(ORDER_KIND)}`
  await plain.run(`INSERT INTO memory.audit.ids
    SELECT event_id ${purchases} AND ${order} IN (
      SELECT ${order} ${purchases} AND event_id IN (SELECT event_id FROM memory.audit.ids))`)
}

/** Creates the catalog `again`: the models over the chosen records of Bronze. */
async function rebuildSilver(
  plain: AuditSql,
  logic: {
    readonly bronze: string
    readonly macrosSql: string
    readonly graph: readonly GraphModel[]
  },
): Promise<void> {
  await plain.run(`ATTACH ':memory:' AS again; USE again`)
  try {
    await plain.run('CREATE SCHEMA bronze; CREATE SCHEMA silver')
    if (logic.macrosSql.trim() !== '') await plain.run(logic.macrosSql)
    await plain.run(`CREATE TABLE again.${logic.bronze} AS
      SELECT b.* FROM memory.${logic.bronze} b
      JOIN memory.audit.bounds e
        ON b.topic = e.topic AND b.partition = e.partition AND b."offset" <= e.last
      WHERE b.event_id IN (SELECT event_id FROM memory.audit.ids)`)
    for (const { model } of logic.graph)
      if (model.kind === 'stream' && model.layer === 'silver')
        await plain.run(`CREATE VIEW ${model.name} AS ${model.sql}`)
  } finally {
    await plain.run('USE memory')
  }
}

interface SilverSides {
  readonly wanted: string
  readonly stored: string
  readonly names: readonly string[]
  readonly relations: { readonly expected: string; readonly actual: string }
}

/** undefined for a model whose rows can't be traced to events. */
async function selectSides(
  plain: AuditSql,
  model: Model,
  dates: readonly string[],
): Promise<SilverSides | undefined> {
  const columns = await describeColumns(plain, `SELECT * FROM again.${model.name}`)
  const names = columns.map(({ name }) => name)
  if (!names.includes('event_id') || !names.includes('event_time')) return undefined
  const scoped = (relation: string) => `SELECT *, CAST(shop_day(event_time) AS VARCHAR) AS _date
    FROM ${relation} WHERE event_id IN (SELECT event_id FROM memory.audit.ids)
      AND shop_day(event_time) IN (${datesSql(dates)})`
  const [wanted, stored] = [scoped(`again.${model.name}`), scoped(`memory.${model.name}`)]
  const shape = { keys: ['_date', ...model.key], columns }
  const keyed = (select: string) => `(${keyedSql(select, shape)})`
  const relations = { expected: keyed(wanted), actual: keyed(stored) }
  return { wanted, stored, names, relations }
}

async function findDifferingDates(
  plain: AuditSql,
  model: Model,
  dates: readonly string[],
): Promise<readonly string[]> {
  const found = new Set<string>()
  // A fault lists at most this many ids; here the ids are days.
  for (let at = 0; at < dates.length; at += IDS_MAX) {
    const sides = await selectSides(plain, model, dates.slice(at, at + IDS_MAX))
    if (!sides) return []
    for (const { ids } of await findDifferences(plain, model.name, sides.relations, ['_date']))
      for (const id of ids) found.add(id)
  }
  return [...found].sort()
}

async function listDifferences(
  plain: AuditSql,
  model: Model,
  date: string,
): Promise<{ readonly rows: readonly DatedDifference[]; readonly count: number }> {
  const rows: DatedDifference[] = []
  let count = 0
  const sides = await selectSides(plain, model, [date])
  if (!sides) return { rows, count }
  const { wanted, stored, names, relations } = sides
  for (const fault of await findDifferences(plain, model.name, relations, model.key)) {
    count += fault.count
    const rowsOf = async (select: string) => {
      const { rows: found } = await plain.all(`SELECT *, ${idSql(model.key)} AS _id FROM (${select})
        WHERE ${idSql(model.key)} IN (${fault.ids.map(quoteText).join(', ')})`)
      return new Map<string, Row>(found.map((row) => [String(row._id), row]))
    }
    const [good, bad] = [await rowsOf(wanted), await rowsOf(stored)]
    for (const key of fault.ids)
      rows.push({
        date,
        table: model.name,
        key,
        problem: fault.check as RowDifference['problem'], // findDifferences has these four
        of: orderLabel(good.get(key) ?? bad.get(key)),
        columns: findDifferingColumns(good.get(key), bad.get(key), names),
      })
  }
  return { rows, count }
}
