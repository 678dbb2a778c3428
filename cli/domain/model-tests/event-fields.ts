/**
 * One event of a test: the fields that a case names, by alias or by the contract's name, and
 * defaults for the other required ones, so that a case only states what matters to it.
 */

import { type AvroField, type AvroNode, type RecordNode, unwrapOptional } from '../avro/schema.ts'
import { type DocumentReader, showValue } from '../documents/document-reader.ts'
import type { YamlPath } from '../documents/yaml-document.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import type { JsonObject } from '../kernel/json.ts'
import type { RawRow } from './model-test.ts'
import { readTime } from './read-time.ts'

interface FieldAlias {
  readonly field: string
  /** Written as 19.90, stored in hundredths. */
  readonly isMoney?: boolean
}

const EVENT_ALIASES: Readonly<Record<string, FieldAlias>> = {
  at: { field: 'event_ts' },
  sent: { field: 'sent_ts' },
  received: { field: 'received_ts' },
  type: { field: 'event_type' },
  visitor: { field: 'anonymous_id' },
  customer: { field: 'customer_id' },
  session: { field: 'session_id' },
  order: { field: 'order_id' },
  tax: { field: 'tax_minor', isMoney: true },
  shipping: { field: 'shipping_minor', isMoney: true },
  discount: { field: 'discount_minor', isMoney: true },
  refund: { field: 'refund_minor', isMoney: true },
}

const ITEM_ALIASES: Readonly<Record<string, FieldAlias>> = {
  price: { field: 'unit_price_minor', isMoney: true },
  discount: { field: 'discount_minor', isMoney: true },
}

const ITEM = { sku: 'sku-1', unit_price_minor: 1000, quantity: 1, discount_minor: 0 }
const WITH_ITEM = { items: [ITEM], currency: 'EUR' }

/** Defaults for the fields that each event type requires. */
const DEFAULTS: Readonly<Record<string, RawRow>> = {
  page_view: { page: '/' },
  view_item: WITH_ITEM,
  search: { search_term: 'shoes' },
  add_to_cart: WITH_ITEM,
  remove_from_cart: WITH_ITEM,
  begin_checkout: WITH_ITEM,
  add_payment_info: { payment_type: 'card' },
  purchase: WITH_ITEM,
  refund: WITH_ITEM,
  sign_up: { customer_id: 'customer-1' },
  login: { customer_id: 'customer-1' },
  identify: { customer_id: 'customer-1' },
}

/** What is needed to read an event of a test. */
export interface EventContext {
  readonly reader: DocumentReader
  /** The contract of events.raw. */
  readonly contract: RecordNode
  readonly date: string | undefined
}

/** Reads the fields that a case names; `others` are further keys that the step itself uses. */
export function readFields(
  { reader, contract, date }: EventContext,
  map: JsonObject,
  path: YamlPath,
  others: readonly string[],
): RawRow {
  return readRecord(
    { reader, contract, date, aliases: EVENT_ALIASES, what: 'An event' },
    map,
    path,
    others,
  )
}

/** Adds defaults to the `named` fields of the `ordinal`-th event of a case. */
export function completeEvent(
  contract: RecordNode,
  named: RawRow,
  { ordinal, eventId }: { readonly ordinal: number; readonly eventId: string },
): RawRow {
  const type = named.event_type ?? 'page_view'
  const defaults: Record<string, unknown> = {
    event_id: eventId,
    event_type: type,
    anonymous_id: 'anna',
    device: 'desktop',
    source: 'web',
    ...DEFAULTS[String(type)],
  }
  if (type === 'purchase' || type === 'refund') defaults.order_id = `order-${ordinal}`
  if (type === 'refund' && named.refund_minor !== undefined) defaults.items = []
  const event: Record<string, unknown> = {}
  for (const field of contract.fields) {
    const given = field.name in named ? named[field.name] : defaults[field.name]
    event[field.name] =
      field.type.kind === 'array' ? completeLines(field.type.items, given) : (given ?? null)
  }
  return event
}

/** Order lines with all fields of the contract. */
function completeLines(node: AvroNode, lines: unknown): readonly unknown[] {
  const names = node.kind === 'record' ? node.fields.map(({ name }) => name) : []
  const nothing = Object.fromEntries(names.map((name) => [name, null]))
  return Array.isArray(lines) ? lines.map((line: RawRow) => ({ ...nothing, ...line })) : []
}

interface RecordContext extends EventContext {
  readonly aliases: Readonly<Record<string, FieldAlias>>
  readonly what: string
}

function readRecord(
  shape: RecordContext,
  map: JsonObject,
  path: YamlPath,
  others: readonly string[] = [],
): RawRow {
  const { reader, contract, aliases, what } = shape
  const values: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(map)) {
    if (others.includes(key)) continue
    const here = [...path, key]
    const short = Object.hasOwn(aliases, key) ? aliases[key] : undefined
    const field = contract.fields.find((one) => one.name === (short?.field ?? key))
    if (field === undefined) {
      const names = contract.fields.map((one) => one.name)
      const known = () => [...others, ...Object.keys(aliases), ...names]
      reader.fault(here, `${what} has no field "${key}".`, () => didYouMean(key, known()), 'key')
    } else if (field.name in values) {
      reader.fault(here, `"${key}" sets ${field.name} a second time.`, undefined, 'key')
    } else
      values[field.name] = short?.isMoney
        ? readMoney(reader, value, here)
        : readField(shape, field, value, here)
  }
  return values
}

function readMoney(reader: DocumentReader, value: unknown, path: YamlPath): number | null {
  if (value === null) return null
  const minor = typeof value === 'number' ? Math.round(value * 100) : Number.NaN
  if (Number.isSafeInteger(minor) && Math.abs(minor / 100 - Number(value)) < 1e-9) return minor
  reader.fault(path, `${showValue(value)} is not an amount of money.`, 'Write it like 19.90.')
  return null
}

function readField(
  shape: RecordContext,
  field: AvroField,
  value: unknown,
  path: YamlPath,
): unknown {
  const { node, isNullable } = unwrapOptional(field.type)
  if (value === null) {
    if (!isNullable && node.kind !== 'array')
      shape.reader.fault(path, `${field.name} can't be null: the contract does not allow it.`)
    return null
  }
  return readValue(shape, node, value, path)
}

function readValue(shape: RecordContext, node: AvroNode, value: unknown, path: YamlPath): unknown {
  const { reader, date } = shape
  switch (node.kind) {
    case 'string':
      if (typeof value === 'string' || typeof value === 'number') return String(value)
      break
    case 'enum':
      if (node.symbols.includes(String(value))) return value
      reader.fault(path, `${showValue(value)} is not an allowed value.`, () =>
        didYouMean(String(value), node.symbols),
      )
      return node.symbols[0]
    case 'boolean':
      if (typeof value === 'boolean') return value
      break
    case 'int':
    case 'long':
      if (node.logical === 'timestamp-millis') return readTime(reader, value, path, date) ?? 0
      if (typeof value === 'number' && Number.isSafeInteger(value)) return value
      break
    case 'array':
      return readItems(shape, node.items, value, path)
    default:
      break
  }
  reader.fault(path, `${showValue(value)} is not of type ${node.kind}.`)
  return null
}

function readItems(shape: RecordContext, node: AvroNode, value: unknown, path: YamlPath): unknown {
  const { reader, date } = shape
  if (node.kind !== 'record') return []
  return reader.list(value, path, 'items').map((item, index) => {
    const here = [...path, index]
    const inner = { reader, contract: node, date, aliases: ITEM_ALIASES, what: 'An order line' }
    const named = readRecord(inner, reader.map(item, here, 'An order line'), here)
    return { ...ITEM, ...named }
  })
}
