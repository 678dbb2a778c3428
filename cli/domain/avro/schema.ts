/**
 * Avro schemas as trees with resolved names and with the attributes of ccs: `requires` on a record;
 * `pii`, `minimum`, `maximum`, `minLength`, `maxLength`, `maxItems` and those of RELATION_RULES on
 * a field. Encoder, decoder, gate and type generator use these trees; schemas/tree.ts has another
 * one with places and aliases, for compatibility.
 */
import { CcsError } from '../kernel/errors.ts'
import { isObject, isStringList, type JsonObject } from '../kernel/json.ts'
import { type ChangingClass, FIELD_CLASSES, parseFieldClass } from './field-class.ts'
import { FIELD_RULES, type FieldRules, parseRelationRules } from './field-rules.ts'

/** Avro's primitive types. */
export type Primitive =
  | 'null'
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'bytes'
  | 'string'

/** A primitive type, with its logical type as it is written, valid or not. */
export interface PrimitiveNode {
  readonly kind: Primitive
  readonly logical?: string
  /** Only of logical type decimal, as is `scale`. */
  readonly precision?: number
  readonly scale?: number
}

/** An enum; the index of a symbol is what Avro writes. */
export interface EnumNode {
  readonly kind: 'enum'
  readonly name: string
  readonly symbols: readonly string[]
}

/** A record; its `name` is without the namespace. */
export interface RecordNode {
  readonly kind: 'record'
  readonly name: string
  readonly namespace: string
  readonly doc: string
  readonly fields: readonly AvroField[]
  /**
   * Fields that a record needs, by the symbol of its kind (an enum field); 'a|b' means one of the
   * two.
   */
  readonly requires: Readonly<Record<string, readonly string[]>>
}

/** A type of a schema. A recursive type contains itself. */
export type AvroNode =
  | PrimitiveNode
  | EnumNode
  | RecordNode
  | { readonly kind: 'fixed'; readonly name: string; readonly size: number }
  | { readonly kind: 'array'; readonly items: AvroNode }
  | { readonly kind: 'map'; readonly values: AvroNode }
  | { readonly kind: 'union'; readonly branches: readonly AvroNode[] }

/** A field of a record; `default` counts only if `hasDefault`. */
export interface AvroField {
  readonly name: string
  readonly aliases: readonly string[]
  readonly type: AvroNode
  readonly doc: string
  readonly hasDefault: boolean
  readonly default: unknown
  readonly rules: FieldRules
  /** What becomes of its values in rows; absent: nothing. */
  readonly pii?: ChangingClass
}

/** The names of the primitive types. */
export const PRIMITIVES: readonly string[] = [
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
]

/** Parses a record schema. Throws CCS_SCHEMA_INVALID, which names `source`: a file or a subject. */
export function parseRecordSchema(text: string, source = 'schema'): RecordNode {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw invalid(source, 'is not JSON', cause)
  }
  const node = parseNode(json, { source, namespace: '', named: new Map() })
  if (node.kind !== 'record') throw invalid(source, `is of type ${node.kind}, not a record`)
  return node
}

/** The T of a union of T and null, with the index of null; any other node as it is. */
export function unwrapOptional(node: AvroNode): {
  node: AvroNode
  isNullable: boolean
  nullIndex: number
} {
  if (node.kind !== 'union' || node.branches.length !== 2)
    return { node, isNullable: false, nullIndex: -1 }
  const nullIndex = node.branches.findIndex((branch) => branch.kind === 'null')
  const other = node.branches[1 - nullIndex]
  if (nullIndex < 0 || other === undefined || other.kind === 'null')
    return { node, isNullable: false, nullIndex: -1 }
  return { node: other, isNullable: true, nullIndex }
}

/**
 * A text that is the same for schemas that differ only in layout, documentation or the order of
 * keys. Throws CCS_SCHEMA_INVALID if it is not a record's schema.
 */
export function canonicalizeSchema(text: string, source = 'schema'): string {
  parseRecordSchema(text, source)
  return canonicalizeJson(text)
}

/** As canonicalizeSchema, of any JSON; throws a SyntaxError if it is none. */
export function canonicalizeJson(text: string): string {
  return JSON.stringify(JSON.parse(text), (_key, value: unknown) => {
    if (!isObject(value)) return value
    const keys = Object.keys(value).sort()
    const isDefinition = 'name' in value || 'type' in value
    return Object.fromEntries(
      keys.filter((key) => !(isDefinition && key === 'doc')).map((key) => [key, value[key]]),
    )
  })
}

interface Scope {
  readonly source: string
  readonly namespace: string
  readonly named: Map<string, AvroNode>
}

function parseNode(json: unknown, scope: Scope): AvroNode {
  if (typeof json === 'string') return parseName(json, scope)
  if (Array.isArray(json))
    return { kind: 'union', branches: json.map((branch) => parseNode(branch, scope)) }
  if (!isObject(json))
    throw invalid(scope.source, `has ${JSON.stringify(json)} where a type is due`)
  switch (json.type) {
    case 'record':
      return parseRecord(json, scope)
    case 'enum':
      return parseEnum(json, scope)
    case 'fixed': {
      const size = json.size
      if (typeof size !== 'number') throw invalid(scope.source, 'has a fixed type without size')
      return define(json, scope, (name) => ({ kind: 'fixed', name, size }))
    }
    case 'array':
      return { kind: 'array', items: parseNode(json.items, scope) }
    case 'map':
      return { kind: 'map', values: parseNode(json.values, scope) }
    default:
      return withLogical(parseNode(json.type, scope), json)
  }
}

function withLogical(node: AvroNode, json: JsonObject): AvroNode {
  if (typeof json.logicalType !== 'string' || !isPrimitive(node)) return node
  return {
    kind: node.kind,
    logical: json.logicalType,
    ...(typeof json.precision === 'number' ? { precision: json.precision } : {}),
    ...(typeof json.scale === 'number' ? { scale: json.scale } : {}),
  }
}

/** Whether the node is of a primitive type. */
export function isPrimitive(node: AvroNode): node is PrimitiveNode {
  return PRIMITIVES.includes(node.kind)
}

function parseName(name: string, scope: Scope): AvroNode {
  // The list holds exactly the members of Primitive.
  if (PRIMITIVES.includes(name)) return { kind: name as Primitive }
  const node = scope.named.get(fullName(name, scope.namespace)) ?? scope.named.get(name)
  if (node === undefined)
    throw invalid(scope.source, `names the type '${name}', which it does not define`)
  return node
}

function parseEnum(json: JsonObject, scope: Scope): AvroNode {
  const symbols = json.symbols
  if (!isStringList(symbols) || symbols.length === 0)
    throw invalid(scope.source, `has an enum '${String(json.name)}' without symbols`)
  return define(json, scope, (name) => ({ kind: 'enum', name, symbols }))
}

function parseRecord(json: JsonObject, scope: Scope): AvroNode {
  const fields: AvroField[] = []
  const namespace = typeof json.namespace === 'string' ? json.namespace : scope.namespace
  const record = define(json, scope, (name) => ({
    kind: 'record',
    name,
    namespace,
    doc: typeof json.doc === 'string' ? json.doc : '',
    fields,
    // The gate's rules check it against the fields.
    requires: isObject(json.requires) ? (json.requires as RecordNode['requires']) : {},
  }))
  if (!Array.isArray(json.fields))
    throw invalid(scope.source, `has a record '${String(json.name)}' without fields`)
  for (const field of json.fields) fields.push(parseField(field, { ...scope, namespace }))
  return record
}

function parseField(json: unknown, scope: Scope): AvroField {
  if (!isObject(json) || typeof json.name !== 'string')
    throw invalid(scope.source, `has a field without a name: ${JSON.stringify(json)?.slice(0, 80)}`)
  const rules: Partial<Record<(typeof FIELD_RULES)[number], number>> = {}
  for (const rule of FIELD_RULES) {
    const bound = json[rule]
    if (bound === undefined) continue
    if (typeof bound !== 'number')
      throw invalid(scope.source, `field ${json.name}: ${rule} is no number`)
    rules[rule] = bound
  }
  const pii = json.pii === undefined ? 'plain' : parseFieldClass(json.pii)
  if (pii === undefined)
    throw invalid(scope.source, `field ${json.name}: pii is none of ${FIELD_CLASSES.join(', ')}`)
  const relations = parseRelationRules(json)
  if (typeof relations === 'string') throw invalid(scope.source, relations)
  return {
    name: json.name,
    aliases: isStringList(json.aliases) ? json.aliases : [],
    type: parseNode(json.type, scope),
    doc: typeof json.doc === 'string' ? json.doc : '',
    hasDefault: 'default' in json,
    default: json.default,
    rules: { ...rules, ...relations },
    ...(pii === 'plain' ? {} : { pii }),
  }
}

function define(json: JsonObject, scope: Scope, make: (name: string) => AvroNode): AvroNode {
  if (typeof json.name !== 'string')
    throw invalid(scope.source, `has a ${json.type} without a name`)
  const node = make(json.name)
  const namespace = typeof json.namespace === 'string' ? json.namespace : scope.namespace
  scope.named.set(fullName(json.name, namespace), node)
  return node
}

/** The name with its namespace; a name with a dot has one already. */
export function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

function invalid(source: string, problem: string, cause?: unknown): CcsError {
  return new CcsError('CCS_SCHEMA_INVALID', `${source} ${problem}.`, {
    hint: 'Schemas are Avro records: https://avro.apache.org/docs/1.12.0/specification/',
    cause,
  })
}
