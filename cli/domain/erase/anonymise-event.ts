/**
 * Makes the event of a person the same event of nobody known: what numbers are computed from stays,
 * ids become new random ones, and texts that may name the person go. Which new id stands for an old
 * one is known only while it runs.
 */
import { type AvroField, type AvroNode, type RecordNode, unwrapOptional } from '../avro/schema.ts'

/** Ids that become new ones, the same old one always the same new one. */
export const ID_FIELDS = ['event_id', 'anonymous_id', 'session_id', 'order_id'] as const

/** Fields whose values stay as they are if events of others have them too. */
export const SHARED_FIELDS = [...ID_FIELDS, 'coupon'] as const

type IdField = (typeof ID_FIELDS)[number]

/** Texts of an event by which numbers are grouped; they stay. All others go, also a shop's own. */
const KEPT_TEXTS: ReadonlySet<string> = new Set([
  ...['page', 'utm_source', 'utm_medium', 'utm_campaign', 'geo_city', 'geo_country'],
  ...['currency', 'payment_type', 'items', 'bot_hint'],
])

/** The same of an order's line. */
const KEPT_ITEM_TEXTS: ReadonlySet<string> = new Set(['sku', 'name', 'category', 'brand'])

/** Fields that are read from Bronze as they were. */
export const ROW_FIELDS = [...SHARED_FIELDS, 'customer_id'] as const

/** Texts that stay, but of which rows have pseudonyms: these are put in the place of the values. */
export function listReplacedTexts({ fields }: RecordNode): readonly string[] {
  return fields
    .filter(({ name, pii }) => pii !== undefined && pii !== 'drop' && KEPT_TEXTS.has(name))
    .map(({ name }) => name)
}

/**
 * What Bronze has of one event of the person, and of the texts of `listReplacedTexts`; `user_agent`
 * is the one to put.
 */
export type PersonRow = Readonly<
  Record<(typeof ROW_FIELDS)[number] | 'user_agent', string | null>
> & { readonly [text: string]: string | null | undefined }

/** The person's events in Bronze. */
export interface PersonRows {
  /** `topic-partition` → offset → event. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<number, PersonRow>>
  /** Field of SHARED_FIELDS → values that events of others have too. */
  readonly shared: ReadonlyMap<string, ReadonlySet<string>>
}

/** An event's fields. */
export type EventFields = Readonly<Record<string, unknown>>

/** Reads and writes records by the newest schema. */
export interface EventCodec {
  /** The newest schema. */
  readonly record: RecordNode
  /** undefined for a record that is not valid. */
  decode(bytes: Uint8Array, appendMs: number): EventFields | undefined
  /** undefined for an event that would not be valid. */
  encode(event: EventFields, appendMs: number): Uint8Array | undefined
}

/** An event of the person as the log has it. */
export interface LoggedEvent {
  /** `topic-partition`. */
  readonly place: string
  readonly offset: number
  readonly event: EventFields
}

/** A record of the log. */
export interface PlacedRecord {
  /** `topic-partition`. */
  readonly place: string
  readonly offset: number
  /** When it was appended, ms since 1970. */
  readonly appendMs: number
  readonly bytes: Buffer
}

/** The record to put in the place of one of the person's; undefined: it can't be made. */
export type Anonymise = (record: PlacedRecord) => Uint8Array | undefined

/** What anonymising works with. */
export interface AnonymiseParts extends PersonRows {
  /** The ids of the person, which are replaced in texts that stay. */
  readonly ids: readonly string[]
  /** The events in the log, which has values where rows have pseudonyms; [] without such fields. */
  readonly logged: readonly LoggedEvent[]
  readonly codec: EventCodec
  /** A random UUID. */
  readonly newId: () => string
}

/** Shorter ids are not looked for in texts: they may be parts of anything. */
const ID_LENGTH_MIN = 3

/** In the place of what was removed and must not be null. */
const REMOVED = '***'

/**
 * The ids as they were are taken from Bronze, not from the record: one that a run which broke off
 * has changed already gets the same ids as the others of this run.
 */
export function createAnonymiser(parts: AnonymiseParts): Anonymise {
  const { rows, shared, codec, newId } = parts
  const { record } = codec
  const known = new Map<string, string>()
  const rename = (field: string, old: string): string => {
    if (shared.get(field)?.has(old)) return old
    const key = `${field}\0${old}`
    const id = known.get(key) ?? newId()
    known.set(key, id)
    return id
  }
  const scrub = createScrubber([...parts.ids, ...listOwnIds(parts)])
  const replaced = new Set(listReplacedTexts(record))
  const blank = (field: AvroField, value: unknown) =>
    blankValue(field, { value, scrub, kept: KEPT_TEXTS })
  return ({ place, offset, appendMs, bytes }) => {
    const event = codec.decode(bytes, appendMs)
    const row = rows.get(place)?.get(offset)
    if (!event || !row) return undefined
    const required = record.requires[String(event.event_type)] ?? []
    const change = (field: AvroField): unknown => {
      const { name, pii } = field
      const value = event[name]
      // Rows don't have it, so no number needs it.
      if (value === null || pii === 'drop') return null
      if (isIdField(name)) return rename(name, row[name] ?? String(value))
      if (name === 'user_agent') return row.user_agent
      if (name === 'coupon' && row.coupon !== null && shared.get(name)?.has(row.coupon))
        return row.coupon
      if (replaced.has(name) && row[name]) return row[name]
      const blanked = blank(field, value)
      if (blanked !== null || !required.includes(name)) return blanked
      // Without it, the event would not be valid.
      return name === 'customer_id' ? rename(name, row[name] ?? String(value)) : REMOVED
    }
    const entries = record.fields.map((field) => [field.name, change(field)])
    return codec.encode(Object.fromEntries(entries), appendMs)
  }
}

function isIdField(name: string): name is IdField {
  return ID_FIELDS.some((one) => one === name)
}

/** The person's sessions, orders and visitors that were nobody else's: in rows, and in the log. */
function listOwnIds({ rows, shared, logged }: AnonymiseParts): readonly string[] {
  const found = new Set<string>()
  const add = (row: PersonRow, event: EventFields) => {
    for (const field of ID_FIELDS) {
      const id = row[field]
      if (id !== null && field !== 'event_id' && !shared.get(field)?.has(id))
        found.add(String(event[field] ?? id))
    }
  }
  for (const events of rows.values()) for (const row of events.values()) add(row, row)
  for (const { place, offset, event } of logged) {
    const row = rows.get(place)?.get(offset)
    if (row) add(row, event)
  }
  return [...found]
}

interface BlankOptions {
  readonly value: unknown
  readonly scrub: (text: string) => string
  /** Names of fields whose texts stay, without ids. */
  readonly kept: ReadonlySet<string>
}

/** The value without the texts that are not kept; undefined: there is none for its type. */
function blankValue({ name, type }: AvroField, { value, scrub, kept }: BlankOptions): unknown {
  const { node, isNullable } = unwrapOptional(type)
  if (value === null || PLAIN.includes(node.kind)) return value
  if (kept.has(name)) {
    if (node.kind === 'string') return scrub(String(value))
    if (node.kind === 'array' && Array.isArray(value))
      return value.map((one: EventFields) => blankItem(node.items, one, scrub))
  }
  if (isNullable) return null
  if (node.kind === 'string') return REMOVED
  return node.kind === 'array' ? [] : undefined
}

function blankItem(node: AvroNode, item: EventFields, scrub: BlankOptions['scrub']): unknown {
  if (node.kind !== 'record') return undefined
  const entries = node.fields.map((field) => [
    field.name,
    blankValue(field, { value: item[field.name], scrub, kept: KEPT_ITEM_TEXTS }),
  ])
  return Object.fromEntries(entries)
}

/** Types whose values name nobody. */
const PLAIN: readonly AvroNode['kind'][] = ['boolean', 'int', 'long', 'float', 'double', 'enum']

/** Replaces ids in texts, where they stand as whole words. */
function createScrubber(ids: readonly string[]): (text: string) => string {
  const words = [...new Set(ids)].filter(({ length }) => length >= ID_LENGTH_MIN)
  if (words.length === 0) return (text) => text
  const longestFirst = words.sort((a, b) => b.length - a.length)
  const any = longestFirst.map((one) => one.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|')
  const pattern = new RegExp(`(?<!${WORD})(?:${any})(?!${WORD})`, 'g')
  const known = new Map<string, string>()
  return (text) => {
    const scrubbed = known.get(text) ?? text.replace(pattern, REMOVED)
    known.set(text, scrubbed)
    return scrubbed
  }
}

/** As createIdMatcher has it. */
const WORD = '[0-9A-Za-z_\\-\\u0080-\\uffff]'
