/**
 * Requests of other systems, taken apart into the rows that their mappings read: calls of Segment's
 * HTTP API, GA4's Measurement Protocol, webhooks of shop systems. What the fields mean is in the
 * mapping files of the project's folder collect/.
 */
import { RowFault } from '../documents/source-row.ts'
import type { RowMapper } from '../ingest/mapping/bind-mapping.ts'
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
 * calls that has none of its own.
 */
export function listSegmentCalls(call: string, body: unknown): readonly unknown[] {
  if (call !== 'batch') return [isObject(body) ? { type: call, ...body } : body]
  if (!isObject(body) || !Array.isArray(body.batch)) return [body]
  const { context, integrations, sentAt } = body
  return body.batch.map((one: unknown) =>
    isObject(one)
      ? {
          ...(integrations === undefined ? {} : { integrations }),
          ...(sentAt === undefined ? {} : { sentAt }),
          ...one,
          context: { ...asObject(context), ...asObject(one.context) },
        }
      : one,
  )
}

/** The events of a Measurement Protocol request, each with what the request says of all. */
export function listGa4Events(body: unknown, measurementId: string): readonly unknown[] {
  if (!isObject(body) || !Array.isArray(body.events)) return [body]
  const { events, ...shared } = body
  return events.map((event: unknown, index: number) => {
    return { ...shared, measurement_id: measurementId, index, event }
  })
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

/** Maps a row; what is wrong with it is a fault of the event. */
export function mapRow(map: RowMapper, row: unknown): Incoming {
  const ignored: readonly string[] = []
  if (!isObject(row)) {
    const fields = new RowFault('wrong_type', 'This is not an object.')
    return { fields, raw: row, ignored }
  }
  const mapped = map(row, 1)
  if (mapped instanceof RowFault) return { fields: mapped, raw: row, ignored }
  if (mapped.kind === 'left_out') return LEFT_OUT
  return { fields: { ...mapped.event }, raw: row, ignored }
}
