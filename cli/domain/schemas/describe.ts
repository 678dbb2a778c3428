/** Types and values of schemas as findings and differences show them. */
import { type SchemaType, shortName } from './tree.ts'

const SYMBOLS_MAX = 4

/** A type as `null or string`, `bytes decimal(18, 2)`, `array of Item` or `enum Device`. */
export function describeType(type: SchemaType): string {
  switch (type.is) {
    case 'union':
      return type.branches.length === 0 ? 'nothing' : type.branches.map(describeType).join(' or ')
    case 'array':
      return `array of ${describeInner(type.items)}`
    case 'map':
      return `map of ${describeInner(type.values)}`
    case 'record':
      return `record ${shortName(type.name)}`
    case 'enum':
      return `enum ${shortName(type.name)}`
    case 'fixed':
      return `fixed ${shortName(type.name)} of ${type.size} bytes${describeLogical(type.logical)}`
    default:
      return `${type.is}${describeLogical(type.logical)}`
  }
}

/** Names as `a, b, c, d and 9 more`: at most `most` of them, and never "and 1 more". */
export function joinNames(names: readonly string[], most = SYMBOLS_MAX): string {
  const more = names.length - most
  return more > 1 ? `${names.slice(0, most).join(', ')} and ${more} more` : names.join(', ')
}

/** A value as JSON, cut after 60 characters. */
export function describeValue(value: unknown): string {
  const text = JSON.stringify(value) ?? 'none'
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

function describeInner(type: SchemaType): string {
  return type.is === 'union' ? `(${describeType(type)})` : describeType(type)
}

function describeLogical(
  logical: { name: string; precision?: number; scale?: number } | undefined,
): string {
  if (logical === undefined) return ''
  const { name, precision, scale } = logical
  return name === 'decimal' ? ` decimal(${precision}, ${scale})` : ` ${name}`
}
