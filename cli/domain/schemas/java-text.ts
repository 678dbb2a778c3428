/**
 * Prints a schema as Avro for Java does. Java clients look up a schema in the registry by this
 * text. Confluent's registry parses the text first, but Apicurio compares it as it is: with another
 * order of keys, clients such as connectors would not find the schema and could read nothing.
 */
import { isObject, type JsonObject } from '../kernel/json.ts'

const OF_NAMED = ['type', 'name', 'namespace', 'doc', 'fields', 'symbols', 'size', 'aliases']
const OF_FIELD = ['name', 'type', 'doc', 'default', 'order', 'aliases']

/** 'java': all that Avro for Java prints; 'meaning': without documentation, aliases sorted. */
type Form = 'java' | 'meaning'

/** The text of `Schema.toString()` in Avro 1.11. Throws SyntaxError for a text that is not JSON. */
export function javaSchemaText(schema: string): string {
  return JSON.stringify(normalizeSchema(schema, 'java'))
}

/**
 * The schema with what is implied left out, names shortened by their namespace, and keys in Java's
 * order. Throws SyntaxError for a text that is not JSON.
 */
export function normalizeSchema(schema: string, form: Form): unknown {
  return normalizeType(JSON.parse(schema), { space: undefined, form })
}

interface Scope {
  /** The namespace around; undefined: none. */
  readonly space: string | undefined
  readonly form: Form
}

function normalizeType(given: unknown, scope: Scope): unknown {
  if (typeof given === 'string') return shortenName(given, scope.space)
  if (Array.isArray(given)) return given.map((one) => normalizeType(one, scope))
  if (!isObject(given)) return given
  const type = scope.form === 'meaning' ? omit(given, ['doc']) : given
  switch (type.type) {
    case 'record':
    case 'error':
    case 'enum':
    case 'fixed':
      return normalizeNamed(type, scope)
    case 'array':
      return {
        type: 'array',
        items: normalizeType(type.items, scope),
        ...omit(type, ['type', 'items']),
      }
    case 'map':
      return {
        type: 'map',
        values: normalizeType(type.values, scope),
        ...omit(type, ['type', 'values']),
      }
    default: {
      const attributes = omit(type, ['type'])
      const inner = normalizeType(type.type, scope)
      return Object.keys(attributes).length === 0 ? inner : { type: inner, ...attributes }
    }
  }
}

function normalizeNamed(type: JsonObject, scope: Scope): JsonObject {
  const { name, space } = splitName(type, scope.space)
  const { doc, fields, symbols, size, aliases } = type
  const inside = { ...scope, space }
  // Avro defines `default` for enums, but not for records.
  const isEnum = type.type === 'enum' && type.default !== undefined
  return {
    type: type.type,
    name,
    ...(space === scope.space ? {} : { namespace: space ?? '' }),
    ...(doc === undefined ? {} : { doc }),
    ...(Array.isArray(fields) ? { fields: fields.map((one) => normalizeField(one, inside)) } : {}),
    ...(symbols === undefined ? {} : { symbols }),
    ...(isEnum ? { default: type.default } : {}),
    ...(size === undefined ? {} : { size }),
    ...omit(type, isEnum ? [...OF_NAMED, 'default'] : OF_NAMED),
    ...shortenAliases(aliases, inside),
  }
}

function normalizeField(field: unknown, scope: Scope): unknown {
  if (!isObject(field)) return field
  const { name, type, doc, order } = field
  return {
    name,
    type: normalizeType(type, scope),
    ...(doc === undefined || scope.form === 'meaning' ? {} : { doc }),
    ...('default' in field ? { default: field.default } : {}),
    ...(order === undefined || order === 'ascending' ? {} : { order }),
    ...shortenAliases(field.aliases, { ...scope, space: undefined }),
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

function shortenAliases(aliases: unknown, { space, form }: Scope): JsonObject {
  if (!Array.isArray(aliases) || aliases.length === 0) return {}
  const short = aliases.map((one) => shortenName(String(one), space))
  return { aliases: form === 'meaning' ? short.sort() : short }
}

function shortenName(name: string, space: string | undefined): string {
  const at = name.lastIndexOf('.')
  return at >= 0 && name.slice(0, at) === space ? name.slice(at + 1) : name
}

function omit(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)))
}
