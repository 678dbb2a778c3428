/**
 * NDJSON: one JSON object per line. Numbers with more digits than a double can hold are kept as
 * text, so that long ids and exact amounts do not change.
 */
import { isUtf8 } from 'node:buffer'
import { isObject } from '../kernel/json.ts'
import type { RowScanner } from './row-splitter.ts'
import { RowFault, type RowValues } from './source-row.ts'

/** Scanner for RowSplitter. The values of a row are the object on its line. */
export const scanJsonLine: RowScanner = (buffer, at, lineEnd) => ({
  next: lineEnd + 1,
  lines: 1,
  values: parseRow(buffer.subarray(at, lineEnd)),
})

function parseRow(bytes: Buffer): RowValues | RowFault {
  const text = bytes.toString('utf8')
  if (!isUtf8(bytes))
    return new RowFault('invalid_json', 'the line is not UTF-8', readJsonStart(text))
  let value: unknown
  try {
    value = parseJsonExactly(text)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return new RowFault('invalid_json', message, readJsonStart(text))
  }
  return isObject(value) ? value : new RowFault('wrong_type', 'the line is not a JSON object')
}

const TOKEN = /\s*(?:("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null)|([{[])|([}\]])|([,:]))/y

/** Returns the members of an object up to where its text is cut off or not JSON. */
function readJsonStart(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = parseJsonExactly(closeJson(text))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const DEPTH_MAX = 64

/** Ends the text after its last whole value, so that it is JSON. */
function closeJson(text: string): string {
  const closers: string[] = []
  let closed = ''
  let isValue = false
  TOKEN.lastIndex = 0
  for (let token = TOKEN.exec(text); token; token = TOKEN.exec(text)) {
    const [, scalar, opener, closer, mark] = token
    // After a value comes a mark or an end; after everything else, a value or an end.
    if (mark !== undefined ? !isValue : isValue && closer === undefined) break
    if (opener !== undefined) closers.push(opener === '{' ? '}' : ']')
    if (closers.length > DEPTH_MAX || (closer !== undefined && closers.pop() !== closer)) break
    const end = TOKEN.lastIndex - (mark === ',' ? 1 : 0)
    if (mark === ',' || closer !== undefined)
      closed = text.slice(0, end) + closers.toReversed().join('')
    isValue = scalar !== undefined || closer !== undefined
  }
  return closed
}

const LONG_NUMBER = /[\d.]{16}|\d[eE]/
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.]*(?:[eE][+-]?\d+)?/g

/** As JSON.parse, but a number of 16 characters or more, or with an exponent, becomes a string. */
export function parseJsonExactly(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if (!LONG_NUMBER.test(text)) return value
  return JSON.parse(
    text.replace(STRING_OR_NUMBER, (token) =>
      token[0] !== '"' && LONG_NUMBER.test(token) ? `"${token}"` : token,
    ),
  )
}
