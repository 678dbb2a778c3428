/**
 * JSON in which each value knows where it stands, so that a fault of a schema or a connector can be shown in
 * its file. JSON.parse judges the text; the places come from a second, plain walk over what is then known to be JSON.
 */
import { CcsError, type ErrorCode, EXIT, type Location } from '../kernel/errors.ts'

export type JsonNode =
  | { readonly is: 'object'; readonly at: number; readonly entries: ReadonlyMap<string, JsonNode> }
  | { readonly is: 'array'; readonly at: number; readonly items: readonly JsonNode[] }
  | { readonly is: 'scalar'; readonly at: number; readonly value: string | number | boolean | null }

/** A file's text under the name that it is shown by. */
export interface NamedText {
  readonly file: string
  readonly text: string
}

/** Throws `code` with the place of a syntax error. */
export function parseLocatedJson(
  source: NamedText,
  code: ErrorCode = 'CCS_SCHEMA_INVALID',
): JsonNode {
  try {
    JSON.parse(source.text)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new CcsError(code, `${source.file} is not JSON.`, {
      exit: EXIT.usage,
      location: locateOffset(source, faultAt(source.text)),
      hint: `${message.replace(/(,[^,]*".*| in JSON.*)$/s, '')} here.`,
      cause,
    })
  }
  return read({ text: source.text, at: 0 })
}

/** Where a text stops being JSON: V8 does not always say. The end, when only something is missing there. */
function faultAt(text: string): number {
  let [good, bad] = [0, text.length + 1]
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (couldGoOn(text.slice(0, middle))) good = middle
    else bad = middle
  }
  return Math.min(good, text.length)
}

/** Whether more text could make JSON of this. */
function couldGoOn(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    const at = Number(/at position (\d+)/.exec(message)?.[1] ?? -1)
    return /end of JSON|Unterminated/.test(message) || at === text.length
  }
}

/** The place of a character (from 0) as file, line and column (from 1), with the line itself. */
export function locateOffset(source: NamedText, at: number): Location {
  const before = source.text.slice(0, at).split('\n')
  const line = before.length
  return {
    file: source.file,
    line,
    column: (before.at(-1)?.length ?? 0) + 1,
    text: (source.text.split('\n')[line - 1] ?? '').replace(/\r$/, ''),
  }
}

/** The plain value, as JSON.parse gives it. */
export function toPlainValue(place: JsonNode): unknown {
  switch (place.is) {
    case 'scalar':
      return place.value
    case 'array':
      return place.items.map(toPlainValue)
    case 'object':
      return Object.fromEntries([...place.entries].map(([key, one]) => [key, toPlainValue(one)]))
  }
}

interface Cursor {
  readonly text: string
  at: number
}

const SCALAR = /"(?:[^"\\]|\\.)*"|[-+.\w]+/y

function read(cursor: Cursor): JsonNode {
  skipBlanks(cursor)
  const at = cursor.at
  const first = cursor.text[at]
  if (first === '{') return { is: 'object', at, entries: readEntries(cursor) }
  if (first === '[') return { is: 'array', at, items: readItems(cursor) }
  return { is: 'scalar', at, value: readScalar(cursor) }
}

function readEntries(cursor: Cursor): Map<string, JsonNode> {
  const entries = new Map<string, JsonNode>()
  for (cursor.at++; !isClosed(cursor, '}'); ) {
    const key = readScalar(cursor)
    skipBlanks(cursor)
    cursor.at++ // the colon
    entries.set(String(key), read(cursor))
  }
  return entries
}

function readItems(cursor: Cursor): JsonNode[] {
  const items: JsonNode[] = []
  for (cursor.at++; !isClosed(cursor, ']'); ) items.push(read(cursor))
  return items
}

/** Moves over a comma, or over the bracket that ends the list. */
function isClosed(cursor: Cursor, bracket: string): boolean {
  skipBlanks(cursor)
  if (cursor.text[cursor.at] === ',') cursor.at++
  skipBlanks(cursor)
  if (cursor.text[cursor.at] !== bracket) return false
  cursor.at++
  return true
}

function readScalar(cursor: Cursor): string | number | boolean | null {
  SCALAR.lastIndex = cursor.at
  const text = SCALAR.exec(cursor.text)?.[0] ?? 'null'
  cursor.at += text.length
  // One scalar of a text that JSON.parse has already read.
  return JSON.parse(text) as string | number | boolean | null
}

function skipBlanks(cursor: Cursor): void {
  while (' \t\n\r'.includes(cursor.text[cursor.at] ?? 'x')) cursor.at++
}
