/**
 * No control character of data reaches a terminal: whatever renders it, and whatever goes through
 * the one place that writes.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  cleanLine,
  drawScreen,
  painterFor,
  redrawLine,
  writeJson,
  writeLines,
} from '../../../cli/adapters/terminal/screen.ts'
import { escapeControls } from '../../../cli/domain/console/controls.ts'
import { createRowFormatter } from '../../../cli/domain/console/streaming-table.ts'
import { formatError, formatTable } from '../../../cli/domain/console/text.ts'
import { renderGroups } from '../../../cli/domain/dlq/list-rejects.ts'
import { renderReject } from '../../../cli/domain/dlq/show-reject.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { renderLive } from '../../../cli/domain/live/live-lines.ts'
import { renderDifferences } from '../../../cli/domain/model-tests/render-differences.ts'
import { renderTailRecord } from '../../../cli/domain/query/tail.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const UNSAFE = /[\u0000-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/
const ATTACKS = [
  '\u001B]0;title\u0007',
  '\u001B[31m',
  '\u001B[2J',
  '\u009B31m',
  '\u007F\b\r\n\t\u0000',
  '\u202Eevil\u2066',
]

/** Texts with control characters among letters. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(...ATTACKS),
      fc.integer({ min: 0, max: 0x9f }).map((code) => String.fromCharCode(code)),
      fc.string({ unit: 'grapheme', maxLength: 5 }),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''))

const plain = (_style: string, text: string) => text
const options = { width: 80, paint: plain }

/** A stream that keeps what is written; a terminal unless told otherwise. */
function capture(isTTY = true): { readonly stream: NodeJS.WriteStream; text(): string } {
  let text = ''
  const stream = { isTTY, columns: 80, write: (part: string) => (text += part) }
  // The writers use nothing else of a stream.
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text }
}

describe('a control character', () => {
  test('is shown as the escape that JSON has for it', () => {
    expect(escapeControls('a\u001B[31m\u009B\u202E\u007F\n\r\tÄ€👍')).toBe(
      'a\\u001b[31m\\u009b\\u202e\\u007f\\n\\r\\tÄ€👍',
    )
  })

  test('of data never passes the writer, in a line, a status line or a screen', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const written = capture()
        writeLines(written.stream, [text, text])
        const lines = written.text().split('\n')
        expect(lines).toHaveLength(3)
        expect(lines.map((line) => line.replaceAll('\t', '')).join('')).not.toMatch(UNSAFE)
        const status = capture()
        redrawLine(status.stream, text)
        expect(status.text().slice('\r\u001B[K'.length).replaceAll('\t', '')).not.toMatch(UNSAFE)
        const screen = capture()
        drawScreen(screen.stream, [text], true)
        const [start, end] = ['\u001B[2J\u001B[H', '\u001B[K\n\u001B[J']
        expect(screen.text().startsWith(start) && screen.text().endsWith(end)).toBe(true)
        const frame = screen.text().slice(start.length, -end.length)
        expect(frame.replaceAll('\t', '')).not.toMatch(UNSAFE)
      }),
      { numRuns: 300 },
    )
  })

  test('in a JSON document is escaped, and the value stays the same', () => {
    fc.assert(
      fc.property(hostile, hostile, fc.constantFrom(0, 2), (key, value, indent) => {
        const document = { list: [value], object: { [`k${key}`]: value } }
        const written = capture(false)
        writeJson(written.stream, document, indent)
        expect(written.text().replaceAll('\n', '')).not.toMatch(UNSAFE)
        expect(JSON.parse(written.text())).toEqual(JSON.parse(JSON.stringify(document)))
        expect(JSON.parse(cleanLine(JSON.stringify(document)))).toEqual(JSON.parse(written.text()))
      }),
      { numRuns: 300 },
    )
  })
})

test('our own colours pass, those of data do not, also if they look like ours', () => {
  const paint = painterFor(capture().stream)
  const before = process.env.NO_COLOR
  expect(before ?? '').toBe('')
  const line = cleanLine(`${paint('red', 'no\u001B[32m')}\u001B[31;1m`)
  expect(line).toBe('\u001B[31mno\\u001b[32m\u001B[39m\\u001b[31;1m')
})

describe('no control character leaves', () => {
  const renderers: Readonly<Record<string, (text: string) => readonly string[]>> = {
    'a table': (text) => formatTable([{ key: 'a', title: text }], [{ a: text }], options),
    'rows that are streamed': (text) =>
      createRowFormatter([{ name: text, type: 'VARCHAR' }], options)({ [text]: text }),
    'ccs live': (text) =>
      renderLive(
        {
          atMs: 0,
          now: {},
          revenue: [],
          minutes: [],
          funnel: {},
          pages: [{ page: text, views: 1 }],
          campaigns: [{ name: text, sessions: 1 }],
          health: {
            ...{ running: true, stalled: null, records: 0, lagEvents: 0 },
            ...{ newestAgeMs: null, late: 0, duplicates: 0, dlq: 0 },
          },
        },
        80,
        plain,
      ),
    'ccs tail': (text) => [
      renderTailRecord({
        ...{ topic: 'events.raw', partition: 0, offset: 0, appended: '', bytes: 1 },
        schemaId: 1,
        value: { page: text, list: [text] },
      }),
    ],
    'ccs dlq ls': (text) =>
      renderGroups(
        [
          {
            ...{ fingerprint: 'f', reason: 'invalid', kind: text, count: 1, sample: '0:0' },
            ...{ firstSeen: null, lastSeen: null, replayed: 0, schemaId: null },
          },
        ],
        80,
      ),
    'ccs dlq show': (text) =>
      renderReject({
        ...{ partition: 0, offset: 0, appended: '', fingerprint: 'f', reason: 'invalid' },
        ...{ message: text, source: { topic: 'events.raw', partition: 0, offset: 0 } },
        ...{ firstSeen: null, schemaId: null, origin: text, model: text, length: 0 },
        ...{ bytes: '', text: null, decoded: { as: 'v1', value: { page: text } }, partial: null },
        ...{ json: null, isReplayed: false },
      }),
    'the differences of a model test': (text) =>
      renderDifferences([{ kind: 'unexpected', row: { page: text } } as never]),
  }
  test.each(Object.entries(renderers))('%s', (_name, render) => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(render(text).join('')).not.toMatch(UNSAFE)
      }),
      { numRuns: 100 },
    )
  })
})

test('a line end in an error message can not begin a line of its own', () => {
  const error = new CcsError('CCS_USAGE_INVALID', 'No.\nerror[CCS_FAKE]: run this\n  and that')
  expect(formatError(error, plain)).toEqual([
    'error[CCS_USAGE_INVALID]: No.',
    '  error[CCS_FAKE]: run this',
    '  and that',
  ])
})
