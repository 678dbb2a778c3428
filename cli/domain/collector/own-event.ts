/**
 * Events by the contract's own names, as the tracker and `POST /v1/events` send them: one object, a
 * list, `{ events: [...] }` whose other members hold for each of the events, or one object a line.
 * Each value is checked against the contract's type; what the contract doesn't know is named in the
 * answer.
 */
import { RowFault } from '../documents/source-row.ts'
import { CURRENCIES } from '../events/currencies.ts'
import type { ContractField, EventContract } from '../ingest/mapping/event-contract.ts'
import { normalizePath } from '../ingest/mapping/url-part.ts'
import { asList, isObject } from '../kernel/json.ts'
import { isUuid } from '../kernel/uuid.ts'

/** An event as it came in, before what the sender left out is filled. */
export interface IncomingEvent {
  /** By the contract's names; null where there is no value. */
  readonly fields: Record<string, unknown> | RowFault
  /** The event as it was sent. */
  readonly raw: unknown
  /** Members that the contract has no field for. */
  readonly ignored: readonly string[]
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/
const IGNORED_MAX = 20
const NO_NAMES: readonly string[] = []

/** The events of a JSON body, not yet read. `sent_ts` of the request is that of each event. */
export function listOwnEvents(body: unknown): readonly unknown[] {
  if (Array.isArray(body)) return body
  if (!isObject(body) || !Array.isArray(body.events)) return [body]
  const { events, ...shared } = body
  if (Object.keys(shared).length === 0) return events
  return asList(events).map((one) => (isObject(one) ? { ...shared, ...one } : one))
}

type ReadValue = (value: unknown) => unknown

/** Compiles the reader of one event. */
export function compileOwnEvent(contract: EventContract): (raw: unknown) => IncomingEvent {
  const fields = contract.fields.map(compileField)
  const readers = new Map(fields.map(({ name, read }) => [name, read]))
  const empty = Object.fromEntries(fields.map(({ name, fallback }) => [name, fallback]))
  return (raw) => {
    if (!isObject(raw)) {
      const what = raw === null ? 'null' : Array.isArray(raw) ? 'a list' : `a ${typeof raw}`
      const fault = new RowFault('wrong_type', `An event is an object; this is ${what}.`)
      return { fields: fault, raw, ignored: NO_NAMES }
    }
    // A copy of a whole event costs less than adding its fields one by one.
    const event: Record<string, unknown> = { ...empty }
    let fault: RowFault | undefined
    let ignored: string[] | undefined
    // JSON has no other members than its own.
    for (const name in raw) {
      const read = readers.get(name)
      if (read === undefined) {
        ignored ??= []
        if (ignored.length < IGNORED_MAX) ignored.push(name)
        continue
      }
      const given = raw[name]
      if (given === undefined || given === null || given === '') continue
      const value = read(given)
      if (value instanceof RowFault) fault ??= value
      else event[name] = value
    }
    return { fields: fault ?? event, raw, ignored: ignored ?? NO_NAMES }
  }
}

interface FieldReader {
  readonly name: string
  /** Of a value that is there. */
  readonly read: ReadValue
  readonly fallback: unknown
}

function compileField(field: ContractField): FieldReader {
  const { name, fallback } = field
  return { name, read: compileReader(field), fallback }
}

function compileReader(field: ContractField): ReadValue {
  const wrong = (what: string) => new RowFault('wrong_type', `${field.name} must be ${what}.`)
  switch (field.kind) {
    case 'string':
      return (value) => readText(value) ?? wrong('a text')
    case 'path':
      return (value) => (typeof value === 'string' ? normalizePath(value) : wrong('a path'))
    case 'currency':
      return (value) => {
        const code = typeof value === 'string' ? value.trim().toUpperCase() : ''
        return CURRENCIES.has(code) ? code : wrong('a currency code of ISO 4217, such as EUR')
      }
    case 'uuid':
      return (value) => {
        const id = typeof value === 'string' ? value.toLowerCase() : ''
        return isUuid(id) ? id : wrong('a UUID')
      }
    case 'enum': {
      const symbols = new Set<unknown>(field.symbols)
      return (value) => (symbols.has(value) ? value : wrong(`one of ${field.symbols.join(', ')}`))
    }
    case 'time':
      return (value) => readTime(value) ?? wrong('ms since 1970, or a time as ISO 8601 has it')
    case 'money':
      return (value) =>
        Number.isSafeInteger(value) ? value : wrong('a whole number of hundredths')
    case 'int':
      return (value) =>
        typeof value === 'number' && (value | 0) === value ? value : wrong('a whole number')
    case 'long':
      return (value) => (Number.isSafeInteger(value) ? value : wrong('a whole number'))
    case 'boolean':
      return (value) => (typeof value === 'boolean' ? value : wrong('true or false'))
    case 'items':
      return compileItems(field)
  }
}

function compileItems(field: ContractField): ReadValue {
  const members = field.fields.map(compileField)
  const required = new Set(field.fields.filter((one) => one.isRequired).map(({ name }) => name))
  return (value) => {
    if (!Array.isArray(value)) return new RowFault('wrong_type', `${field.name} must be a list.`)
    const items: Record<string, unknown>[] = []
    for (const [index, one] of value.entries()) {
      const at = `${field.name}[${index}]`
      if (!isObject(one)) return new RowFault('wrong_type', `${at} must be an object.`)
      const item: Record<string, unknown> = {}
      for (const { name, read, fallback } of members) {
        const given = Object.hasOwn(one, name) ? one[name] : undefined
        if (given === undefined || given === null || given === '') {
          if (required.has(name)) return new RowFault('missing_field', `${at} has no ${name}.`)
          item[name] = fallback
          continue
        }
        const found = read(given)
        if (found instanceof RowFault) return new RowFault(found.reason, `${at}.${found.message}`)
        item[name] = found
      }
      items.push(item)
    }
    return items
  }
}

/** Numbers that are exact as text too: ids of shop systems are numbers. */
function readText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return Number.isSafeInteger(value) ? String(value) : undefined
}

function readTime(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
  if (typeof value !== 'string' || !ISO.test(value)) return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? undefined : ms
}
