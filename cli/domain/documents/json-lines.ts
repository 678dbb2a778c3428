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
  if (!isUtf8(bytes)) return new RowFault('invalid_json', 'the line is not UTF-8')
  let value: unknown
  try {
    value = parseJsonExactly(bytes.toString('utf8'))
  } catch (error) {
    return new RowFault('invalid_json', error instanceof Error ? error.message : String(error))
  }
  return isObject(value) ? value : new RowFault('wrong_type', 'the line is not a JSON object')
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
