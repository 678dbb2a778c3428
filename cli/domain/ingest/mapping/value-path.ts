/**
 * Where a value is in a row: a column of a CSV file, or a path into a JSON object such as
 * `user.id`, `items[0].sku` or `event_params[key=page_location].value.string_value`.
 */
import type { RowValues } from '../../documents/source-row.ts'

/** Reads a value from a row; undefined if the row has none there. */
export type Getter = (row: RowValues) => unknown

type PathStep =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'match'; readonly key: string; readonly value: string }

const STEP = /([^.[\]]+)|\[(\d+)\]|\[([^[\]=]+)=([^[\]]*)\]/y

/** Returns the steps of a path; undefined if the text is not a path. */
export function parsePath(path: string): readonly PathStep[] | undefined {
  const steps: PathStep[] = []
  let at = 0
  while (at < path.length) {
    if (path[at] === '.' && at > 0) at++
    STEP.lastIndex = at
    const found = STEP.exec(path)
    if (found === null) return undefined
    const [whole, key, index, matchKey, matchValue] = found
    if (key !== undefined) steps.push({ kind: 'key', key })
    else if (index !== undefined) steps.push({ kind: 'index', index: Number(index) })
    else steps.push({ kind: 'match', key: matchKey ?? '', value: matchValue ?? '' })
    at += whole.length
  }
  return steps.length > 0 ? steps : undefined
}

/** Returns a getter for a CSV column; undefined if the header doesn't have it. */
export function createColumnGetter(columns: readonly string[], name: string): Getter | undefined {
  const index = columns.indexOf(name)
  if (index < 0) return undefined
  // CSV rows are arrays: a reader that has columns returns values in their order.
  return (row) => (row as readonly string[])[index]
}

/** Returns a getter for a JSON path. A key that equals the whole path takes precedence. */
export function createPathGetter(path: string): Getter {
  const steps = parsePath(path) ?? []
  return (row) => {
    if (Object.hasOwn(row, path)) return (row as Readonly<Record<string, unknown>>)[path]
    let value: unknown = row
    for (const step of steps) {
      value = stepInto(value, step)
      if (value === undefined || value === null) return undefined
    }
    return value
  }
}

function stepInto(value: unknown, step: PathStep): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  if (step.kind === 'index') return Array.isArray(value) ? value[step.index] : undefined
  if (step.kind === 'key') return ownValue(value, step.key)
  if (!Array.isArray(value)) return undefined
  return value.find((each: unknown) => {
    const found = typeof each === 'object' && each !== null ? ownValue(each, step.key) : undefined
    return found !== undefined && typeof found !== 'object' && String(found) === step.value
  })
}

function ownValue(object: object, key: string): unknown {
  // hasOwn has found the key; keys such as __proto__ are data like any other.
  return Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined
}
