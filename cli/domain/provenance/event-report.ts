/**
 * `ccs why EVENT_ID` and `ccs why ORDER_ID`: every delivery of an event, or of an order, and for
 * each what became of it and by which rule. What is not in Bronze is searched among the rejects.
 */
import type { RejectPlace } from '../dlq/count-rejects.ts'
import { type RejectPorts, readRejects } from '../dlq/read-rejects.ts'
import { printEventTimeSql } from '../events/event-time.ts'
import { ORDER_KIND } from '../gate/decoder/order-id.ts'
import { CcsError } from '../kernel/errors.ts'
import { appendAll } from '../kernel/lists.ts'
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import { formatDuration } from '../kernel/units.ts'
import { readRecords } from '../log/frame-records.ts'
import { DLQ_TOPIC } from '../log/topics.ts'
import { toModelFile } from '../models/model.ts'
import type { Row } from '../reconcile/accounts.ts'
import type { RunQuery } from '../reconcile/input.ts'
import type { LeftOutKind } from './left-out.ts'
import { type LeftOutModels, printMainCurrency } from './left-out-sql.ts'

/** One thing that became of a delivery; `kind` is `counted` if Gold has it. */
export interface Finding {
  readonly kind: LeftOutKind | 'counted'
  readonly sentence: string
  /** Where the rule stands, such as `lateness in sql/gold/sessions.sql`; '' for none. */
  readonly rule: string
}

/** A record in Bronze. */
export interface Delivery {
  readonly eventId: string
  readonly type: string
  readonly orderId: string | null
  /** Corrected event time, ISO 8601 UTC. */
  readonly at: string
  /** The shop day of `at`. */
  readonly shopDate: string
  readonly arrived: string
  /** `events.raw-0@1234` */
  readonly from: string
  readonly lateMs: number
  readonly findings: readonly Finding[]
}

/** A reject whose bytes contain the id, or that comes from the named line. */
export interface RejectedDelivery {
  /** `<partition>:<offset>` in events.dlq. */
  readonly place: string
  readonly reason: string
  readonly message: string
  /** `file:line` of an imported row. */
  readonly origin: string | null
  /** The command that shows all of it. */
  readonly see: string
}

/** The document of `ccs why ID`. */
export interface EventReport {
  readonly id: string
  /** By arrival; at most DELIVERIES_MAX. */
  readonly deliveries: readonly Delivery[]
  /** The first of them; searched only if there are no deliveries. */
  readonly rejects: readonly RejectedDelivery[]
}

/** What a report is made from. */
export interface EventReportPorts {
  readonly query: RunQuery
  readonly models: LeftOutModels
  readonly timezone: string
  readonly rejects: RejectPorts
}

const DELIVERIES_MAX = 20
const REJECTS_MAX = 5

/** Explains an event or an order; throws CCS_USAGE_INVALID if nothing has this id. */
export async function reportEvent(ports: EventReportPorts, id: string): Promise<EventReport> {
  const deliveries = await findDeliveries(ports, id)
  const rejects = deliveries.length === 0 ? await findRejects(ports.rejects, id) : []
  if (deliveries.length === 0 && rejects.length === 0) throw notFound(id)
  return { id, deliveries, rejects }
}

/** Explains one reject of events.dlq, given by its place. */
export async function reportReject(
  { rejects: { log, decode } }: Pick<EventReportPorts, 'rejects'>,
  { partition, offset }: RejectPlace,
): Promise<EventReport> {
  const id = `${partition}:${offset}`
  const place = { topic: DLQ_TOPIC, partition, from: offset }
  if (offset < (await log.range(DLQ_TOPIC, partition)).start) throw notFound(id)
  for await (const { records } of readRecords(log, place, 1)) {
    const record = records.find((one) => one.offset === offset)
    const reject = record && decode(record.bytes)
    if (reject) return { id, deliveries: [], rejects: [toRejected(id, reject)] }
    break
  }
  throw notFound(id)
}

function notFound(id: string): CcsError {
  return new CcsError(
    'CCS_USAGE_INVALID',
    `There is no model, mart, event, order or reject "${id}".`,
    {
      hint: 'Ids are event_id and order_id: ccs query "SELECT * FROM silver.orders LIMIT 5"',
    },
  )
}

async function findRejects(ports: RejectPorts, id: string): Promise<readonly RejectedDelivery[]> {
  const wanted = Buffer.from(id)
  const found: RejectedDelivery[] = []
  for await (const entries of readRejects(ports))
    for (const { partition, offset, reject } of entries) {
      if (!reject) continue
      if (reject.origin !== id && !Buffer.from(reject.bytes).includes(wanted)) continue
      found.push(toRejected(`${partition}:${offset}`, reject))
      if (found.length === REJECTS_MAX) return found
    }
  return found
}

function toRejected(
  place: string,
  reject: { readonly reason: string; readonly message: string; readonly origin: string | null },
): RejectedDelivery {
  const { reason, message, origin } = reject
  return { place, reason, message, origin, see: `ccs dlq show ${place}` }
}

async function findDeliveries(
  { query, models, timezone }: EventReportPorts,
  id: string,
): Promise<readonly Delivery[]> {
  const { bronze, events, orderKey } = models
  const time = `(${printEventTimeSql('b')})`
  const order = orderKey === undefined ? 'NULL' : `b.${quoteName(orderKey)}`
  const { rows } = await query(`SELECT b.event_id, b.event_type, ${order} AS order_id, b.topic,
      b.partition, b."offset", b.ingest_time, b.late_ms, b.event_date, ${time} AS event_time,
      CAST(shop_day(${time}) AS VARCHAR) AS shop_date, e.event_id IS NOT NULL AS is_kept
    FROM ${bronze} b LEFT JOIN ${events} e ON b.event_id = e.event_id
      AND b.topic = e.topic AND b.partition = e.partition AND b."offset" = e."offset"
    WHERE b.event_id = ${quoteText(id)} OR ${order} = ${quoteText(id)}
    ORDER BY b.ingest_time, b.topic, b.partition, b."offset" LIMIT ${DELIVERIES_MAX}`)
  const deliveries: Delivery[] = []
  for (const row of rows) {
    const isKept = row.is_kept === true
    const findings = isKept
      ? await explainKept({ query, models, timezone }, row)
      : [await explainRepeat(query, models, row)]
    deliveries.push({
      eventId: String(row.event_id),
      type: String(row.event_type),
      orderId: row.order_id === null ? null : String(row.order_id),
      at: String(row.event_time),
      shopDate: String(row.shop_date),
      arrived: String(row.ingest_time),
      from: `${row.topic}-${row.partition}@${row.offset}`,
      lateMs: Number(row.late_ms ?? 0),
      findings,
    })
  }
  return deliveries
}

/** Why Silver does not have a record of Bronze: the same event or order came before. */
async function explainRepeat(query: RunQuery, models: LeftOutModels, row: Row): Promise<Finding> {
  const { bronze, events, orderKey } = models
  const file = toModelFile(events)
  const first = async (from: string) =>
    (await query(`SELECT event_id, topic, partition, "offset" FROM ${from} LIMIT 1`)).rows[0]
  const place = (one: Row) => `${one.topic}-${one.partition}@${one.offset}`
  const duplicateOf = (one: Row): Finding => ({
    kind: 'duplicate',
    sentence: `A duplicate: the same event arrived before, at ${place(one)}, and counts once.`,
    rule: `dedupe in ${file}`,
  })
  const byId = `event_id = ${quoteText(String(row.event_id))}`
  const same = await first(`${events} WHERE ${byId}`)
  if (same) return duplicateOf(same)
  const purchase =
    orderKey === undefined || row.event_type !== ORDER_KIND
      ? undefined
      : await first(`${events} WHERE event_type = ${quoteText(ORDER_KIND)}
          AND ${quoteName(orderKey)} = ${quoteText(String(row.order_id))}`)
  if (purchase)
    return {
      kind: 'repeated-order',
      sentence:
        `A repeated order: ${row.order_id} was bought before, by event ${purchase.event_id} ` +
        `(${place(purchase)}); of an order the first purchase counts.`,
      rule: `dedupe_orders in ${file}`,
    }
  // Silver has no arrival of this id if the first of them repeats an order.
  const arrival = await first(`${bronze} WHERE ${byId}
    ORDER BY ingest_time, topic, partition, "offset"`)
  if (arrival && place(arrival) !== place(row)) return duplicateOf(arrival)
  return { kind: 'other-rule', sentence: `Not in ${events}.`, rule: file }
}

type KeptPorts = Pick<EventReportPorts, 'query' | 'models' | 'timezone'>

/** What Gold and the page make of a row of Silver; at least one finding. */
async function explainKept(ports: KeptPorts, row: Row): Promise<readonly Finding[]> {
  const { query, models, timezone } = ports
  const { events, counted } = models
  const byId = `event_id = ${quoteText(String(row.event_id))}`
  const event = (await query(`SELECT * FROM ${events} WHERE ${byId}`)).rows[0] ?? {}
  const isCounted = (await query(`SELECT 1 FROM ${counted} WHERE ${byId}`)).rows.length > 0
  const findings: Finding[] = []
  if (!isCounted) findings.push(explainExclusion(event, models))
  else {
    const missing = await findLateModels(ports, row, byId)
    appendAll(findings, missing)
    appendAll(findings, await explainMoney(ports, row, event, missing))
    if (event.consent === false) findings.push(consentButCounted(counted))
  }
  const utcDate = String(row.event_date).slice(0, 10)
  if (utcDate !== row.shop_date)
    findings.push({
      kind: 'other-day',
      sentence:
        `By UTC it happened on ${utcDate}, by the shop’s clock (${timezone}) on ` +
        `${row.shop_date}: numbers of that day have it.`,
      rule: 'timezone in ccs.yml',
    })
  return findings.some(({ kind }) => kind === 'late') || !isCounted
    ? findings
    : [{ kind: 'counted', sentence: 'It counts in Gold.', rule: '' }, ...findings]
}

function explainExclusion(event: Row, { counted }: LeftOutModels): Finding {
  const file = toModelFile(counted)
  if (event.is_bot === true)
    return {
      kind: 'bot',
      sentence: `A bot’s, by the rule “${event.bot_rule}”: in Silver with a flag, not in Gold.`,
      rule: `bot_rule in sql/macros.sql or the event’s bot_hint, ${file}`,
    }
  if (event.consent === false)
    return { kind: 'no-consent', sentence: 'Without consent: in Silver, not in Gold.', rule: file }
  return { kind: 'other-rule', sentence: `In Silver, but not in ${counted}.`, rule: file }
}

function consentButCounted(counted: string): Finding {
  return {
    kind: 'no-consent',
    sentence: `The visitor gave no consent; ${counted} has no rule against that, so it counts.`,
    rule: toModelFile(counted),
  }
}

async function findLateModels(
  { query, models }: KeptPorts,
  row: Row,
  byId: string,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const { name, file, source, condition } of models.late) {
    const { rows } = await query(`SELECT 1 FROM ${source} WHERE ${byId} AND ${condition}`)
    if (rows.length === 0) continue
    const late = formatDuration(Number(row.late_ms))
    const sentence = `Too late for ${name}: ${late} behind its partition. Silver and marts have it.`
    findings.push({ kind: 'late', sentence, rule: `lateness in ${file}` })
  }
  return findings
}

/** An order or refund whose money is not in the page's revenue. */
async function explainMoney(
  { query, models }: KeptPorts,
  row: Row,
  { currency }: Row,
  missing: readonly Finding[],
): Promise<readonly Finding[]> {
  const { revenue } = models
  const hasMoney = row.event_type === ORDER_KIND || row.event_type === 'refund'
  const isMissing = missing.some(({ rule }) => rule.endsWith(toModelFile(revenue ?? '')))
  if (!hasMoney || isMissing || revenue === undefined || currency == null) return []
  const sql = printMainCurrency(revenue, `DATE ${quoteText(String(row.shop_date))}`)
  const main = (await query(sql)).rows[0]?.currency
  if (main === undefined || main === currency) return []
  return [
    {
      kind: 'other-currency',
      sentence:
        `In ${currency}: counted among the orders, but the page’s revenue of ${row.shop_date} ` +
        `is in ${main}. ${revenue} has it in ${currency}.`,
      rule: 'sql/live/today.sql',
    },
  ]
}
