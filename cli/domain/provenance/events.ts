/**
 * The events behind a row, as `ccs why` lists them: how many, which, where they came from, and
 * which ones were excluded.
 */

import { ORDER_KIND } from '../gate/decoder/order-id.ts'
import { isZero, toExact } from '../kernel/decimal.ts'
import { CcsError } from '../kernel/errors.ts'
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import { printTooLateSql } from '../models/finality.ts'
import type { GraphModel } from '../models/graph.ts'
import type { Model } from '../models/model.ts'
import type { Row } from '../reconcile/accounts.ts'
import type { RunQuery } from '../reconcile/input.ts'
import type { KeyValue } from './key.ts'
import type { ModelSql } from './model-sql.ts'
import { onTimeSql, rowsBehindOverSql, type SourceRows } from './row-lineage.ts'

/** The tables with one row for each record, and one row for each event. */
export interface EventTables {
  readonly bronze: string
  readonly events: string
  /** Column of the order's id if each order's purchases are deduplicated by it. */
  readonly orderKey?: string | undefined
}

/** Throws CCS_SQL_UNSUPPORTED if no model deduplicates by event_id. */
export function findEventTables(graph: readonly GraphModel[]): EventTables {
  const events = graph.find(({ model }) => model.dedupe?.key === 'event_id')
  const bronze = events?.reads[0]
  if (events && bronze !== undefined)
    return { bronze, events: events.model.name, orderKey: events.model.dedupe?.orderKey }
  throw new CcsError('CCS_SQL_UNSUPPORTED', 'No model keeps each event_id once.', {
    hint: 'Rows are traced through the model with dedupe: event_id, such as sql/silver/events.sql.',
  })
}

/** How many events of one type are behind the row. */
export interface TypeCount {
  readonly type: string
  readonly count: number
  /** Those whose record is in Bronze at the place that Silver states. */
  readonly inBronze: number
}

/** One event behind a row. */
export interface WhyEvent {
  readonly eventId: string
  readonly type: string
  /** Corrected event time, ISO 8601. */
  readonly at: string
  /** `events.raw-0@1234` */
  readonly from: string
  /** How far behind its partition's watermark it arrived, ms. */
  readonly lateMs: number
  /** Number columns of the row that this event alone would make non-zero. */
  readonly gives: Row
}

/** Events that are not counted in the row, and the first few of them. */
export interface ExcludedEvents {
  readonly count: number
  readonly first: readonly WhyEvent[]
}

const LEFT_OUT_SHOWN = 5

/** Counts the events by type, most frequent first. `idsSql` is a SELECT of event_id. */
export async function countEvents(
  query: RunQuery,
  { bronze, events }: EventTables,
  idsSql: string,
): Promise<readonly TypeCount[]> {
  const { rows } = await query(`SELECT e.event_type AS type, count(*) AS n, count(b.event_id) AS m
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

/** The first `limit` events by time. */
export async function listFirstEvents(
  query: RunQuery,
  { events }: EventTables,
  idsSql: string,
  { limit, perEvent, model }: FirstOptions,
): Promise<readonly WhyEvent[]> {
  const { rows } = await query(`SELECT event_id, event_type, event_time, topic, partition, "offset",
      late_ms
    FROM ${events} WHERE event_id IN (${idsSql})
    ORDER BY event_time, topic, partition, "offset" LIMIT ${limit}`)
  const found = rows.map((row) => whyEvent(row))
  if (perEvent === undefined || found.length === 0) return found
  const ids = found.map(({ eventId }) => quoteText(eventId)).join(', ')
  const gives = await query(`SELECT * FROM (${perEvent}) WHERE event_id IN (${ids})`)
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

/** The row, its events, and the models between them. */
export interface ExcludedInput {
  readonly tables: EventTables
  readonly idsSql: string
  /** Models from the row's own down to the one that aggregates rows of the lake. */
  readonly chain: readonly ModelSql[]
  /** All models down to Bronze. */
  readonly path: readonly ModelSql[]
  readonly values: readonly KeyValue[]
  readonly row: Row
}

/**
 * Duplicates of the row's events, and events that would belong to the row but were too late or sent
 * by bots; `bots` is null if the source has no column is_bot.
 */
export async function findExcluded(
  query: RunQuery,
  input: ExcludedInput,
): Promise<{ duplicates: ExcludedEvents; tooLate: ExcludedEvents; bots: ExcludedEvents | null }> {
  const { tables, idsSql } = input
  const tooLate = await listEvents(query, tables, tooLateIdsSql(input))
  const bots = await botIdsSql(query, input)
  return {
    duplicates: await findDuplicates(query, tables, idsSql),
    tooLate,
    bots: bots === undefined ? null : await listEvents(query, tables, bots),
  }
}

/** Records in Bronze with the same ids, or purchases of the same orders, that Silver lacks. */
export async function findDuplicates(
  query: RunQuery,
  { bronze, events, orderKey }: EventTables,
  idsSql: string,
): Promise<ExcludedEvents> {
  const isPurchase = `event_type = ${quoteText(ORDER_KIND)}`
  const sameOrder =
    orderKey === undefined
      ? ''
      : `OR (b.${isPurchase} AND b.${quoteName(orderKey)} IN (SELECT ${quoteName(orderKey)}
          FROM ${events} WHERE ${isPurchase} AND event_id IN (${idsSql})))`
  const { rows } = await query(`SELECT b.event_id, b.event_type, b.event_ts AS event_time, b.topic,
      b.partition, b."offset", b.late_ms, count(*) OVER () AS n
    FROM ${bronze} b ANTI JOIN ${events} e
      ON b.topic = e.topic AND b.partition = e.partition AND b."offset" = e."offset"
    WHERE b.event_id IN (${idsSql}) ${sameOrder}
    ORDER BY b.topic, b.partition, b."offset" LIMIT ${LEFT_OUT_SHOWN}`)
  return { count: Number(rows[0]?.n ?? 0), first: rows.map(whyEvent) }
}

async function listEvents(
  query: RunQuery,
  tables: EventTables,
  ids: string | undefined,
): Promise<ExcludedEvents> {
  if (ids === undefined) return { count: 0, first: [] }
  const { rows } = await query(`SELECT count(DISTINCT event_id) AS n FROM (${ids})`)
  const count = Number(rows[0]?.n)
  const first =
    count === 0 ? [] : await listFirstEvents(query, tables, ids, { limit: LEFT_OUT_SHOWN })
  return { count, first }
}

/** SELECT of the ids of events that would be behind the row if they had been on time. */
function tooLateIdsSql({ chain, values, row }: ExcludedInput): string | undefined {
  const base = chain.at(-1)
  if (!base || printTooLateSql(base.graphModel.model) === 'FALSE') return undefined
  const isLate = `coalesce(${printTooLateSql(base.graphModel.model)}, FALSE)`
  const source = `SELECT * FROM ${base.source} WHERE ${isLate}`
  const { session } = base.graphModel.model
  return session && chain.length === 1
    ? nearSessionSql(source, row, session.pauseMs)
    : `SELECT event_id FROM (${rowsBehindOverSql(chain, values, rowsOver(chain, source))})`
}

/** The same for events of bots, by treating them as people's; undefined without a column is_bot. */
async function botIdsSql(
  query: RunQuery,
  { chain, path, values, row }: ExcludedInput,
): Promise<string | undefined> {
  const base = chain.at(-1)
  if (!base) return undefined
  const view = path.find(
    ({ graphModel }) => graphModel.model.name === base.source && graphModel.model.kind === 'view',
  )
  const table = view?.source ?? base.source
  const { columns } = await query(`SELECT * FROM ${table} LIMIT 0`)
  if (!columns.some(({ name }) => name === 'is_bot')) return undefined
  const posing = `SELECT * REPLACE (FALSE AS is_bot) FROM ${table} WHERE is_bot`
  const source = `SELECT * FROM (${view ? view.rows(posing) : posing}) WHERE ${onTimeSql(base)}`
  const { session } = base.graphModel.model
  return session && chain.length === 1
    ? nearSessionSql(source, row, 0)
    : `SELECT event_id FROM (${rowsBehindOverSql(chain, values, rowsOver(chain, source))})`
}

/** The chain over `source`: each model reads what the models below it make of these rows. */
function rowsOver(chain: readonly ModelSql[], source: string): SourceRows {
  const rows = (index: number) =>
    chain.slice(index + 1).reduceRight((sql, one) => one.rows(sql), source)
  return { rows, source }
}

/** A session's start depends on its events, so excluded events are searched near its time. */
function nearSessionSql(source: string, row: Row, marginMs: number): string {
  const [visitor, start, end] = [row.anonymous_id, row.session_start, row.session_end].map((one) =>
    quoteText(String(one)),
  )
  const margin = `to_milliseconds(${marginMs})`
  return `SELECT event_id FROM (${source}) WHERE anonymous_id = ${visitor}
    AND event_time BETWEEN CAST(${start} AS TIMESTAMP) - ${margin}
      AND CAST(${end} AS TIMESTAMP) + ${margin}`
}
