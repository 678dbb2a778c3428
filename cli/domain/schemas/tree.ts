/**
 * Avro schemas as trees for compatibility checks: full names, aliases, defaults, logical types, and
 * the place of each part in the file. A named type is one object, however often it is used, so
 * trees may be recursive. Decoder and gate use the trees of avro/schema.ts, which have no places.
 */

import {
  FIELD_RULES,
  type FieldRules,
  parseRelationRules,
  RELATION_RULES,
} from '../avro/field-rules.ts'
import { fullName, PRIMITIVES, type Primitive } from '../avro/schema.ts'
import {
  type NamedText,
  parseLocatedJson,
  readScalar,
  readText,
  toPlainValue,
} from '../documents/json-document.ts'
import { type JsonNode, type JsonObjectNode, locateOffset } from '../documents/yaml-document.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { type AvroLogical, validateLogicalType } from './logical-type.ts'

/** Offset of a character in the schema's text. */
interface Placed {
  readonly at: number
}

interface Named extends Placed {
  /** With its namespace. */
  readonly name: string
  /** With their namespaces. */
  readonly aliases: readonly string[]
}

/** A field of a record; `default` counts only if `hasDefault`. */
export interface SchemaField extends Placed {
  readonly name: string
  readonly aliases: readonly string[]
  readonly type: SchemaType
  readonly typeAt: number
  readonly hasDefault: boolean
  readonly default: unknown
  readonly doc: string
  readonly rules: FieldRules
}

/** A record with the attribute `requires` of ccs: fields that a kind of record needs. */
export interface RecordType extends Named {
  readonly is: 'record'
  readonly fields: readonly SchemaField[]
  readonly requires: Readonly<Record<string, readonly string[]>>
}

/** An enum; readers use its default for symbols that they do not know. */
export interface EnumType extends Named {
  readonly is: 'enum'
  readonly symbols: readonly string[]
  readonly default?: string
}

/** A type of a schema; `at` is the offset of its first character. */
export type SchemaType =
  | RecordType
  | EnumType
  | (Named & { readonly is: 'fixed'; readonly size: number; readonly logical?: AvroLogical })
  | (Placed & { readonly is: Primitive; readonly logical?: AvroLogical })
  | (Placed & { readonly is: 'array'; readonly items: SchemaType })
  | (Placed & { readonly is: 'map'; readonly values: SchemaType })
  | (Placed & { readonly is: 'union'; readonly branches: readonly SchemaType[] })

/** A parsed schema with its text, so that places can be shown. */
export interface Schema extends NamedText {
  readonly type: SchemaType
}

/** Parses a schema of any type. Throws CCS_SCHEMA_INVALID with the place of the first fault. */
export function parseSchema(source: NamedText): Schema {
  const scope = { source, namespace: '', named: new Map<string, SchemaType>() }
  return { ...source, type: parseType(parseLocatedJson(source), scope) }
}

interface Scope {
  readonly source: NamedText
  readonly namespace: string
  readonly named: Map<string, SchemaType>
}

function parseType(json: JsonNode | undefined, scope: Scope, ownerAt = 0): SchemaType {
  if (json === undefined) throw invalid(scope, ownerAt, 'has no type here')
  const { at } = json
  if (json.is === 'scalar') {
    if (typeof json.value !== 'string') throw invalid(scope, at, 'has a value where a type is due')
    return findNamedType(json.value, at, scope)
  }
  if (json.is === 'array') return parseUnion(json.items, at, scope)
  const kind = json.entries.get('type')
  const kindName = kind?.is === 'scalar' ? kind.value : undefined
  switch (kindName) {
    case 'record':
    case 'error':
      return parseRecord(json, scope)
    case 'enum':
      return parseEnum(json, scope)
    case 'fixed': {
      const size = readNumber(json, 'size')
      if (size === undefined) throw invalid(scope, at, 'has a fixed type without a size')
      return define(json, scope, (named) => ({
        is: 'fixed',
        ...named,
        size,
        ...readLogical(json, 'fixed', size),
      }))
    }
    case 'array':
      return { is: 'array', at, items: parseType(json.entries.get('items'), scope, at) }
    case 'map':
      return { is: 'map', at, values: parseType(json.entries.get('values'), scope, at) }
    default: {
      const type = parseType(kind, scope, at)
      const isPrimitive = PRIMITIVES.includes(type.is)
      // A logical type is attached to a primitive type; on other types it is ignored.
      return isPrimitive ? ({ ...type, at, ...readLogical(json, type.is) } as SchemaType) : type
    }
  }
}

function findNamedType(name: string, at: number, scope: Scope): SchemaType {
  // The list holds exactly the members of Primitive.
  if (PRIMITIVES.includes(name)) return { is: name as Primitive, at }
  const type = scope.named.get(fullName(name, scope.namespace)) ?? scope.named.get(name)
  if (type !== undefined) return type
  const known = [...PRIMITIVES, 'record', 'enum', 'array', 'map', 'fixed', ...scope.named.keys()]
  throw invalid(
    scope,
    at,
    `names the type '${name}', which it does not define`,
    didYouMean(name, known),
  )
}

function parseUnion(items: readonly JsonNode[], at: number, scope: Scope): SchemaType {
  const branches = items.map((one) => parseType(one, scope, at))
  const seen = new Set<string>()
  if (branches.length === 0) throw invalid(scope, at, 'has a union of nothing')
  for (const branch of branches) {
    const id = 'name' in branch ? branch.name : branch.is
    if (branch.is === 'union') throw invalid(scope, at, 'has a union right inside a union')
    if (seen.has(id)) throw invalid(scope, at, `has ${id} twice in a union`)
    seen.add(id)
  }
  return { is: 'union', at, branches }
}

function parseEnum(json: JsonObjectNode, scope: Scope): SchemaType {
  const symbols = readTexts(json, 'symbols')
  const initial = readText(json, 'default')
  const twice = symbols.find((one, index) => symbols.indexOf(one) !== index)
  if (symbols.length === 0) throw invalid(scope, json.at, 'has an enum without symbols')
  if (twice !== undefined) throw invalid(scope, json.at, `has the symbol ${twice} twice`)
  if (initial !== undefined && !symbols.includes(initial))
    throw invalid(scope, json.at, `has the default ${initial}, which is none of its symbols`)
  return define(json, scope, (named) => ({
    is: 'enum',
    ...named,
    symbols,
    ...(initial === undefined ? {} : { default: initial }),
  }))
}

function parseRecord(json: JsonObjectNode, scope: Scope): SchemaType {
  const list = json.entries.get('fields')
  if (list?.is !== 'array') throw invalid(scope, json.at, 'has a record without fields')
  const fields: SchemaField[] = []
  const requires = json.entries.get('requires')
  const record = define(json, scope, (named) => ({
    is: 'record',
    ...named,
    fields,
    // The gate's rules check its shape; code that reads it here must accept any shape.
    requires: (requires === undefined ? {} : toPlainValue(requires)) as RecordType['requires'],
  }))
  const namespace = namespaceOf('name' in record ? record.name : '')
  for (const item of list.items) {
    const field = parseField(item, { ...scope, namespace })
    if (fields.some((one) => one.name === field.name))
      throw invalid(scope, field.at, `has the field ${field.name} twice in one record`)
    fields.push(field)
  }
  return record
}

function parseField(json: JsonNode, scope: Scope): SchemaField {
  const name = json.is === 'object' ? readText(json, 'name') : undefined
  if (json.is !== 'object' || name === undefined)
    throw invalid(scope, json.at, 'has a field without a name')
  const initial = json.entries.get('default')
  const rules: Record<string, number> = {}
  for (const rule of FIELD_RULES) {
    const bound = readNumber(json, rule)
    if (bound !== undefined) rules[rule] = bound
  }
  const plain: Record<string, unknown> = { name }
  for (const rule of RELATION_RULES) {
    const value = json.entries.get(rule)
    if (value !== undefined) plain[rule] = toPlainValue(value)
  }
  const relations = parseRelationRules(plain)
  if (typeof relations === 'string') throw invalid(scope, json.at, `has a ${relations}`)
  return {
    name,
    aliases: readTexts(json, 'aliases'),
    type: parseType(json.entries.get('type'), scope, json.at),
    at: json.at,
    typeAt: json.entries.get('type')?.at ?? json.at,
    hasDefault: initial !== undefined,
    default: initial === undefined ? undefined : toPlainValue(initial),
    doc: readText(json, 'doc') ?? '',
    rules: { ...rules, ...relations },
  }
}

/**
 * Defines a named type for the parts that follow; a record is defined before its fields are read.
 */
function define(
  json: JsonObjectNode,
  scope: Scope,
  make: (named: Named) => SchemaType,
): SchemaType {
  const short = readText(json, 'name')
  if (short === undefined) throw invalid(scope, json.at, 'has a named type without a name')
  const name = fullName(short, readText(json, 'namespace') ?? scope.namespace)
  if (scope.named.has(name)) throw invalid(scope, json.at, `defines the type ${name} twice`)
  const aliases = readTexts(json, 'aliases').map((one) => fullName(one, namespaceOf(name)))
  const type = make({ at: json.at, name, aliases })
  scope.named.set(name, type)
  return type
}

/** The logical type if it is valid; Avro requires readers to ignore it otherwise. */
function readLogical(json: JsonObjectNode, on: string, size?: number): { logical?: AvroLogical } {
  const name = readText(json, 'logicalType')
  if (name === undefined) return {}
  const [precision, scale] = [readNumber(json, 'precision'), readNumber(json, 'scale')]
  const logical = validateLogicalType({ name, precision, scale }, on, size)
  return logical === undefined ? {} : { logical }
}

/** The name without its namespace. */
export function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

function namespaceOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('.')))
}

function readNumber(json: JsonObjectNode, key: string): number | undefined {
  const value = readScalar(json, key)
  return typeof value === 'number' ? value : undefined
}

function readTexts(json: JsonObjectNode, key: string): readonly string[] {
  const place = json.entries.get(key)
  if (place?.is !== 'array') return []
  return place.items.flatMap((one) =>
    one.is === 'scalar' && typeof one.value === 'string' ? [one.value] : [],
  )
}

function invalid({ source }: Scope, at: number, problem: string, hint?: string): CcsError {
  return new CcsError('CCS_SCHEMA_INVALID', `${source.file} ${problem}.`, {
    exit: EXIT.usage,
    location: locateOffset(source, at),
    hint: hint ?? 'Schemas are Avro: https://avro.apache.org/docs/1.12.0/specification/',
  })
}
