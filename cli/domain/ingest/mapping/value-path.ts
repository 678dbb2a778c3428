/**
 * Where a value is in a row: a column of a CSV file, or a path into a JSON object such as
 * `user.id`, `items[0].sku` or `event_params[key=page_location].value.string_value`. A path goes on
 * into text that is itself a JSON object or list, as warehouses export such columns. A path with
 * `[]`, such as `discounts[].amount`, has the values of all entries of a list.
 */

import { parseJsonExactly } from '../../documents/json-lines.ts'
import { RowFault, type RowValues } from '../../documents/source-row.ts'
import { appendAll } from '../../kernel/lists.ts'

/** Reads a value from a row; undefined if the row has none there. May return a RowFault. */
export type Getter = (row: RowValues) => unknown

type PathStep =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'match'; readonly key: string; readonly value: string }
  | { readonly kind: 'every' }

const STEP = /([^.[\]]+)|\[(\d*)\]|\[([^[\]=]+)=([^[\]]*)\]/y

/** Whether a path has the values of all entries of a list. */
export function hasEveryEntry(path: string): boolean {
  return path.includes('[]')
}

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
    else if (index === '') steps.push({ kind: 'every' })
    else if (index !== undefined) steps.push({ kind: 'index', index: Number(index) })
    else steps.push({ kind: 'match', key: matchKey ?? '', value: matchValue ?? '' })
    at += whole.length
  }
  return steps.length > 0 ? steps : undefined
}

/**
 * Returns the column that a path begins with, the longest if there are several; undefined if the
 * header has none. The column may have the whole path as its name.
 */
export function findColumn(columns: readonly string[], path: string): string | undefined {
  if (columns.includes(path)) return path
  let longest: string | undefined
  for (const column of columns) {
    const isLonger = column.length > (longest?.length ?? 0)
    if (isLonger && path.startsWith(column) && isPathEnd(path, column.length)) longest = column
  }
  return longest
}

function isPathEnd(path: string, at: number): boolean {
  return /^[.[]/.test(path.slice(at)) && parsePath(path.slice(at).replace(/^\./, '')) !== undefined
}

/** Returns a getter for a CSV column or a path into it; undefined if the header doesn't have it. */
export function createColumnGetter(columns: readonly string[], path: string): Getter | undefined {
  const column = findColumn(columns, path)
  if (column === undefined) return undefined
  const index = columns.indexOf(column)
  // CSV rows are arrays: a reader that has columns returns values in their order.
  if (column === path) return (row) => (row as readonly string[])[index]
  const steps = parsePath(path.slice(column.length).replace(/^\./, '')) ?? []
  return (row) => follow((row as readonly string[])[index], steps, path)
}

/** Returns a getter for a JSON path. A key that equals the whole path takes precedence. */
export function createPathGetter(path: string): Getter {
  const steps = parsePath(path) ?? []
  return (row) => {
    if (Object.hasOwn(row, path)) return (row as Readonly<Record<string, unknown>>)[path]
    return follow(row, steps, path)
  }
}

function follow(start: unknown, steps: readonly PathStep[], path: string): unknown {
  let value = start
  for (const [i, step] of steps.entries()) {
    if (typeof value === 'string') value = readJsonText(value)
    if (value === undefined || value === null) return undefined
    if (value === INVALID)
      return new RowFault('invalid_json', `the JSON text that ${path} goes into is not valid`)
    if (step.kind === 'every') return followEvery(value, steps.slice(i + 1), path)
    value = stepInto(value, step)
  }
  return value ?? undefined
}

/**
 * Returns the values that the rest of a path has in the entries of a list, undefined if there is
 * none. `[key=value]` at the start of the rest chooses among the entries.
 */
function followEvery(list: unknown, steps: readonly PathStep[], path: string): unknown {
  if (!Array.isArray(list)) return undefined
  const [first, ...others] = steps
  if (first?.kind === 'match')
    return followEvery(
      list.filter((each: unknown) => matches(each, first)),
      others,
      path,
    )
  const values: unknown[] = []
  for (const entry of list) {
    const value = follow(entry, steps, path)
    if (value instanceof RowFault) return value
    if (Array.isArray(value)) appendAll(values, value)
    else if (value !== undefined) values.push(value)
  }
  return values.length > 0 ? values : undefined
}

const INVALID = Symbol('invalid JSON')

/** Parsed texts of the last few values: several fields usually read one text. */
const parsed = new Map<string, unknown>()
const PARSED_MAX = 8

/** Returns what a text says if it begins as a JSON object or list does, otherwise undefined. */
function readJsonText(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined
  if (parsed.has(text)) return parsed.get(text)
  let value: unknown
  try {
    value = parseJsonExactly(text)
  } catch {
    value = INVALID
  }
  if (parsed.size >= PARSED_MAX) parsed.clear()
  parsed.set(text, value)
  return value
}

function stepInto(value: unknown, step: PathStep): unknown {
  if (typeof value !== 'object' || value === null || step.kind === 'every') return undefined
  if (step.kind === 'index') return Array.isArray(value) ? value[step.index] : undefined
  if (step.kind === 'key') return ownValue(value, step.key)
  if (!Array.isArray(value)) return undefined
  return value.find((each: unknown) => matches(each, step))
}

/** Whether an entry of a list is an object that has this value; '' is no value. */
function matches(entry: unknown, { key, value }: { key: string; value: string }): boolean {
  if (typeof entry !== 'object' || entry === null) return false
  const found = ownValue(entry, key) ?? ''
  return typeof found !== 'object' && String(found) === value
}

function ownValue(object: object, key: string): unknown {
  // hasOwn has found the key; keys such as __proto__ are data like any other.
  return Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined
}
