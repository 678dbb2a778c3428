/** The events behind a row, as `ccs why` tells of them: how many, which, where they came from, what was left out. */

import { isZero, toExact } from '../kernel/decimal.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { quoteText } from '../kernel/sql-text.ts'
import { tooLateSql } from '../models/finality.ts'
import type { GraphModel } from '../models/graph.ts'
import type { Model } from '../models/model.ts'
import type { Row } from '../reconcile/accounts.ts'
import type { RunQuery } from '../reconcile/input.ts'
import type { KeyValue } from './key.ts'
import type { ModelSql } from './model-sql.ts'
import { onTimeSql, rowsBehindOverSql } from './row-lineage.ts'

/** Where events are: one row a record, and one row an event. */
export interface EventTables {
  readonly bronze: string
  readonly events: string
}

export function findEventTables(graph: readonly GraphModel[]): EventTables {
  const events = graph.find(({ model }) => model.dedupe?.key === 'event_id')
  const bronze = events?.reads[0]
  if (events && bronze !== undefined) return { bronze, events: events.model.name }
  throw new CcsError('CCS_SQL_UNSUPPORTED', 'No model keeps each event_id once.', {
    exit: EXIT.usage,
    hint: 'Rows are traced through the model with dedupe: event_id, such as sql/silver/events.sql.',
  })
}

export interface TypeCount {
  readonly type: string
  readonly count: number
  /** Those whose record is in Bronze where Silver says it came from. */
  readonly inBronze: number
}

export interface WhyEvent {
  readonly eventId: string
  readonly type: string
  /** Corrected time, ISO 8601. */
  readonly at: string
  /** `events.raw-0@1234` */
  readonly from: string
  /** How far behind its partition's watermark it arrived, ms. */
  readonly lateMs: number
  /** Columns of the row that this event alone would make other than zero. */
  readonly gives: Row
}

export interface ExcludedEvents {
  readonly count: number
  readonly first: readonly WhyEvent[]
}

const LEFT_OUT_SHOWN = 5

export async function countEvents(
  ask: RunQuery,
  { bronze, events }: EventTables,
  idsSql: string,
): Promise<readonly TypeCount[]> {
  const { rows } = await ask(`SELECT e.event_type AS type, count(*) AS n, count(b.event_id) AS m
    FROM ${events} e LEFT JOIN ${bronze} b
      ON b.topic = e.topic AND b.partition = e.partition AND b."offset" = e."offset"
        AND b.event_id = e.event_id
    WHERE e.event_id IN (${idsSql}) GROUP BY ALL ORDER BY n DESC, type`)
  return rows.map(({ type, n, m }) => {
    return { type: String(type), count: Number(n), inBronze: Number(m) }
  })
}

interface FirstOptions {
  readonly limit: number
  /** SELECT of the model's columns for each event by itself. */
  readonly perEvent?: string
  readonly model?: Model
}

export async function listFirstEvents(
  ask: RunQuery,
  { events }: EventTables,
  idsSql: string,
  { limit, perEvent, model }: FirstOptions,
): Promise<readonly WhyEvent[]> {
  const { rows } = await ask(`SELECT event_id, event_type, event_time, topic, partition, "offset",
      late_ms
    FROM ${events} WHERE event_id IN (${idsSql})
    ORDER BY event_time, topic, partition, "offset" LIMIT ${limit}`)
  const found = rows.map((row) => whyEvent(row))
  if (perEvent === undefined || found.length === 0) return found
  const ids = found.map(({ eventId }) => quoteText(eventId)).join(', ')
  const gives = await ask(`SELECT * FROM (${perEvent}) WHERE event_id IN (${ids})`)
  const numbers = gives.columns
    .filter(({ name, type }) => /INT$|^DECIMAL/.test(type) && !model?.key.includes(name))
    .map(({ name }) => name)
  const byId = new Map<string, Row>()
  for (const row of gives.rows) {
    const values = numbers.filter((name) => !isZero(toExact(row[name])))
    const own = Object.fromEntries(values.map((name) => [name, row[name]]))
    byId.set(String(row.event_id), { ...byId.get(String(row.event_id)), ...own })
  }
  return found.map((event) => ({ ...event, gives: byId.get(event.eventId) ?? {} }))
}

function whyEvent(row: Row): WhyEvent {
  return {
    eventId: String(row.event_id),
    type: String(row.event_type),
    at: String(row.event_time),
    from: `${row.topic}-${row.partition}@${row.offset}`,
    lateMs: Number(row.late_ms ?? 0),
    gives: {},
  }
}

export interface ExcludedInput {
  readonly tables: EventTables
  readonly idsSql: string
  /** Models from the row's own to the one over rows of the lake. */
  readonly chain: readonly ModelSql[]
  /** All models down to Bronze. */
  readonly path: readonly ModelSql[]
  readonly values: readonly KeyValue[]
  readonly row: Row
}

export async function findExcluded(
  ask: RunQuery,
  input: ExcludedInput,
): Promise<{ duplicates: ExcludedEvents; tooLate: ExcludedEvents; bots: ExcludedEvents | null }> {
  const { tables, idsSql } = input
  const tooLate = await listEvents(ask, tables, tooLateIdsSql(input))
  const bots = await botIdsSql(ask, input)
  return {
    duplicates: await findDuplicates(ask, tables, idsSql),
    tooLate,
    bots: bots === undefined ? null : await listEvents(ask, tables, bots),
  }
}

export async function findDuplicates(
  ask: RunQuery,
  { bronze, events }: EventTables,
  idsSql: string,
): Promise<ExcludedEvents> {
  const { rows } = await ask(`SELECT b.event_id, b.event_type, b.event_ts AS event_time, b.topic,
      b.partition, b."offset", b.late_ms, count(*) OVER () AS n
    FROM ${bronze} b ANTI JOIN ${events} e
      ON b.topic = e.topic AND b.partition = e.partition AND b."offset" = e."offset"
    WHERE b.event_id IN (${idsSql})
    ORDER BY b.topic, b.partition, b."offset" LIMIT ${LEFT_OUT_SHOWN}`)
  return { count: Number(rows[0]?.n ?? 0), first: rows.map(whyEvent) }
}

async function listEvents(
  ask: RunQuery,
  tables: EventTables,
  ids: string | undefined,
): Promise<ExcludedEvents> {
  if (ids === undefined) return { count: 0, first: [] }
  const { rows } = await ask(`SELECT count(DISTINCT event_id) AS n FROM (${ids})`)
  const count = Number(rows[0]?.n)
  const first =
    count === 0 ? [] : await listFirstEvents(ask, tables, ids, { limit: LEFT_OUT_SHOWN })
  return { count, first }
}

/** SELECT of the ids of events that would be behind the row, had they not come too late for the model. */
function tooLateIdsSql({ chain, values, row }: ExcludedInput): string | undefined {
  const base = chain.at(-1)
  if (!base || tooLateSql(base.graphModel.model) === 'FALSE') return undefined
  const isLate = `coalesce(${tooLateSql(base.graphModel.model)}, FALSE)`
  const source = `SELECT * FROM ${base.source} WHERE ${isLate}`
  const { session } = base.graphModel.model
  return session && chain.length === 1
    ? nearSessionSql(source, row, session.pauseMs)
    : `SELECT event_id FROM (${rowsBehindOverSql(chain, values, { rows: rowsOverSql(chain, source), source })})`
}

/** The same for bots: their rows posing as people's. undefined where no row is a bot's. */
async function botIdsSql(
  ask: RunQuery,
  { chain, path, values, row }: ExcludedInput,
): Promise<string | undefined> {
  const base = chain.at(-1)
  if (!base) return undefined
  const view = path.find(
    ({ graphModel }) => graphModel.model.name === base.source && graphModel.model.kind === 'view',
  )
  const table = view?.source ?? base.source
  const { columns } = await ask(`SELECT * FROM ${table} LIMIT 0`)
  if (!columns.some(({ name }) => name === 'is_bot')) return undefined
  const posing = `SELECT * REPLACE (FALSE AS is_bot) FROM ${table} WHERE is_bot`
  const source = `SELECT * FROM (${view ? view.rows(posing) : posing}) WHERE ${onTimeSql(base)}`
  const { session } = base.graphModel.model
  return session && chain.length === 1
    ? nearSessionSql(source, row, 0)
    : `SELECT event_id FROM (${rowsBehindOverSql(chain, values, { rows: rowsOverSql(chain, source), source })})`
}

/** Rows of each model of the chain when its last reads `source`. */
function rowsOverSql(chain: readonly ModelSql[], source: string): (index: number) => string {
  return (index) => {
    let sql = source
    for (const one of chain.slice(index + 1).toReversed()) sql = one.rows(sql)
    return sql
  }
}

/** A visit's own start depends on its events: what was left out of it lies in or near its time. */
function nearSessionSql(source: string, row: Row, marginMs: number): string {
  const [visitor, start, end] = [row.anonymous_id, row.session_start, row.session_end].map((one) =>
    quoteText(String(one)),
  )
  const margin = `to_milliseconds(${marginMs})`
  return `SELECT event_id FROM (${source}) WHERE anonymous_id = ${visitor}
    AND event_time BETWEEN CAST(${start} AS TIMESTAMP) - ${margin} AND CAST(${end} AS TIMESTAMP) + ${margin}`
}
