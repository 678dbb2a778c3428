/**
 * Converts values of ksqlDB's answers to the JSON of docs/json-output.md, by the types that the
 * answer names: DECIMAL as text, whole numbers as numbers while a double holds them exactly, times
 * as ISO 8601 in UTC.
 */
import { isObject } from '../../../domain/kernel/json.ts'

type ValueConverter = (value: unknown) => unknown

/**
 * Returns the converter of a type such as `DECIMAL(18, 2)` or `ARRAY<STRUCT<…>>`; values of unknown
 * types stay as they are.
 */
export function createConverter(type: string): ValueConverter {
  const plain = createNotNullConverter(type.trim())
  return (value) => (value === null || value === undefined ? null : plain(value))
}

function createNotNullConverter(type: string): ValueConverter {
  const { word, inner } = splitType(type)
  switch (word) {
    case 'DECIMAL': {
      const scale = Number(inner[1] ?? 0)
      return (value) => (typeof value === 'number' ? value.toFixed(scale) : String(value))
    }
    case 'DOUBLE':
      // The JSON parser keeps long numbers as text, in case they are exact; a DOUBLE is not.
      return (value) => (typeof value === 'string' ? Number(value) : value)
    case 'INTEGER':
    case 'INT':
    case 'BIGINT':
      return (value) => {
        const number = Number(value)
        return Number.isSafeInteger(number) ? number : String(value)
      }
    case 'TIMESTAMP':
      return convertTime
    case 'ARRAY': {
      const item = createConverter(inner[0] ?? '')
      return (value) => (Array.isArray(value) ? value.map(item) : value)
    }
    case 'MAP': {
      const item = createConverter(inner[1] ?? '')
      return (value) =>
        isObject(value)
          ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, item(one)]))
          : value
    }
    case 'STRUCT': {
      const fields = new Map(inner.map(parseField))
      return (value) =>
        isObject(value)
          ? Object.fromEntries(
              Object.entries(value).map(([key, one]) => [key, (fields.get(key) ?? keepAsIs)(one)]),
            )
          : value
    }
    default:
      return keepAsIs
  }
}

const keepAsIs: ValueConverter = (value) => value

/** `2026-11-22T10:00:00.000` is in UTC; inside arrays and structs it may be milliseconds. */
const convertTime: ValueConverter = (value) => {
  if (typeof value === 'number' && Math.abs(value) <= 8.64e15) return new Date(value).toISOString()
  if (typeof value === 'string' && /^\d{4,}-\d\d-\d\dT[\d:.]+$/.test(value)) return `${value}Z`
  return value
}

function parseField(text: string): readonly [string, ValueConverter] {
  const found = /^\s*(?:`((?:[^`]|``)*)`|(\S+))\s+([\s\S]+)$/.exec(text)
  const name = found?.[1]?.replaceAll('``', '`') ?? found?.[2] ?? ''
  return [name, createConverter(found?.[3] ?? '')]
}

/** `MAP<STRING, INT>` → MAP and its parts, split at the outermost commas. */
function splitType(type: string): { readonly word: string; readonly inner: readonly string[] } {
  const at = type.search(/[<(]/)
  if (at < 0) return { word: type, inner: [] }
  const inner: string[] = []
  let open = ''
  let depth = 0
  for (const char of type.slice(at + 1, -1)) {
    if (char === '<' || char === '(') depth++
    if (char === '>' || char === ')') depth--
    if (char === ',' && depth === 0) {
      inner.push(open)
      open = ''
    } else open += char
  }
  return { word: type.slice(0, at), inner: [...inner, open] }
}

/** Lists the names of a type's struct fields, at any depth. */
export function listFieldNames(type: string): readonly string[] {
  const { word, inner } = splitType(type)
  if (word !== 'STRUCT') return inner.flatMap(listFieldNames)
  return inner.flatMap((one) => {
    const found = /^\s*(?:`((?:[^`]|``)*)`|(\S+))\s+([\s\S]+)$/.exec(one)
    return found ? [found[1] ?? found[2] ?? '', ...listFieldNames(found[3] ?? '')] : []
  })
}
