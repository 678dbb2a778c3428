/**
 * Fills what a sender left out of an event: its id and time, the kind of device, the page and the
 * campaign from the page's address, the place from the proxy's headers. What the sender gave is
 * kept.
 */
import { canonicalJson, hashUuid, isDeeperThan } from '../ingest/mapping/convert-value.ts'
import { normalizePath } from '../ingest/mapping/url-part.ts'
import { readDevice } from '../ingest/mapping/user-agent-device.ts'
import type { Sender } from './visitor.ts'

/** What the sender did not give, for whoever looks after its code. */
export interface Filled {
  readonly id: boolean
  readonly time: boolean
}

const DEPTH_MAX = 64
const WHOLE = { id: false, time: false } as const

/** Changes `event`. An id is derived from `raw`, so that the same bytes get the same one. */
export function fillEvent(
  event: Record<string, unknown>,
  raw: unknown,
  sender: Sender,
  makeId: () => string,
): Filled {
  const isWhole = event.event_id !== null && event.event_ts !== null
  const filled = isWhole ? WHOLE : fillIdAndTime(event, raw, sender, makeId)
  event.received_ts = sender.receivedMs
  event.source ??= sender.isBrowser ? 'web' : 'server'
  if (sender.isBrowser) {
    event.user_agent ??= sender.userAgent || null
    event.page_url ??= sender.referrer ?? null
  }
  event.device ??= chooseDevice(event.user_agent)
  event.geo_country ??= sender.country
  event.geo_city ??= sender.city
  if (typeof event.page_url === 'string') fillFromAddress(event, event.page_url)
  return filled
}

/** Never `bot`: Silver's rule reads the user agent too, and says which word tells a bot. */
function chooseDevice(userAgent: unknown): string {
  const device = typeof userAgent === 'string' ? readDevice(userAgent) : undefined
  return device === undefined || device === 'bot' ? 'desktop' : device
}

function fillIdAndTime(
  event: Record<string, unknown>,
  raw: unknown,
  sender: Sender,
  makeId: () => string,
): Filled {
  const filled = { id: event.event_id === null, time: event.event_ts === null }
  // Two equal events without a time of their own can't be told from one that was sent twice.
  if (filled.id)
    event.event_id =
      filled.time || isDeeperThan(raw, DEPTH_MAX)
        ? makeId()
        : hashUuid(`${sender.name}\n${canonicalJson(raw)}`)
  if (filled.time) event.event_ts = sender.receivedMs
  return filled
}

/** Parameters that advertisers add to addresses, with the source and medium that they stand for. */
const CLICK_IDS: readonly (readonly [param: string, source: string, medium: string])[] = [
  ['gclid', 'google', 'cpc'],
  ['gbraid', 'google', 'cpc'],
  ['wbraid', 'google', 'cpc'],
  ['msclkid', 'bing', 'cpc'],
  ['fbclid', 'facebook', 'social'],
  ['ttclid', 'tiktok', 'cpc'],
  ['twclid', 'twitter', 'cpc'],
  ['li_fat_id', 'linkedin', 'cpc'],
  ['epik', 'pinterest', 'cpc'],
]

function fillFromAddress(event: Record<string, unknown>, address: string): void {
  const isShort = event.page !== null && !address.includes('?')
  if (isShort || !URL.canParse(address)) return
  const url = new URL(address)
  event.page ??= normalizePath(url.pathname)
  if (url.search === '' || event.utm_source !== null) return
  const { searchParams } = url
  const source = searchParams.get('utm_source')
  const click = CLICK_IDS.find(([param]) => searchParams.has(param))
  if (source) event.utm_source = source
  else if (click !== undefined) event.utm_source = click[1]
  event.utm_medium ??= searchParams.get('utm_medium') || (source ? null : (click?.[2] ?? null))
  event.utm_campaign ??= searchParams.get('utm_campaign') || null
}
