/**
 * Events at the limits of a contract: for each kind of event every number and time at its least and
 * its greatest value, alone and all together, and each free text with something in it. What the
 * gate accepts lies between them, so a model that can carry these can carry every value of a single
 * event.
 */
import { type AvroField, type AvroNode, type RecordNode, unwrapOptional } from '../avro/schema.ts'
import { readRequiredFields, valueBounds } from '../gate/contract-rules.ts'
import { RAW_TOPIC } from '../log/topics.ts'

/** A row of raw.events by column name, times in ms, and which limit it is at, for a message. */
export interface LimitEvent {
  /** Such as "purchase with tax_minor 1000000000000". */
  readonly label: string
  readonly row: Readonly<Record<string, unknown>>
}

/** Events lie this far apart: no two are in one month. */
const APART_MS = 32 * 86_400_000
/** The most bytes of a text here: no model calculates with longer ones in another way. */
const TEXT_BYTES = 200
/** Fields that hold the time of an event; the first one is varied, the others follow it. */
const TIMES = ['event_ts', 'sent_ts', 'received_ts']

/** With a text in one of these, an event is a bot's and left out of Gold. */
const BOT_TEXTS: ReadonlySet<string> = new Set(['user_agent', 'bot_hint'])

type Values = Readonly<Record<string, unknown>>

/** Events of every kind, each of a visitor of its own in a month of its own from `firstMs` on. */
export function listLimitEvents(record: RecordNode, firstMs: number): readonly LimitEvent[] {
  const { kindField } = readRequiredFields(record)
  const kinds = symbolsOf(record.fields.find((one) => one.name === kindField))
  const events: LimitEvent[] = []
  const add = (kind: string, what: string, values: Values) => {
    const index = events.length
    const eventMs = firstMs + index * APART_MS
    const needed = (record.requires[kind] ?? []).map((group) => group.split('|')[0] ?? '')
    const row = {
      sent_ts: null,
      received_ts: null,
      ...values,
      ...Object.fromEntries(needed.map((name) => [name, values[name] ?? 'x'])),
      ...(kindField === '' ? {} : { [kindField]: kind }),
      ...(values.event_ts === undefined ? { event_ts: eventMs } : {}),
      event_id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      topic: RAW_TOPIC,
      partition: 0,
      offset: index,
      ingest_time: eventMs + 1000,
      late_ms: 0,
    }
    events.push({ label: `${kind} ${what}`.trim(), row: distinguishTexts(row, index) })
  }
  for (const kind of kinds.length === 0 ? ['event'] : kinds) {
    const least = fill(record, 'least')
    add(kind, 'with every field at its least', least)
    for (const field of record.fields) {
      if (!isCounted(field) || TIMES.slice(1).includes(field.name)) continue
      for (const { what, value } of listValues(field))
        add(kind, `with ${what}`, { ...least, [field.name]: value })
    }
    for (const field of record.fields)
      if (isVariedAlone(field))
        add(kind, `with a text as ${field.name}`, { ...least, [field.name]: 'x' })
    for (const times of listTimes(record)) {
      const what = Object.entries(times).map(([name, ms]) => `${name} ${ms}`)
      add(kind, `with ${what.join(', ')}`, { ...least, ...times })
    }
    for (const lines of listLines(record))
      add(kind, `with every field at its greatest, and ${lines.what}`, {
        ...fill(record, 'greatest'),
        [lines.field]: lines.value,
      })
  }
  return events
}

/**
 * The row of an event, or a copy of it that is another event: its unique fields, such as the ids of
 * event and order, are different.
 */
export function repeatEvent(
  { row }: LimitEvent,
  copy: number,
  uniqueFields: readonly string[],
): Readonly<Record<string, unknown>> {
  if (copy === 0) return row
  const ids = uniqueFields.flatMap((name) => {
    const id = row[name]
    return typeof id === 'string' ? [[name, `${copy}${id.slice(1)}`]] : []
  })
  return { ...row, ...Object.fromEntries(ids), offset: Number(row.offset) + copy * 1_000_000 }
}

/**
 * Gives each event texts of its own, as two events with one order id would be one order. They are
 * no numbers, so that a model which reads a text as one fails.
 */
function distinguishTexts(row: Values, index: number): Values {
  const id = `x${index.toString(36).padStart(3, '0')}`
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'string' && /^x+$/.test(value) ? id.padStart(value.length, 'x') : value,
    ]),
  )
}

/** Numbers and lists, with which models calculate; texts are varied all together. */
function isCounted(field: AvroField): boolean {
  const { kind } = unwrapOptional(field.type).node
  return kind !== 'string' && kind !== 'enum' && kind !== 'boolean'
}

/** Texts that may be absent and are not bounded, or mark bots: other events have none of them. */
function isVariedAlone({ name, type, rules: { format, maxLength } }: AvroField): boolean {
  const { node, isNullable } = unwrapOptional(type)
  if (node.kind !== 'string' || !isNullable || format !== undefined) return false
  return maxLength === undefined || BOT_TEXTS.has(name)
}

/** Combinations of the device's and the shop's clock whose corrected time keeps the contract. */
function listTimes(record: RecordNode): readonly Readonly<Record<string, number>>[] {
  const [happened, sent, received] = TIMES.map((name) =>
    record.fields.find((field) => field.name === name),
  )
  if (happened === undefined || sent === undefined || received === undefined) return []
  const { minimum: least = 0, maximum: most = 0 } = valueBounds(happened)
  const times = (event_ts: number, sent_ts: number, received_ts: number) => {
    return { event_ts, sent_ts, received_ts }
  }
  return [
    times(least, least, most),
    times(most, most, least),
    times(most, most, most),
    times(least, most, most),
  ]
}

function fill(record: RecordNode, end: 'least' | 'greatest'): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const field of record.fields) {
    if (TIMES.includes(field.name)) continue
    const ends = listValues(field)
    values[field.name] = (end === 'least' ? ends[0] : ends.at(-1))?.value
  }
  return values
}

interface FieldValue {
  readonly what: string
  readonly value: unknown
}

/** The values of a field at its limits, the least first. */
function listValues(field: AvroField): readonly FieldValue[] {
  const { node } = unwrapOptional(field.type)
  const { name, rules } = field
  const text = (value: unknown): FieldValue => ({ what: `${name} ${String(value)}`, value })
  switch (node.kind) {
    case 'string': {
      if (node.logical === 'uuid') return []
      if (rules.format === 'currency') return [text('EUR')]
      if (isVariedAlone(field)) return [text(null)]
      const least = Math.max(1, rules.minLength ?? 1)
      const most = Math.min(TEXT_BYTES, rules.maxLength ?? TEXT_BYTES)
      return [least, most].map((bytes) => ({
        what: `${name} of ${bytes} bytes`,
        value: 'x'.repeat(bytes),
      }))
    }
    case 'enum':
      return node.symbols.slice(0, 1).map(text)
    case 'boolean':
      return [text(false), text(true)]
    case 'array':
      return listArrays(field, node.items)
    case 'int':
    case 'long':
    case 'float':
    case 'double': {
      const { minimum, maximum } = valueBounds(field)
      const [least, most] = KIND_BOUNDS[node.kind]
      return [text(minimum ?? least), text(maximum ?? most)]
    }
    default:
      return []
  }
}

/**
 * Numbers of a kind that the contract does not bound; longs as far as JSON carries them exactly.
 */
const KIND_BOUNDS = {
  int: [-(2 ** 31), 2 ** 31 - 1],
  long: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  float: [-3.4e38, 3.4e38],
  double: [-1e308, 1e308],
} as const

function listLines(record: RecordNode): readonly (FieldValue & { readonly field: string })[] {
  const lists = record.fields.filter((one) => unwrapOptional(one.type).node.kind === 'array')
  const [list] = lists
  if (list === undefined) return [{ field: '', what: 'no lines', value: undefined }]
  return listValues(list).map((one) => ({ ...one, field: list.name }))
}

/** Lists with the fewest and the most records, and with the greatest products and sums. */
function listArrays(field: AvroField, items: AvroNode): readonly FieldValue[] {
  if (items.kind !== 'record') return []
  const { maxItems = 1, maximumSum } = field.rules
  const least = fill(items, 'least')
  const greatest = fill(items, 'greatest')
  const limited = items.fields.filter((one) => one.rules.maximumProduct !== undefined)
  const line = (changes: Values, isDiscounted: boolean): Values => {
    const values: Record<string, unknown> = { ...greatest, ...changes }
    for (const { name, rules } of limited) {
      const [a = '', b = ''] = rules.maximumProduct ?? []
      const product = Number(values[a]) * Number(values[b])
      values[name] = isDiscounted ? Math.min(Number(greatest[name]), product) : 0
    }
    return values
  }
  const variants: FieldValue[] = [{ what: `one small line in ${field.name}`, value: [least] }]
  if (maximumSum === undefined) {
    const value = Array.from({ length: maxItems }, () => line({}, false))
    return [...variants, { what: `${maxItems} greatest lines in ${field.name}`, value }]
  }
  const [a, b] = maximumSum.product
  const pairs = [pairOf(items, a, b, maximumSum.maximum), pairOf(items, b, a, maximumSum.maximum)]
  for (const isDiscounted of [true, false])
    for (const pair of pairs) {
      const what = Object.entries(pair).map(([name, value]) => `${name} ${value}`)
      const note = isDiscounted ? ' and the greatest discount' : ''
      variants.push({
        what: `${field.name} of ${what.join(' × ')}${note}`,
        value: [line(pair, isDiscounted)],
      })
    }
  const share = pairOf(items, a, b, Math.floor(maximumSum.maximum / maxItems))
  // Short texts: 200 long ones in each of many events would take longer to load than all others.
  const value = Array.from({ length: maxItems }, () => ({ ...line(share, false), ...texts(least) }))
  return [...variants, { what: `${maxItems} lines in ${field.name}`, value }]
}

function texts(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, one]) => typeof one === 'string'))
}

/**
 * The greatest value of field `a` and, with it, of `b`, so that their product is at most `most`.
 */
function pairOf(record: RecordNode, a: string, b: string, most: number): Values {
  const bounds = (name: string) => {
    const field = record.fields.find((one) => one.name === name)
    return field === undefined ? {} : valueBounds(field)
  }
  const least = Math.max(1, bounds(b).minimum ?? 1)
  const first = Math.min(bounds(a).maximum ?? most, Math.floor(most / least))
  const second = Math.min(bounds(b).maximum ?? most, Math.floor(most / first))
  return { [a]: first, [b]: second }
}

function symbolsOf(field: AvroField | undefined): readonly string[] {
  return field?.type.kind === 'enum' ? field.type.symbols : []
}
