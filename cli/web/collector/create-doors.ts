/** All doors of a collector by their paths. */
import { SEGMENT_CALLS } from '../../domain/collector/foreign-events.ts'
import { compileOwnEvent } from '../../domain/collector/own-event.ts'
import type { CollectSettings } from '../../domain/config/read-collect.ts'
import type { EventContract } from '../../domain/ingest/mapping/event-contract.ts'
import {
  createGa4Door,
  createOwnDoor,
  createPixelDoor,
  createSegmentDoor,
  createWebhookDoor,
  type Door,
  describeWebhooks,
  type Mappings,
} from './doors.ts'

const NUMERIC = new Set(['time', 'money', 'long', 'int'])

/** Doors whose mapping the project does not have are not there. */
export function createDoors(
  settings: CollectSettings,
  contract: EventContract,
  mappings: Mappings,
): { readonly doors: ReadonlyMap<string, Door>; readonly pixel: Door } {
  const readEvent = compileOwnEvent(contract)
  const { segment, ga4 } = mappings
  const doors = new Map<string, Door>([
    [settings.path, createOwnDoor(readEvent, true)],
    ['/v1/events', createOwnDoor(readEvent, false)],
  ])
  if (segment)
    for (const [path, call] of Object.entries(SEGMENT_CALLS))
      doors.set(`/v1/${path}`, createSegmentDoor(call, segment))
  if (ga4) doors.set('/mp/collect', createGa4Door(ga4))
  for (const shop of ['shopify', 'woocommerce'] as const) {
    const webhooks = describeWebhooks(shop, settings.secrets[shop], mappings[shop])
    if (mappings[shop].length > 0) doors.set(`/webhooks/${shop}`, createWebhookDoor(webhooks))
  }
  const numeric = contract.fields.filter(({ kind }) => NUMERIC.has(kind)).map(({ name }) => name)
  return { doors, pixel: createPixelDoor(readEvent, new Set(numeric)) }
}
