/** Types and values of schemas in words, as findings and differences show them. */
import { type SchemaType, shortName } from './tree.ts'

const SYMBOLS_MAX = 4

/** `null or string`, `decimal(18, 2)`, `array of Item`, `enum Device`. */
export function describeType(type: SchemaType): string {
  switch (type.is) {
    case 'union':
      return type.branches.length === 0 ? 'nothing' : type.branches.map(describeType).join(' or ')
    case 'array':
      return `array of ${inParts(type.items)}`
    case 'map':
      return `map of ${inParts(type.values)}`
    case 'record':
      return `record ${shortName(type.name)}`
    case 'enum':
      return `enum ${shortName(type.name)}`
    case 'fixed':
      return `fixed ${shortName(type.name)} of ${type.size} bytes${logicalWords(type.logical)}`
    default:
      return `${type.is}${logicalWords(type.logical)}`
  }
}

/** `a, b, c and 9 more`. */
export function joinNames(names: readonly string[], most = SYMBOLS_MAX): string {
  const more = names.length - most
  return more > 1 ? `${names.slice(0, most).join(', ')} and ${more} more` : names.join(', ')
}

export function describeValue(value: unknown): string {
  const text = JSON.stringify(value) ?? 'none'
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

function inParts(type: SchemaType): string {
  return type.is === 'union' ? `(${describeType(type)})` : describeType(type)
}

function logicalWords(
  logical: { name: string; precision?: number; scale?: number } | undefined,
): string {
  if (logical === undefined) return ''
  const { name, precision, scale } = logical
  return name === 'decimal' ? ` decimal(${precision}, ${scale})` : ` ${name}`
}
