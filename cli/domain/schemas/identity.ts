/**
 * Whether two texts are one schema. Registries give back what was registered in words of their own: Confluent
 * prints Avro's tree anew, with names shortened by their namespace and what is implied left out.
 */
import { isObject } from '../kernel/json.ts'

type Json = Readonly<Record<string, unknown>>

const NAMED = ['record', 'error', 'enum', 'fixed']
const PRIMITIVE = /^(null|boolean|int|long|float|double|bytes|string)$/

/**
 * A text that is the same for schemas that differ in layout, order of keys, documentation, and the ways in
 * which Avro lets the same be said: full or short names, a type in an object of its own, the implied order.
 * Undefined for what is not JSON. Attributes that Avro does not know count.
 */
export function schemaIdentity(text: string): string | undefined {
  try {
    return JSON.stringify(typeOf(JSON.parse(text), ''))
  } catch {
    return undefined
  }
}

function typeOf(type: unknown, namespace: string): unknown {
  if (typeof type === 'string') return PRIMITIVE.test(type) ? type : fullName(type, namespace)
  if (Array.isArray(type)) return type.map((branch) => typeOf(branch, namespace))
  if (!isObject(type)) return type
  if (typeof type.type === 'string' && NAMED.includes(type.type)) return definition(type, namespace)
  const { doc: _, ...said } = type
  const inner = typeof said.type === 'string' && /^(array|map)$/.test(said.type)
  const entries = Object.entries(said).map(([key, value]): [string, unknown] => {
    const isType = (key === 'type' && !inner) || key === 'items' || key === 'values'
    return [key, isType ? typeOf(value, namespace) : sorted(value)]
  })
  // {"type": "string"} is "string".
  const [only] = entries
  return entries.length === 1 && only?.[0] === 'type' ? only[1] : byKey(entries)
}

function definition(type: Json, outer: string): Json {
  const { doc: _, namespace: own, name, aliases, fields, ...rest } = type
  const full = fullName(String(name), typeof own === 'string' ? own : outer)
  const namespace = full.slice(0, Math.max(0, full.lastIndexOf('.')))
  const entries = Object.entries(rest).map(([key, value]): [string, unknown] => [
    key,
    sorted(value),
  ])
  entries.push(['name', full])
  if (Array.isArray(aliases) && aliases.length > 0)
    entries.push(['aliases', aliases.map((alias) => fullName(String(alias), namespace)).sort()])
  if (Array.isArray(fields))
    entries.push([
      'fields',
      fields.map((field) => (isObject(field) ? fieldOf(field, namespace) : field)),
    ])
  return byKey(entries)
}

function fieldOf(field: Json, namespace: string): Json {
  const { doc: _, order, type, aliases, ...rest } = field
  const entries = Object.entries(rest).map(([key, value]): [string, unknown] => [
    key,
    sorted(value),
  ])
  entries.push(['type', typeOf(type, namespace)])
  if (order !== undefined && order !== 'ascending') entries.push(['order', order])
  if (Array.isArray(aliases) && aliases.length > 0) entries.push(['aliases', [...aliases].sort()])
  return byKey(entries)
}

function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

/** Values that are no schemas: defaults, and attributes of others. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  return byKey(Object.entries(value).map(([key, inner]) => [key, sorted(inner)]))
}

function byKey(entries: readonly (readonly [string, unknown])[]): Json {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)))
}
