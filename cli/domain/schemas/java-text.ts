/**
 * Prints a schema as Avro for Java does. Java clients look up a schema in the registry by this
 * text. Confluent's registry parses the text first, but Apicurio compares it as it is: with another
 * order of keys, clients such as connectors would not find the schema and could read nothing.
 */
import { isObject, type JsonObject } from '../kernel/json.ts'

const OF_NAMED = ['type', 'name', 'namespace', 'doc', 'fields', 'symbols', 'size', 'aliases']
const OF_FIELD = ['name', 'type', 'doc', 'default', 'order', 'aliases']

/** The text of `Schema.toString()` in Avro 1.11. Throws SyntaxError for a text that is not JSON. */
export function javaSchemaText(schema: string): string {
  return JSON.stringify(orderType(JSON.parse(schema), undefined))
}

function orderType(type: unknown, space: string | undefined): unknown {
  if (typeof type === 'string') return shortenName(type, space)
  if (Array.isArray(type)) return type.map((one) => orderType(one, space))
  if (!isObject(type)) return type
  switch (type.type) {
    case 'record':
    case 'error':
    case 'enum':
    case 'fixed':
      return orderNamed(type, space)
    case 'array':
      return {
        type: 'array',
        items: orderType(type.items, space),
        ...omit(type, ['type', 'items']),
      }
    case 'map':
      return {
        type: 'map',
        values: orderType(type.values, space),
        ...omit(type, ['type', 'values']),
      }
    default: {
      const attributes = omit(type, ['type'])
      const inner = orderType(type.type, space)
      return Object.keys(attributes).length === 0 ? inner : { type: inner, ...attributes }
    }
  }
}

function orderNamed(type: JsonObject, outer: string | undefined): JsonObject {
  const { name, space } = splitName(type, outer)
  const { doc, fields, symbols, size, aliases } = type
  // Avro defines `default` for enums, but not for records.
  const isEnum = type.type === 'enum' && type.default !== undefined
  return {
    type: type.type,
    name,
    ...(space === outer ? {} : { namespace: space ?? '' }),
    ...(doc === undefined ? {} : { doc }),
    ...(Array.isArray(fields) ? { fields: fields.map((one) => orderField(one, space)) } : {}),
    ...(symbols === undefined ? {} : { symbols }),
    ...(isEnum ? { default: type.default } : {}),
    ...(size === undefined ? {} : { size }),
    ...omit(type, isEnum ? [...OF_NAMED, 'default'] : OF_NAMED),
    ...shortenAliases(aliases, space),
  }
}

function orderField(field: unknown, space: string | undefined): unknown {
  if (!isObject(field)) return field
  const { name, type, doc, order } = field
  return {
    name,
    type: orderType(type, space),
    ...(doc === undefined ? {} : { doc }),
    ...('default' in field ? { default: field.default } : {}),
    ...(order === undefined || order === 'ascending' ? {} : { order }),
    ...shortenAliases(field.aliases, undefined),
    ...omit(field, OF_FIELD),
  }
}

/** A full name contains its namespace; otherwise `namespace` counts, else the one around it. */
function splitName(type: JsonObject, outer: string | undefined) {
  const full = String(type.name)
  const at = full.lastIndexOf('.')
  if (at >= 0) return { name: full.slice(at + 1), space: full.slice(0, at) || undefined }
  const own = typeof type.namespace === 'string' ? type.namespace || undefined : outer
  return { name: full, space: own }
}

function shortenAliases(aliases: unknown, space: string | undefined): JsonObject {
  if (!Array.isArray(aliases) || aliases.length === 0) return {}
  return { aliases: aliases.map((one) => shortenName(String(one), space)) }
}

function shortenName(name: string, space: string | undefined): string {
  const at = name.lastIndexOf('.')
  return at >= 0 && name.slice(0, at) === space ? name.slice(at + 1) : name
}

function omit(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)))
}
