/**
 * Invalid records, one kind for each way of breaking the contract. Some kinds are events that
 * violate a rule; the others are damaged bytes.
 */
import type { Reason } from '../domain/events/contracts.ts'
import { WIRE_HEADER_BYTES } from '../domain/log/wire-header.ts'
import type { Random } from './random.ts'
import { copyEvent, type EventDraft } from './visitor.ts'

/** How a generated record is invalid. */
export type FaultKind =
  | 'random_bytes'
  | 'wrong_magic'
  | 'unknown_schema'
  | 'truncated'
  | 'trailing'
  | 'array_bomb'
  | 'oversized'
  | 'no_quantity'
  | 'negative_price'
  | 'ancient'
  | 'nobody'
  | 'no_order_id'
  | 'no_items'
  | 'no_term'
  | 'no_customer'
  | 'far_future'

interface Fault {
  readonly kind: FaultKind
  readonly reason: Reason
  /** Relative frequency: the share is this weight divided by the sum of all weights. */
  readonly weight: number
  /**
   * Changes the event so that it violates a rule; undefined where the bytes are damaged instead.
   */
  readonly apply?: (event: EventDraft, random: Random) => void
}

const FAULTS: readonly Fault[] = [
  { kind: 'random_bytes', reason: 'bad_magic', weight: 10 },
  { kind: 'wrong_magic', reason: 'bad_magic', weight: 10 },
  { kind: 'unknown_schema', reason: 'unknown_schema_id', weight: 12 },
  { kind: 'truncated', reason: 'undecodable', weight: 10 },
  { kind: 'trailing', reason: 'undecodable', weight: 6 },
  { kind: 'array_bomb', reason: 'undecodable', weight: 4 },
  { kind: 'oversized', reason: 'too_large', weight: 0.05 },
  {
    kind: 'no_quantity',
    reason: 'rule_violation',
    weight: 10,
    apply: (e) => alterLine(e, { quantity: 0 }),
  },
  {
    kind: 'negative_price',
    reason: 'rule_violation',
    weight: 6,
    apply: (e) => alterLine(e, { unit_price_minor: -500 }),
  },
  { kind: 'ancient', reason: 'rule_violation', weight: 4, apply: (e) => setTime(e, 86_400_000) },
  {
    kind: 'nobody',
    reason: 'rule_violation',
    weight: 4,
    apply: (e) => {
      e.anonymous_id = ''
    },
  },
  {
    kind: 'no_order_id',
    reason: 'missing_field',
    weight: 8,
    apply: (e) => {
      alterLine(e, {})
      e.event_type = 'purchase'
      e.order_id = null
    },
  },
  {
    kind: 'no_items',
    reason: 'missing_field',
    weight: 5,
    apply: (e) => {
      e.event_type = 'view_item'
      e.items = []
    },
  },
  {
    kind: 'no_term',
    reason: 'missing_field',
    weight: 4,
    apply: (e) => {
      e.event_type = 'search'
      e.search_term = null
    },
  },
  {
    kind: 'no_customer',
    reason: 'missing_field',
    weight: 4,
    apply: (e) => {
      e.event_type = 'sign_up'
      e.customer_id = null
    },
  },
  // Beyond any real clock, so that records of past dates are rejected just the same.
  {
    kind: 'far_future',
    reason: 'too_far_in_future',
    weight: 10,
    apply: (e, random) => setTime(e, 9_000_000_000_000 + random.below(1e9)),
  },
]
const WEIGHTS = FAULTS.reduce((sum, { weight }) => sum + weight, 0)
const BYTE_KINDS = new Set(FAULTS.filter(({ apply }) => !apply).map(({ kind }) => kind))
const REASONS = new Map(FAULTS.map(({ kind, reason }) => [kind, reason]))

/** Returns the reason with which the gate rejects a record of this kind. */
export function rejectReason(kind: FaultKind): Reason {
  return REASONS.get(kind) ?? 'undecodable'
}

/**
 * Copies `good` into `event`, picks a kind of fault and applies it to `event`; byte faults
 * are left to `breakBytes`.
 */
export function breakEvent(
  good: Readonly<EventDraft>,
  event: EventDraft,
  id: string,
  random: Random,
): FaultKind {
  copyEvent(good, event)
  event.event_id = id
  let left = random.float() * WEIGHTS
  const chosen = FAULTS.find(({ weight }) => {
    left -= weight
    return left < 0
  })
  chosen?.apply?.(event, random)
  return chosen?.kind ?? 'random_bytes'
}

function alterLine(
  event: EventDraft,
  change: { quantity?: number; unit_price_minor?: number },
): void {
  event.event_type = 'add_to_cart'
  const line = {
    sku: 'XX-1',
    name: null,
    category: null,
    brand: null,
    unit_price_minor: 100,
    quantity: 1,
    discount_minor: 0,
  }
  event.items = [{ ...line, ...change }]
  event.currency = 'EUR'
}

function setTime(event: EventDraft, ms: number): void {
  event.event_ts = ms
  event.sent_ts = null
  event.received_ts = null
}

/** Whether `breakBytes` makes this kind; all other kinds are events that violate a rule. */
export function isByteFault(kind: FaultKind): boolean {
  return BYTE_KINDS.has(kind)
}

const RECORD_BYTES_TOO_MANY = (1 << 20) + 1

/** Returns the bytes of an invalid record, made from those of a valid one in Confluent's format. */
export function breakBytes(kind: FaultKind, good: Uint8Array, random: Random): Uint8Array {
  const bytes = Buffer.from(good)
  switch (kind) {
    case 'random_bytes':
      return randomBytes(random.between(1, 200), random)
    case 'wrong_magic':
      bytes[0] = 1
      return bytes
    case 'unknown_schema':
      bytes.writeUInt32BE(900_000 + random.below(1000), 1)
      return bytes
    case 'truncated':
      return bytes.subarray(0, random.between(WIRE_HEADER_BYTES, bytes.length))
    case 'trailing':
      return Buffer.concat([bytes, randomBytes(random.between(1, 20), random)])
    case 'array_bomb': {
      // Replaces the end marker of the list of order lines by the header of a
      // list of two billion lines.
      const bomb = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f, 2, 0x41])
      return Buffer.concat([bytes.subarray(0, bytes.length - 1), bomb])
    }
    case 'oversized':
      return Buffer.concat([bytes, Buffer.alloc(RECORD_BYTES_TOO_MANY)])
    default:
      return bytes
  }
}

/** The first byte has its high bit set, which neither Avro's header nor JSON begins with. */
function randomBytes(count: number, random: Random): Buffer {
  const bytes = Buffer.alloc(count)
  for (let i = 0; i < count; i++) bytes[i] = random.below(256)
  bytes[0] = 0x80 | random.below(128)
  return bytes
}
