/**
 * Values of ksqlDB's answers in the shapes of docs/json-output.md, by the types that the answer itself names: exact
 * numbers as text, whole numbers as numbers while they are safe, times as ISO 8601 in UTC.
 */
import { isObject } from '../../../domain/kernel/json.ts'

type Shape = (value: unknown) => unknown

/** For `DECIMAL(18, 2)`, `ARRAY<STRUCT<`price` DECIMAL(18, 2)>>` and so on; unknown types pass their values as they are. */
export function shapeOf(type: string): Shape {
  const plain = plainShape(type.trim())
  return (value) => (value === null || value === undefined ? null : plain(value))
}

function plainShape(type: string): Shape {
  const { word, inner } = outermost(type)
  switch (word) {
    case 'DECIMAL': {
      const scale = Number(inner[1] ?? 0)
      return (value) => (typeof value === 'number' ? value.toFixed(scale) : String(value))
    }
    case 'DOUBLE':
      // A long one came as text, lest anybody rounds what is exact: this is not.
      return (value) => (typeof value === 'string' ? Number(value) : value)
    case 'INTEGER':
    case 'INT':
    case 'BIGINT':
      return (value) => {
        const number = Number(value)
        return Number.isSafeInteger(number) ? number : String(value)
      }
    case 'TIMESTAMP':
      return timeShape
    case 'ARRAY': {
      const item = shapeOf(inner[0] ?? '')
      return (value) => (Array.isArray(value) ? value.map(item) : value)
    }
    case 'MAP': {
      const item = shapeOf(inner[1] ?? '')
      return (value) =>
        isObject(value)
          ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, item(one)]))
          : value
    }
    case 'STRUCT': {
      const fields = new Map(inner.map(fieldOf))
      return (value) =>
        isObject(value)
          ? Object.fromEntries(
              Object.entries(value).map(([key, one]) => [key, (fields.get(key) ?? asIs)(one)]),
            )
          : value
    }
    default:
      return asIs
  }
}

const asIs: Shape = (value) => value

/** `2026-11-22T10:00:00.000` is in UTC without saying so; inside others it may be milliseconds. */
const timeShape: Shape = (value) => {
  if (typeof value === 'number' && Math.abs(value) <= 8.64e15) return new Date(value).toISOString()
  if (typeof value === 'string' && /^\d{4,}-\d\d-\d\dT[\d:.]+$/.test(value)) return `${value}Z`
  return value
}

function fieldOf(text: string): readonly [string, Shape] {
  const found = /^\s*(?:`((?:[^`]|``)*)`|(\S+))\s+([\s\S]+)$/.exec(text)
  const name = found?.[1]?.replaceAll('``', '`') ?? found?.[2] ?? ''
  return [name, shapeOf(found?.[3] ?? '')]
}

/** `MAP<STRING, INT>` → MAP with its parts; commas within parts stay. */
function outermost(type: string): { readonly word: string; readonly inner: readonly string[] } {
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

/** Names of fields in a type, at any depth. */
export function fieldNames(type: string): readonly string[] {
  const { word, inner } = outermost(type)
  if (word !== 'STRUCT') return inner.flatMap(fieldNames)
  return inner.flatMap((one) => {
    const found = /^\s*(?:`((?:[^`]|``)*)`|(\S+))\s+([\s\S]+)$/.exec(one)
    return found ? [found[1] ?? found[2] ?? '', ...fieldNames(found[3] ?? '')] : []
  })
}
