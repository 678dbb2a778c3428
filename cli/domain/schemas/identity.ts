/**
 * Decides whether two texts are the same schema. Registries return a schema in another form than it
 * was registered in: Confluent's shortens names by their namespace and leaves out what is implied.
 */
import { fullName, PRIMITIVES } from '../avro/schema.ts'
import { isObject, type JsonObject } from '../kernel/json.ts'

const NAMED = ['record', 'error', 'enum', 'fixed']

/**
 * A text that is the same for schemas that differ only in layout, order of keys, documentation, or
 * in forms that Avro treats alike: full and short names, a type in an object of its own, the
 * default sort order. Attributes that Avro does not know make a difference. undefined for a text
 * that is not JSON.
 */
export function schemaIdentity(text: string): string | undefined {
  try {
    return JSON.stringify(canonicalizeType(JSON.parse(text), ''))
  } catch {
    return undefined
  }
}

function canonicalizeType(type: unknown, namespace: string): unknown {
  if (typeof type === 'string') return PRIMITIVES.includes(type) ? type : fullName(type, namespace)
  if (Array.isArray(type)) return type.map((branch) => canonicalizeType(branch, namespace))
  if (!isObject(type)) return type
  if (typeof type.type === 'string' && NAMED.includes(type.type))
    return canonicalizeNamed(type, namespace)
  const { doc: _, ...rest } = type
  const inner = typeof rest.type === 'string' && /^(array|map)$/.test(rest.type)
  const entries = Object.entries(rest).map(([key, value]): [string, unknown] => {
    const isType = (key === 'type' && !inner) || key === 'items' || key === 'values'
    return [key, isType ? canonicalizeType(value, namespace) : sortKeys(value)]
  })
  // {"type": "string"} is "string".
  const [only] = entries
  return entries.length === 1 && only?.[0] === 'type' ? only[1] : sortEntries(entries)
}

function canonicalizeNamed(type: JsonObject, outer: string): JsonObject {
  const { doc: _, namespace: own, name, aliases, fields, ...rest } = type
  const full = fullName(String(name), typeof own === 'string' ? own : outer)
  const namespace = full.slice(0, Math.max(0, full.lastIndexOf('.')))
  const entries = Object.entries(rest).map(([key, value]): [string, unknown] => [
    key,
    sortKeys(value),
  ])
  entries.push(['name', full])
  if (Array.isArray(aliases) && aliases.length > 0)
    entries.push(['aliases', aliases.map((alias) => fullName(String(alias), namespace)).sort()])
  if (Array.isArray(fields))
    entries.push([
      'fields',
      fields.map((field) => (isObject(field) ? canonicalizeField(field, namespace) : field)),
    ])
  return sortEntries(entries)
}

function canonicalizeField(field: JsonObject, namespace: string): JsonObject {
  const { doc: _, order, type, aliases, ...rest } = field
  const entries = Object.entries(rest).map(([key, value]): [string, unknown] => [
    key,
    sortKeys(value),
  ])
  entries.push(['type', canonicalizeType(type, namespace)])
  if (order !== undefined && order !== 'ascending') entries.push(['order', order])
  if (Array.isArray(aliases) && aliases.length > 0) entries.push(['aliases', [...aliases].sort()])
  return sortEntries(entries)
}

/**
 * Sorts the keys of values that are not schemas: defaults, and attributes that Avro does not know.
 */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (!isObject(value)) return value
  return sortEntries(Object.entries(value).map(([key, inner]) => [key, sortKeys(inner)]))
}

function sortEntries(entries: readonly (readonly [string, unknown])[]): JsonObject {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)))
}
