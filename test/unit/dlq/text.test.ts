/** What `ccs tail` and `ccs dlq` print: kinds of rejects, hex dumps, references, lines. */
import { expect, test } from 'vitest'
import {
  decodeReadableText,
  formatHexDump,
  formatHexPrefix,
} from '../../../cli/domain/console/hex-dump.ts'
import { renderGroups } from '../../../cli/domain/dlq/list-rejects.ts'
import { generalizeMessage } from '../../../cli/domain/dlq/message-kind.ts'
import { parseRejectRef } from '../../../cli/domain/dlq/show-reject.ts'
import { toJsonValue } from '../../../cli/domain/log/decoded-record.ts'
import { renderTailRecord } from '../../../cli/domain/query/tail.ts'

test('rejects that differ only in values are of one kind', () => {
  const pairs = [
    [
      'It has 5000000 bytes; at most 1048576 are admitted.',
      'It has 7 bytes; at most 12 are admitted.',
    ],
    [
      'items[0].quantity is -1; the least allowed is 1.',
      'items[17].quantity is 0; the least allowed is 1.',
    ],
    [
      'It happened at 2255-03-19T09:03:58.764Z, 7205071937 s after it was appended.',
      'It happened at 2255-03-20T09:03:58Z, 1.5 s after it was appended.',
    ],
    ['event_type is "a \\"b\\" 1".', "event_type is 'x'."],
    [
      'The id 31dd1d6c-75ea-4118-b7aa-8b7f1780596f is odd.',
      'The id c9262259-2a09-48ee-8280-63d3daa299a8 is odd.',
    ],
  ] as const
  for (const [one, other] of pairs) expect(generalizeMessage(one)).toBe(generalizeMessage(other))
})

test('rejects about different fields are of two kinds; digits in names are kept', () => {
  expect(generalizeMessage('page has a value of 3 bytes')).not.toBe(
    generalizeMessage('coupon has a value of 3 bytes'),
  )
  expect(generalizeMessage('visitors_5m is 3')).toBe('visitors_5m is …')
  expect(generalizeMessage('A purchase needs order_id.')).toBe('A purchase needs order_id.')
})

test('a hex dump shows bytes beside text and says how much it omits', () => {
  const bytes = Buffer.from('\u0000click stream: 17 bytes and more')
  expect(formatHexDump(bytes, 20)).toEqual([
    '00000000  00 63 6c 69 63 6b 20 73  74 72 65 61 6d 3a 20 31  |.click stream: 1|',
    '00000010  37 20 62 79                                       |7 by|',
    '… and 12 bytes more',
  ])
  expect(formatHexDump(new Uint8Array(0), 20)).toEqual([])
  expect(formatHexPrefix(Buffer.from('abc'), 2)).toBe('6162…')
  expect(formatHexPrefix(Buffer.from('abc'), 3)).toBe('616263')
})

test('bytes are shown as text only if all of them are text', () => {
  expect(decodeReadableText(Buffer.from('{"a": "ü"}\n'))).toBe('{"a": "ü"}\n')
  expect(decodeReadableText(Buffer.from([0x61, 0x00]))).toBeUndefined()
  expect(decodeReadableText(Buffer.from([0xff, 0xfe]))).toBeUndefined()
  expect(decodeReadableText(Buffer.from('\u001b[31m'))).toBeUndefined()
})

test('a reject is referenced by offset, or by partition and offset', () => {
  expect(parseRejectRef('42')).toEqual({ partition: 0, offset: 42 })
  expect(parseRejectRef('1:7')).toEqual({ partition: 1, offset: 7 })
  for (const wrong of ['', 'x', '-1', '1:', ':1', '1:2:3', '99999999999999999'])
    expect(() => parseRejectRef(wrong)).toThrow('is not an offset of events.dlq')
})

test('a group takes two lines, none wider than the terminal', () => {
  const group = {
    ...{
      reason: 'unknown_schema_id',
      schemaId: null,
      fingerprint: 'f1234567',
      kind: `A ${'long '.repeat(40)}message`,
      count: 12_345,
      replayed: 0,
    },
    ...{ firstSeen: '2026-11-22T08:11:41.152Z', lastSeen: null, sample: '0:123456' },
  }
  const lines = renderGroups([group], 80)
  expect(lines).toHaveLength(3)
  expect(lines[1]).toContain('12,345  unknown_schema_id  2026-11-22 08:11')
  expect(lines.filter((line) => line.length > 80)).toEqual([])
})

const HEAD = {
  ...{ topic: 'events.raw', partition: 2, offset: 9, bytes: 5 },
  appended: '2026-11-22T08:11:41.152Z',
}

test('tail prints a record on one line, whatever its values contain', () => {
  const value = {
    id: 'x',
    note: 'two\nlines',
    none: null,
    items: [],
    n: 5n,
    raw: Buffer.from('ab'),
  }
  const line = renderTailRecord({ ...HEAD, schemaId: 1, value })
  expect(line).toBe('2:9  2026-11-22T08:11:41.152Z  id=x note="two\\nlines" n=5 raw=0x6162')
})

test('a record that cannot be decoded is shown with its first bytes', () => {
  const line = renderTailRecord({
    ...HEAD,
    schemaId: null,
    problem: 'no Confluent header',
    hex: 'deadbeef01',
  })
  expect(line).toBe('2:9  2026-11-22T08:11:41.152Z  (5 bytes, no Confluent header) deadbeef01')
})

test('JSON has bytes as base64 and large numbers as text, also nested', () => {
  expect(toJsonValue({ a: [Buffer.from('ab')], b: { c: 2n ** 60n }, d: 1.5, e: null })).toEqual({
    ...{ a: ['YWI='], b: { c: '1152921504606846976' }, d: 1.5, e: null },
  })
})
