import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCsvScanner } from '../../../cli/domain/documents/csv.ts'
import { scanJsonLine } from '../../../cli/domain/documents/json-lines.ts'
import { RowSplitter } from '../../../cli/domain/documents/row-splitter.ts'
import {
  CSV_STYLE,
  type CsvStyle,
  ROW_BYTES_MAX,
  RowFault,
  type SourceRow,
} from '../../../cli/domain/documents/source-row.ts'

interface Seen {
  readonly line: number
  readonly raw: string
  readonly values: unknown
}

function read(text: string | Buffer, chunk = 1 << 20, style: CsvStyle = CSV_STYLE): Seen[] {
  return seen(text, chunk, new RowSplitter(createCsvScanner(style)))
}

function seen(text: string | Buffer, chunk: number, reader: RowSplitter): Seen[] {
  const bytes = Buffer.from(text)
  const rows: Seen[] = []
  const keep = (row: SourceRow) => {
    const values = row.values instanceof RowFault ? `${row.values.reason}` : row.values
    rows.push({ line: row.line, raw: Buffer.from(row.raw).toString('latin1'), values })
  }
  for (let at = 0; at < bytes.length; at += chunk)
    for (const row of reader.push(bytes.subarray(at, at + chunk))) keep(row)
  for (const row of reader.end()) keep(row)
  return rows
}

describe('CSV', () => {
  test('quoted fields may hold delimiters and line ends; line numbers stay right', () => {
    const text = 'a,"b,1","say ""hi"""\r\n"two\nlines",x,\r\nlast,,"é"'
    expect(read(text)).toEqual([
      { line: 1, raw: 'a,"b,1","say ""hi"""', values: ['a', 'b,1', 'say "hi"'] },
      { line: 2, raw: '"two\nlines",x,', values: ['two\nlines', 'x', ''] },
      { line: 4, raw: Buffer.from('last,,"é"').toString('latin1'), values: ['last', '', 'é'] },
    ])
  })

  test('fields are the same however the file is cut into chunks', () => {
    const field = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r\n', 'é', ' ') })
    const table = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 6 })
    fc.assert(
      fc.property(table, fc.integer({ min: 1, max: 9 }), (rows, chunk) => {
        const text = rows.map((row) => row.map(quoted).join(',')).join('\r\n')
        expect(read(text, chunk).map((row) => row.values)).toEqual(rows)
      }),
    )
  })

  test('raw rows and line numbers are those of the file', () => {
    const field = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', 'b') })
    fc.assert(
      fc.property(fc.array(field), fc.integer({ min: 1, max: 9 }), (parts, chunk) => {
        const text = parts.join('\n')
        const lines = text.split('\n')
        for (const row of read(text, chunk)) {
          const count = row.raw.split('\n').length
          expect(lines.slice(row.line - 1, row.line - 1 + count).join('\n')).toBe(row.raw)
        }
        // Only blank lines are dropped.
        expect(
          read(text, chunk)
            .map((row) => row.raw)
            .join('')
            .replaceAll('\n', ''),
        ).toBe(text.replaceAll('\n', ''))
      }),
    )
  })

  test('an unclosed quote is a fault of its own line only', () => {
    expect(read('a,"b\nc,d\ne,f\n').map((row) => [row.line, row.values])).toEqual([
      [1, 'undecodable'],
      [2, ['c', 'd']],
      [3, ['e', 'f']],
    ])
  })

  test('a quote that stays open for a megabyte counts as unclosed', () => {
    const rows = read(`x,"open\n${'a,b\n'.repeat(300_000)}`, 65_536)
    expect(rows.length).toBe(300_001)
    expect(rows.at(0)?.values).toBe('undecodable')
    expect(rows.at(-1)).toMatchObject({ line: 300_001, values: ['a', 'b'] })
  })

  test('text after a closed quote and bytes that are not UTF-8 are faults', () => {
    expect(read('"a"b,c\n').map((row) => row.values)).toEqual(['undecodable'])
    expect(read(Buffer.from([0x61, 0xff, 0x2c, 0x62])).map((row) => row.values)).toEqual([
      'undecodable',
    ])
  })

  test('windows-1252 and other delimiters can be chosen', () => {
    const style = { delimiter: ';', encoding: 'windows-1252' } as const
    expect(read(Buffer.from([0x80, 0x3b, 0x9f, 0xe9]), 10, style)[0]?.values).toEqual(['€', 'Ÿé'])
  })

  test('a row that is too long is rejected with its first bytes, and the next row is read', () => {
    const long = 'x'.repeat(ROW_BYTES_MAX + 5)
    const rows = read(`a,b\n${long}\nc,d\n`, 1 << 16)
    expect(rows.map((row) => [row.line, row.raw.length])).toEqual([
      [1, 3],
      [2, ROW_BYTES_MAX],
      [3, 3],
    ])
    expect(rows[1]?.values).toBe('too_large')
  })
})

describe('NDJSON', () => {
  const json = (text: string, chunk = 7) => seen(text, chunk, new RowSplitter(scanJsonLine))

  test('long numbers keep all their digits, as text', () => {
    expect(
      json('{"id":12345678901234567890,"price":0.1,"t":"1e5 and 12345678901234567"}'),
    ).toMatchObject([
      { values: { id: '12345678901234567890', price: 0.1, t: '1e5 and 12345678901234567' } },
    ])
  })

  test('blank lines are skipped; a line that is not a JSON object is a fault', () => {
    const rows = json('{"a":1}\n\n{"a":\n[1]\n{"a":"\\ud83d"}\n{"__proto__":{"x":1}}')
    expect(
      rows.map((row) => [row.line, typeof row.values === 'string' ? row.values : 'row']),
    ).toEqual([
      [1, 'row'],
      [3, 'invalid_json'],
      [4, 'wrong_type'],
      [5, 'row'],
      [6, 'row'],
    ])
  })

  test('a line nested 200,000 deep can be read', () => {
    const deep = `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
    expect(json(deep, 65_536).length).toBe(1)
  })
})

/** Quotes where they are needed, and for empty fields, so that no row is a blank line. */
function quoted(field: string): string {
  return /[",\r\n]/.test(field) || field === '' ? `"${field.replaceAll('"', '""')}"` : field
}
