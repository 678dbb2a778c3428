/**
 * Requests of other systems, taken apart into the rows that their mappings read: calls of Segment's
 * HTTP API, GA4's Measurement Protocol, webhooks of shop systems. What the fields mean is in the
 * mapping files of the project's folder collect/.
 */
import { RowFault } from '../documents/source-row.ts'
import { bindMapping, type RowMapper } from '../ingest/mapping/bind-mapping.ts'
import type { EventContract } from '../ingest/mapping/event-contract.ts'
import type { MappingSpec } from '../ingest/mapping/mapping-spec.ts'
import { bindRowSplitter } from '../ingest/mapping/split-row.ts'
import { asObject, isObject, type JsonObject } from '../kernel/json.ts'
import { type Incoming, LEFT_OUT } from './collector.ts'

/** Segment's calls by the last step of their path, as its libraries shorten them. */
export const SEGMENT_CALLS: Readonly<Record<string, string>> = {
  ...{ track: 'track', page: 'page', identify: 'identify', screen: 'screen' },
  ...{ group: 'group', alias: 'alias', batch: 'batch', import: 'batch' },
  ...{ t: 'track', p: 'page', i: 'identify', s: 'screen', g: 'group', a: 'alias', b: 'batch' },
}

/**
 * The calls of a request. A batch's `context`, `integrations` and `sentAt` hold for each of its
 * calls that has none of its own. `receivedAt` is the time of a call that names none, and `index`
 * tells equal calls of one batch apart.
 */
export function listSegmentCalls(
  call: string,
  body: unknown,
  receivedMs: number,
): readonly unknown[] {
  const receivedAt = new Date(receivedMs).toISOString()
  if (call !== 'batch') return [isObject(body) ? { type: call, ...body, receivedAt } : body]
  if (!isObject(body) || !Array.isArray(body.batch)) return [body]
  const { context, integrations, sentAt } = body
  return body.batch.map((one: unknown, index: number) =>
    isObject(one)
      ? {
          ...(integrations === undefined ? {} : { integrations }),
          ...(sentAt === undefined ? {} : { sentAt }),
          ...one,
          context: { ...asObject(context), ...asObject(one.context) },
          receivedAt,
          index,
        }
      : one,
  )
}

/**
 * The events of a Measurement Protocol request, each with what the request says of all, and when it
 * was received, for events that name no time.
 */
export function listGa4Events(
  body: unknown,
  measurementId: string,
  receivedMs: number,
): readonly unknown[] {
  if (!isObject(body) || !Array.isArray(body.events)) return [body]
  const { events, ...shared } = body
  const more = { measurement_id: measurementId, received_micros: receivedMs * 1000 }
  return events.map((event: unknown, index: number) => ({ ...shared, ...more, index, event }))
}

/** What the headers of a webhook say. */
export interface WebhookRequest {
  readonly topic: string
  readonly id: string
  readonly triggered_at: string
  readonly shop: string
}

/** A webhook as its mapping reads it. */
export function wrapWebhook(request: WebhookRequest, body: unknown): JsonObject {
  return { request: { ...request }, body }
}

/** Turns what a request has into events: one, none, or several where its mapping has `rows`. */
export type MapRows = (row: unknown) => readonly Incoming[]

/** Throws CCS_IMPORT_INVALID if the mapping can't be bound. */
export function bindSender(spec: MappingSpec, contract: EventContract): MapRows {
  const split = bindRowSplitter(spec)
  const source = { file: spec.file, format: 'ndjson', columns: undefined } as const
  const map = bindMapping(spec, contract, source)
  return (row) => {
    if (!isObject(row)) return [reject(row, new RowFault('wrong_type', 'This is not an object.'))]
    const rows = split(row)
    if (rows instanceof RowFault) return [reject(row, rows)]
    return rows.map((one) => mapRow(map, one))
  }
}

/** What any of several mappings makes of a row; left out if all of them leave it out. */
export function mapByAll(mappings: readonly MapRows[], row: unknown): readonly Incoming[] {
  const events = mappings.flatMap((map) => map(row)).filter((one) => one !== LEFT_OUT)
  return events.length > 0 ? events : [LEFT_OUT]
}

/** What is wrong with a row is a fault of the event. */
function mapRow(map: RowMapper, row: JsonObject): Incoming {
  const mapped = map(row, 1)
  if (mapped instanceof RowFault) return reject(row, mapped)
  if (mapped.kind === 'left_out') return LEFT_OUT
  return { fields: { ...mapped.event }, raw: row, ignored: [] }
}

function reject(raw: unknown, fields: RowFault): Incoming {
  return { fields, raw, ignored: [] }
}
