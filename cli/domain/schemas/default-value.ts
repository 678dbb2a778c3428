/** Whether the default of a field is a value of its type. */
import { isObject } from '../kernel/json.ts'
import type { SchemaType } from './tree.ts'

/**
 * Whether a default from JSON is a value of the type; for a union, of any of its branches (Avro
 * 1.12).
 */
export function isValidDefault(type: SchemaType, value: unknown): boolean {
  switch (type.is) {
    case 'null':
      return value === null
    case 'boolean':
      return typeof value === 'boolean'
    case 'int':
      return Number.isInteger(value) && Number(value) === (Number(value) | 0)
    case 'long':
      return Number.isInteger(value)
    case 'float':
    case 'double':
      return typeof value === 'number'
    case 'string':
      return typeof value === 'string'
    case 'bytes':
      return isBinary(value)
    case 'fixed':
      return isBinary(value) && String(value).length === type.size
    case 'enum':
      return type.symbols.includes(String(value))
    case 'array':
      return Array.isArray(value) && value.every((one) => isValidDefault(type.items, one))
    case 'map':
      return (
        isObject(value) && Object.values(value).every((one) => isValidDefault(type.values, one))
      )
    case 'union':
      return type.branches.some((branch) => isValidDefault(branch, value))
    case 'record':
      return (
        isObject(value) &&
        type.fields.every((one) =>
          one.name in value ? isValidDefault(one.type, value[one.name]) : one.hasDefault,
        )
      )
  }
}

function isBinary(value: unknown): boolean {
  return typeof value === 'string' && [...value].every((one) => (one.codePointAt(0) ?? 0) < 256)
}
