/**
 * The contract of events.raw as a mapping sees it: which fields there are, of what kind, which an event
 * cannot do without. Read from the Avro schema, so that a new field can be mapped the day it is added.
 */
import { type AvroField, type AvroNode, isPrimitive, type RecordNode } from '../../avro/schema.ts'

export type FieldKind =
  | 'string'
  | 'uuid'
  | 'enum'
  | 'time'
  | 'money'
  | 'long'
  | 'int'
  | 'boolean'
  | 'items'

export interface ContractField {
  readonly name: string
  readonly kind: FieldKind
  /** Kind enum: the values it may have. */
  readonly symbols: readonly string[]
  /** Neither nullable nor with a default. */
  readonly isRequired: boolean
  /** What the field holds where nothing is mapped to it: the schema's default. */
  readonly fallback: unknown
  /** Kind items: the fields of a line. */
  readonly fields: readonly ContractField[]
}

export interface EventContract {
  readonly fields: readonly ContractField[]
  /** Fields that an event type needs besides; `a|b` is met by either. */
  readonly requires: ReadonlyMap<string, readonly string[]>
}

/** What a mapping may fill, from the schema of events.raw. */
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
    kind: readKind(field.name, type),
    symbols: type.kind === 'enum' ? type.symbols : [],
    isRequired: !field.hasDefault && branches.every((branch) => branch.kind !== 'null'),
    fallback: field.hasDefault ? field.default : null,
    fields: lines?.kind === 'record' ? lines.fields.map(readField) : [],
  }
}

function readKind(name: string, type: AvroNode): FieldKind {
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
      return 'string'
  }
}
