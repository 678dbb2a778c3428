/**
 * The contract of events.raw as a mapping sees it: the fields, their kinds, and which are required.
 * Derived from the Avro schema, so that a new field can be mapped at once.
 */
import { type AvroField, type AvroNode, isPrimitive, type RecordNode } from '../../avro/schema.ts'

/**
 * How a field's text is converted; `money` are the longs whose name ends in `_minor`, `path` is the
 * path of a page.
 */
export type FieldKind =
  | 'string'
  | 'currency'
  | 'path'
  | 'uuid'
  | 'enum'
  | 'time'
  | 'money'
  | 'long'
  | 'int'
  | 'boolean'
  | 'items'

/** One field that a mapping can fill. */
export interface ContractField {
  readonly name: string
  readonly kind: FieldKind
  /** For kind enum: the allowed values. */
  readonly symbols: readonly string[]
  /** Whether the field is neither nullable nor has a default. */
  readonly isRequired: boolean
  /** The value where nothing is mapped: the schema's default, else null. */
  readonly fallback: unknown
  /** For kind items: the fields of an order line. */
  readonly fields: readonly ContractField[]
  /** For kind items: how many there may be; undefined if the schema doesn't say. */
  readonly maxItems?: number | undefined
}

/** The fields of an event, and what each event type requires. */
export interface EventContract {
  readonly fields: readonly ContractField[]
  /** Event type → fields that it requires in addition; `a|b` means one of them. */
  readonly requires: ReadonlyMap<string, readonly string[]>
}

/** Derives from the schema of events.raw what a mapping can fill. */
export function readContract(schema: RecordNode): EventContract {
  return {
    fields: schema.fields.map(readField),
    requires: new Map(Object.entries(schema.requires)),
  }
}

function readField(field: AvroField): ContractField {
  const branches = field.type.kind === 'union' ? field.type.branches : [field.type]
  const type = branches.find((branch) => branch.kind !== 'null') ?? field.type
  const lines = type.kind === 'array' ? type.items : undefined
  return {
    name: field.name,
    kind: readKind(field, type),
    symbols: type.kind === 'enum' ? type.symbols : [],
    isRequired: !field.hasDefault && branches.every((branch) => branch.kind !== 'null'),
    fallback: field.hasDefault ? field.default : null,
    fields: lines?.kind === 'record' ? lines.fields.map(readField) : [],
    maxItems: field.rules.maxItems,
  }
}

function readKind({ name, rules }: AvroField, type: AvroNode): FieldKind {
  if (rules.format === 'currency') return 'currency'
  if (isPrimitive(type) && type.logical === 'uuid') return 'uuid'
  if (isPrimitive(type) && type.logical === 'timestamp-millis') return 'time'
  switch (type.kind) {
    case 'array':
      return 'items'
    case 'enum':
    case 'int':
    case 'boolean':
      return type.kind
    case 'long':
      return name.endsWith('_minor') ? 'money' : 'long'
    default:
      return name === 'page' ? 'path' : 'string'
  }
}

/** An amount that a mapping can give beside the contract's fields. */
export function createAmountField(name: string): ContractField {
  return { name, kind: 'money', symbols: [], isRequired: false, fallback: null, fields: [] }
}
