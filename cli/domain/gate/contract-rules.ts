/**
 * The rules of a contract: what the attributes of its schema require of a record, and the message
 * when a record breaks one. The compiled decoder and the validator both take them from here.
 */
import { Buffer } from 'node:buffer'
import type { FieldPair } from '../avro/field-rules.ts'
import { type AvroField, type RecordNode, unwrapOptional } from '../avro/schema.ts'
import type { Reason } from '../events/contracts.ts'
import { CURRENCIES } from '../events/currencies.ts'
import { correctEventTimeMs } from '../events/event-time.ts'
import { CcsError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/uuid.ts'

/** Why a record is rejected. */
export interface Rejection {
  readonly reason: Reason
  /** One sentence: field, value, rule. */
  readonly message: string
}

/** A record decoded by the newest schema; longs are bigint or number. */
export type Decoded = Readonly<Record<string, unknown>>

/** Greatest time that DuckDB, Parquet and JavaScript all support, ms. */
const TIME_MAX = 8_640_000_000_000_000

/** Bounds of a number field; times are bounded even if the schema sets no limits. */
export function valueBounds(field: AvroField): { minimum?: number; maximum?: number } {
  const { node } = unwrapOptional(field.type)
  const { minimum, maximum } = field.rules
  const logical = 'logical' in node ? node.logical : undefined
  const most =
    logical === 'timestamp-millis'
      ? TIME_MAX
      : logical === 'timestamp-micros'
        ? TIME_MAX * 1000
        : undefined
  if (most !== undefined)
    return { minimum: Math.max(minimum ?? -most, -most), maximum: Math.min(maximum ?? most, most) }
  return {
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
  }
}

/** Bounds of the event's time. CCS_SCHEMA_INVALID if the schema lacks the time fields. */
export function requireTimeFields(record: RecordNode): { minimum: number } {
  for (const name of ['event_ts', 'sent_ts', 'received_ts']) {
    const field = record.fields.find((one) => one.name === name)
    if (field === undefined && name !== 'event_ts') continue
    const { node, isNullable } = unwrapOptional(field?.type ?? { kind: 'null' })
    const isTime = node.kind === 'long' && node.logical === 'timestamp-millis'
    if (!isTime || (isNullable && name === 'event_ts'))
      throw invalid(`${record.name} needs a field ${name} of logical type timestamp-millis.`)
  }
  const field = record.fields.find((one) => one.name === 'event_ts')
  return { minimum: (field && valueBounds(field).minimum) ?? -TIME_MAX }
}

/**
 * `requires` of the schema as bits: a record of one of `kinds` needs at least one of `bits`. Bit n
 * of `kinds` stands for the n-th symbol of the kind field.
 */
export interface RequiredFields {
  /** The enum field whose symbols `requires` names; '' if the schema has no `requires`. */
  readonly kindField: string
  readonly bits: ReadonlyMap<string, number>
  readonly tests: readonly { readonly kinds: number; readonly bits: number }[]
}

/** Throws CCS_SCHEMA_INVALID for unknown fields or kinds, and for more than 31 of either. */
export function readRequiredFields(record: RecordNode): RequiredFields {
  const kinds = Object.keys(record.requires)
  if (kinds.length === 0) return { kindField: '', bits: new Map(), tests: [] }
  const { name, symbols } = findKindField(record)
  const bits = new Map<string, number>()
  const tests = new Map<number, number>()
  for (const kind of kinds)
    for (const group of record.requires[kind] ?? []) {
      let mask = 0
      for (const field of group.split('|')) {
        if (!record.fields.some((one) => one.name === field))
          throw invalid(`${record.name} requires '${field}' of ${kind}, but has no such field.`)
        if (!bits.has(field)) bits.set(field, 1 << bits.size)
        mask |= bits.get(field) ?? 0
      }
      tests.set(mask, (tests.get(mask) ?? 0) | (1 << symbols.indexOf(kind)))
    }
  if (bits.size > 31 || symbols.length > 31)
    throw invalid(`${record.name} requires more than 31 fields, or has more than 31 kinds.`)
  return {
    kindField: name,
    bits,
    tests: [...tests].map(([mask, kindBits]) => ({ kinds: kindBits, bits: mask })),
  }
}

function findKindField(record: RecordNode): { name: string; symbols: readonly string[] } {
  const kinds = Object.keys(record.requires)
  for (const { name, type } of record.fields)
    if (type.kind === 'enum' && kinds.every((kind) => type.symbols.includes(kind)))
      return { name, symbols: type.symbols }
  throw invalid(`${record.name} has 'requires', but no enum field has all of ${kinds.join(', ')}.`)
}

/**
 * Rules about the records of a list: what a product of two fields of each may be, and all in sum.
 */
export interface ListRules {
  /** Number fields that are at most the product of two others of the same record. */
  readonly products: readonly { readonly field: string; readonly product: FieldPair }[]
  readonly sum: { readonly product: FieldPair; readonly maximum: number } | undefined
}

/**
 * Reads the rules about the records of a list field. Throws CCS_SCHEMA_INVALID if a rule names
 * a field that is not a whole number, or may be null.
 */
export function readListRules({ name, type, rules }: AvroField): ListRules {
  const { node } = unwrapOptional(type)
  const items = node.kind === 'array' && node.items.kind === 'record' ? node.items : undefined
  const products = (items?.fields ?? []).flatMap((field) => {
    const product = field.rules.maximumProduct
    return product === undefined ? [] : [{ field: field.name, product }]
  })
  const sum = rules.maximumSum
  const named = [
    ...products.flatMap(({ field, product }) => [field, ...product]),
    ...(sum?.product ?? []),
  ]
  for (const one of named) {
    const kind = items?.fields.find((field) => field.name === one)?.type.kind
    if (kind !== 'int' && kind !== 'long')
      throw invalid(`A rule of ${name} needs a field ${one} of type int or long, without null.`)
  }
  return { products, sum }
}

/** The first rule that a decoded record breaks, missing fields first; undefined if it keeps all. */
export function findViolation(record: RecordNode, value: Decoded): Rejection | undefined {
  const kind =
    Object.keys(record.requires).length === 0 ? '' : String(value[findKindField(record).name])
  for (const group of record.requires[kind] ?? []) {
    const fields = group.split('|')
    if (fields.some((field) => isPresent(value[field]))) continue
    return { reason: 'missing_field', message: `A ${kind} needs ${fields.join(' or ')}.` }
  }
  return findFieldsViolation(record, value, '') ?? findTimeViolation(record, value)
}

/** Corrected event time of a decoded record, ms. */
export function correctedEventMs(value: Decoded): number {
  return correctEventTimeMs(toMs(value.event_ts), toMs(value.sent_ts), toMs(value.received_ts))
}

/** A rejection if the event is further ahead of its append time than is tolerated. */
export function findFutureViolation(
  eventMs: number,
  appendMs: number,
  toleranceMs: number,
): Rejection | undefined {
  if (!(eventMs > appendMs + toleranceMs)) return undefined
  const ahead = Math.round((eventMs - appendMs) / 1000)
  const message =
    `It happened at ${iso(eventMs)}, ${ahead} s after it was appended; ` +
    `up to ${toleranceMs / 1000} s are tolerated.`
  return { reason: 'too_far_in_future', message }
}

function findTimeViolation(record: RecordNode, value: Decoded): Rejection | undefined {
  const eventMs = correctedEventMs(value)
  const { minimum } = requireTimeFields(record)
  if (!(eventMs < minimum)) return undefined
  const message = `The corrected time ${iso(eventMs)} is before ${iso(minimum)}.`
  return { reason: 'rule_violation', message }
}

function findFieldsViolation(
  record: RecordNode,
  value: Decoded,
  path: string,
): Rejection | undefined {
  for (const field of record.fields) {
    const given = value[field.name]
    const rule = given === null ? undefined : findFieldViolation(field, given, path + field.name)
    if (rule === undefined) continue
    return typeof rule === 'string' ? { reason: 'rule_violation', message: rule } : rule
  }
  return undefined
}

function findFieldViolation(
  field: AvroField,
  value: unknown,
  path: string,
): Rejection | string | undefined {
  const { minLength, maxLength, maxItems } = field.rules
  const { node } = unwrapOptional(field.type)
  if (typeof value === 'string' || value instanceof Uint8Array) {
    const bytes = typeof value === 'string' ? Buffer.byteLength(value) : value.length
    const text = `${path} is ${displayValue(value)}, of ${bytes} bytes`
    if (maxLength !== undefined && bytes > maxLength)
      return `${text}; at most ${maxLength} are allowed.`
    if (minLength !== undefined && bytes < minLength)
      return `${text}; at least ${minLength} are needed.`
    if (node.kind === 'string' && node.logical === 'uuid' && !isUuid(String(value)))
      return `${path} is ${displayValue(value)}, which is not a UUID in lower case.`
    if (field.rules.format === 'currency' && !CURRENCIES.has(String(value)))
      return `${path} is ${displayValue(value)}, which is no currency of ISO 4217 in capitals.`
    return undefined
  }
  if (typeof value === 'number' || typeof value === 'bigint') {
    const { minimum, maximum } = valueBounds(field)
    if (minimum !== undefined && !(Number(value) >= minimum))
      return `${path} is ${value}; the least allowed is ${minimum}.`
    if (maximum !== undefined && !(Number(value) <= maximum))
      return `${path} is ${value}; the most allowed is ${maximum}.`
    return undefined
  }
  if (!Array.isArray(value) || node.kind !== 'array' || node.items.kind !== 'record')
    return undefined
  if (maxItems !== undefined && value.length > maxItems)
    return `${path} has ${value.length} entries; at most ${maxItems} are allowed.`
  for (let i = 0; i < value.length; i++) {
    const violation = findFieldsViolation(node.items, value[i], `${path}[${i}].`)
    if (violation !== undefined) return violation
  }
  return findListViolation(field, value, path)
}

function findListViolation(
  field: AvroField,
  lines: readonly Decoded[],
  path: string,
): string | undefined {
  const { products, sum } = readListRules(field)
  const multiply = (line: Decoded, [a, b]: FieldPair) => Number(line[a]) * Number(line[b])
  for (const [i, line] of lines.entries())
    for (const { field: name, product } of products) {
      const most = multiply(line, product)
      if (!(Number(line[name]) <= most))
        return `${path}[${i}].${name} is ${line[name]}; at most ${product.join(' × ')}, ${most}.`
    }
  if (sum === undefined) return undefined
  const total = lines.reduce((before, line) => before + multiply(line, sum.product), 0)
  if (total <= sum.maximum) return undefined
  const what = `The sum of ${sum.product.join(' × ')} over ${path}`
  return `${what} is ${total}; the most allowed is ${sum.maximum}.`
}

function isPresent(value: unknown): boolean {
  return value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0)
}

function toMs(value: unknown): number {
  return value === null || value === undefined ? Number.NaN : Number(value)
}

function iso(ms: number): string {
  return Math.abs(ms) <= TIME_MAX ? new Date(ms).toISOString() : `${ms} ms`
}

function displayValue(value: string | Uint8Array): string {
  if (typeof value !== 'string') return `0x${Buffer.from(value.subarray(0, 20)).toString('hex')}`
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
}

function invalid(message: string): CcsError {
  return new CcsError('CCS_SCHEMA_INVALID', message, { hint: 'See docs/schemas.md.' })
}
