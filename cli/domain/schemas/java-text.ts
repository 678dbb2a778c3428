/**
 * A schema in the words of Avro for Java, whose clients ask a registry for the version of what they read by exactly
 * these bytes. Confluent's registry reads the schema first; Apicurio compares the bytes, and answers no to any other
 * order of keys, so an engine or a connector behind it could read nothing.
 */
import { isObject } from '../kernel/json.ts'

type Json = Readonly<Record<string, unknown>>

const OF_NAMED = ['type', 'name', 'namespace', 'doc', 'fields', 'symbols', 'size', 'aliases']
const OF_FIELD = ['name', 'type', 'doc', 'default', 'order', 'aliases']

/** As `Schema.toString()` of Avro 1.11 prints it. Throws for what is not JSON. */
export function javaSchemaText(schema: string): string {
  return JSON.stringify(typeOf(JSON.parse(schema), undefined))
}

function typeOf(type: unknown, space: string | undefined): unknown {
  if (typeof type === 'string') return shortened(type, space)
  if (Array.isArray(type)) return type.map((one) => typeOf(one, space))
  if (!isObject(type)) return type
  switch (type.type) {
    case 'record':
    case 'error':
    case 'enum':
    case 'fixed':
      return namedOf(type, space)
    case 'array':
      return {
        type: 'array',
        items: typeOf(type.items, space),
        ...without(type, ['type', 'items']),
      }
    case 'map':
      return {
        type: 'map',
        values: typeOf(type.values, space),
        ...without(type, ['type', 'values']),
      }
    default: {
      const attributes = without(type, ['type'])
      const inner = typeOf(type.type, space)
      return Object.keys(attributes).length === 0 ? inner : { type: inner, ...attributes }
    }
  }
}

function namedOf(type: Json, outer: string | undefined): Json {
  const { name, space } = nameOf(type, outer)
  const { doc, fields, symbols, size, aliases } = type
  // An enum's default is Avro's own word, a record's is not.
  const isEnum = type.type === 'enum' && type.default !== undefined
  return {
    type: type.type,
    name,
    ...(space === outer ? {} : { namespace: space ?? '' }),
    ...(doc === undefined ? {} : { doc }),
    ...(Array.isArray(fields) ? { fields: fields.map((one) => fieldOf(one, space)) } : {}),
    ...(symbols === undefined ? {} : { symbols }),
    ...(isEnum ? { default: type.default } : {}),
    ...(size === undefined ? {} : { size }),
    ...without(type, isEnum ? [...OF_NAMED, 'default'] : OF_NAMED),
    ...aliasesOf(aliases, space),
  }
}

function fieldOf(field: unknown, space: string | undefined): unknown {
  if (!isObject(field)) return field
  const { name, type, doc, order } = field
  return {
    name,
    type: typeOf(type, space),
    ...(doc === undefined ? {} : { doc }),
    ...('default' in field ? { default: field.default } : {}),
    ...(order === undefined || order === 'ascending' ? {} : { order }),
    ...aliasesOf(field.aliases, undefined),
    ...without(field, OF_FIELD),
  }
}

/** A full name has its own namespace; another takes the one given with it, else that around it. */
function nameOf(type: Json, outer: string | undefined) {
  const full = String(type.name)
  const at = full.lastIndexOf('.')
  if (at >= 0) return { name: full.slice(at + 1), space: full.slice(0, at) || undefined }
  const own = typeof type.namespace === 'string' ? type.namespace || undefined : outer
  return { name: full, space: own }
}

function aliasesOf(aliases: unknown, space: string | undefined): Json {
  if (!Array.isArray(aliases) || aliases.length === 0) return {}
  return { aliases: aliases.map((one) => shortened(String(one), space)) }
}

function shortened(name: string, space: string | undefined): string {
  const at = name.lastIndexOf('.')
  return at >= 0 && name.slice(0, at) === space ? name.slice(at + 1) : name
}

function without(object: Json, keys: readonly string[]): Json {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)))
}
