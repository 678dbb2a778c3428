/** What the gate accepts, what it rejects, and with which message. */
import avro from 'avsc'
import { expect, test } from 'vitest'
import type { Event } from '../../../cli/domain/events/contracts.ts'
import { Gate, type ValidationResult } from '../../../cli/domain/gate/gate.ts'
import {
  anyRecord,
  BASE_MS,
  encodeRecord,
  GATE_OPTIONS,
  goodEvent,
  RAW_SCHEMA,
  registeredSchema,
  seeded,
  VIOLATIONS,
} from '../../fixtures/gate-events.ts'

const gate = new Gate(GATE_OPTIONS)
const APPEND_MS = BASE_MS + 600_000

/** A valid event with changes; by default of a type that requires no fields. */
function event(changes: Partial<Event> = {}): Event {
  return {
    ...goodEvent(seeded(5)),
    event_type: 'page_view',
    sent_ts: null,
    received_ts: null,
    ...changes,
  }
}

function validate(bytes: Buffer): ValidationResult {
  return gate.validate(bytes, APPEND_MS)
}

/** The validator's result as text, after checking that the decoder agrees. */
function reasonOf(bytes: Buffer, tested: Gate = gate): string {
  tested.source.load(bytes)
  const decoded = tested.decode(0, bytes.length, 0, APPEND_MS + GATE_OPTIONS.futureToleranceMs)
  tested.columns.discardRow(0)
  const result = tested.validate(bytes, APPEND_MS)
  expect(decoded, result.ok ? 'ok' : result.message).toBe(result.ok ? 1 : 0)
  return result.ok ? 'ok' : `${result.reason}: ${result.message}`
}

/** Avro bytes of an event up to and without the named field, then `rest`. */
function cutBefore(field: string, rest: Buffer): Buffer {
  const schema = JSON.parse(RAW_SCHEMA)
  const index = schema.fields.findIndex((one: { name: string }) => one.name === field)
  const head = avro.Type.forSchema(
    { ...schema, fields: schema.fields.slice(0, index) },
    { logicalTypes: {} },
  )
  return Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), head.toBuffer(event()), rest])
}

const varint = (n: bigint) => {
  const schema = avro.Type.forSchema({
    type: 'record',
    name: 'L',
    fields: [{ name: 'n', type: 'long' }],
  })
  if (n >= -(2n ** 52n) && n <= 2n ** 52n) return schema.toBuffer({ n: Number(n) })
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, (n << 1n) ^ (n >> 63n))
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Buffer.from([...bytes, Number(rest)])
}

test('a valid event of every type is accepted, with its corrected time', () => {
  const random = seeded(1)
  for (let i = 0; i < 200; i++) expect(reasonOf(encodeRecord(goodEvent(random, i)))).toBe('ok')
  const result = validate(
    encodeRecord(event({ sent_ts: BASE_MS + 500, received_ts: BASE_MS + 9000 })),
  )
  expect(result).toMatchObject({ ok: true, schemaId: 1, eventMs: BASE_MS + 8500 })
})

test('a record without a known schema id in its header is rejected', () => {
  expect(reasonOf(Buffer.alloc(0))).toMatch(/^bad_magic: It has 0 bytes/)
  expect(reasonOf(Buffer.from('{"event_id":1}'))).toMatch(/^bad_magic: It begins with byte 0x7b/)
  const record = encodeRecord(event())
  record.writeUInt32BE(4_000_000_000, 1)
  expect(reasonOf(record)).toMatch(/^unknown_schema_id: /)
  record.writeUInt32BE(77, 1)
  expect(validate(record)).toMatchObject({ reason: 'unknown_schema_id', schemaId: 77 })
  expect(reasonOf(Buffer.alloc(5_000_000))).toBe(
    'too_large: It has 5000000 bytes; at most 1048576 are allowed.',
  )
})

test('malformed bytes are reported with field, fault and position', () => {
  const record = encodeRecord(event({ items: [] }))
  for (let length = 5; length < record.length; length++)
    expect(reasonOf(record.subarray(0, length))).toMatch(/^undecodable: .+ at byte \d+\.$/)
  expect(reasonOf(Buffer.concat([record, Buffer.from([0])]))).toBe(
    'undecodable: 1 bytes are left over after the last field.',
  )
  const cases: readonly [string, Buffer, RegExp][] = [
    ['event_type', varint(12n), /event_type has choice 12 of 12/],
    ['event_type', varint(-1n), /event_type has choice -1 of 12/],
    ['page', varint(2n), /page has choice 2 of 2/],
    ['anonymous_id', varint(-3n), /anonymous_id has a length of -3/],
    [
      'anonymous_id',
      varint(2n ** 31n),
      /anonymous_id has a value of 2147483648 bytes where 0 are left/,
    ],
    ['anonymous_id', varint(2n ** 62n), /anonymous_id has a value of \d+ bytes/],
    ['anonymous_id', Buffer.alloc(11, 0xff), /anonymous_id has a number that does not end/],
    ['anonymous_id', Buffer.from([4, 0xc3, 0x28]), /anonymous_id has text that is not UTF-8/],
    ['anonymous_id', Buffer.concat([varint(40n), Buffer.alloc(40, 0xff)]), /not UTF-8/],
    ['consent', Buffer.from([2, 2]), /consent has no boolean/],
    ['results_count', Buffer.concat([varint(1n), varint(2n ** 31n)]), /an int over 32 bits/],
    ['items', varint(2n ** 31n), /items has more than 5000 items/],
    ['items', varint(2n ** 62n), /items has more than 5000 items/],
    [
      'items',
      Buffer.concat([varint(-(2n ** 31n)), varint(1n)]),
      /items has .*block of|more than 5000/,
    ],
    ['items', Buffer.concat([varint(-1n), varint(2n ** 40n)]), /items has a block of/],
    ['items', Buffer.concat([varint(-1n), varint(-1n)]), /items has a block of -1 bytes/],
    ['items', varint(4000n), /items\[\]\.sku has no more bytes/],
  ]
  for (const [field, rest, message] of cases) {
    const reason = reasonOf(cutBefore(field, rest))
    expect(reason).toMatch(/^undecodable: /)
    expect(reason, field).toMatch(message)
  }
})

test('an Avro array may have several blocks, with and without a byte size', () => {
  const line = {
    sku: 'A',
    name: null,
    category: null,
    brand: null,
    unit_price_minor: 1,
    quantity: 1,
    discount_minor: 0,
  }
  const record = encodeRecord(event({ items: [line] }))
  const item = record.subarray(cutBefore('items', Buffer.alloc(0)).length + 1, -1)
  const blocks = [
    varint(1n),
    item,
    varint(-2n),
    varint(BigInt(item.length * 2)),
    item,
    item,
    varint(0n),
  ]
  const result = validate(cutBefore('items', Buffer.concat(blocks)))
  expect(reasonOf(cutBefore('items', Buffer.concat(blocks)))).toBe('ok')
  expect(result.ok && result.event.items).toHaveLength(3)
})

test('a missing required field is named, and an empty array counts as missing', () => {
  for (const [changes, message] of [
    [{ event_type: 'page_view', page: null }, 'A page_view needs page.'],
    [{ event_type: 'purchase', items: [] }, 'A purchase needs items.'],
    [{ event_type: 'purchase', order_id: null, items: [] }, 'A purchase needs order_id.'],
    [
      { event_type: 'refund', items: [], refund_minor: null },
      'A refund needs items or refund_minor.',
    ],
    [{ event_type: 'login', customer_id: null }, 'A login needs customer_id.'],
  ] as const)
    expect(reasonOf(encodeRecord(event(changes)))).toBe(`missing_field: ${message}`)
  expect(reasonOf(encodeRecord(event({ event_type: 'refund', items: [], refund_minor: 5 })))).toBe(
    'ok',
  )
  expect(
    reasonOf(encodeRecord(event({ event_type: 'purchase', currency: 'EU', items: [] }))),
  ).toMatch(/^missing_field/)
})

test('a value that breaks a rule is reported with value and bound', () => {
  for (const [changes, message] of [
    [
      { event_id: 'F47AC10B-58CC-4372-A567-0E02B2C3D479' },
      /^event_id is "F47AC.*not a UUID in lower case/,
    ],
    [{ event_id: 'f47ac10b-58cc-4372-a567-0e02b2c3d47g' }, /not a UUID/],
    [{ event_id: 'f47ac10b058cc04372-a567-0e02b2c3d479' }, /not a UUID/],
    [{ event_ts: 5 }, /^event_ts is 5; the least allowed is 1000000000000\.$/],
    [{ tax_minor: 1_000_000_000_001 }, /^tax_minor is 1000000000001; the most allowed/],
    [{ results_count: -1 }, /^results_count is -1; the least allowed is 0/],
    [{ currency: 'EURO' }, /^currency is "EURO", which is no currency of ISO 4217 in capitals\.$/],
    [{ currency: 'eur' }, /^currency is "eur", which is no currency/],
    [{ currency: 'XYZ' }, /^currency is "XYZ"/],
    [{ anonymous_id: '' }, /^anonymous_id is "", of 0 bytes; at least 1/],
    [{ anonymous_id: 'é'.repeat(101) }, /of 202 bytes; at most 200/],
    [
      { items: VIOLATIONS.find((one) => one.items?.length === 201)?.items ?? [] },
      /^items has 201 entries/,
    ],
    [{ sent_ts: 9_999_999_999_999, received_ts: BASE_MS }, /^The corrected time .* is before 2001/],
  ] as const) {
    const reason = reasonOf(encodeRecord(event(changes)))
    expect(reason).toMatch(/^rule_violation: /)
    expect(reason.slice('rule_violation: '.length)).toMatch(message)
  }
  const line = { ...goodEvent(seeded(2)).items[0], sku: 'A' }
  const bad = { ...line, quantity: 0 } as Event['items'][number] // one of the good event's lines
  expect(reasonOf(encodeRecord(event({ items: [bad] })))).toBe(
    'rule_violation: items[0].quantity is 0; the least allowed is 1.',
  )
})

test('rules between the fields of a line, and over all lines, are kept to the last unit', () => {
  const line = { ...(goodEvent(seeded(2)).items[0] as Event['items'][number]), discount_minor: 0 }
  const reason = (...items: Event['items']) => reasonOf(encodeRecord(event({ items })))
  const priced = (unit_price_minor: number, quantity: number, discount_minor = 0) => ({
    ...line,
    unit_price_minor,
    quantity,
    discount_minor,
  })
  expect(reason(priced(500, 3, 1500))).toBe('ok')
  expect(reason(priced(1, 1), priced(500, 3, 1501))).toBe(
    'rule_violation: items[1].discount_minor is 1501; at most unit_price_minor × quantity, 1500.',
  )
  expect(reason(priced(1_000_000, 1_000_000))).toBe('ok')
  expect(reason(priced(1_000_000, 999_999), priced(1_000_000, 1))).toBe('ok')
  expect(reason(priced(1_000_000, 1_000_000), priced(1, 1))).toBe(
    'rule_violation: The sum of unit_price_minor × quantity over items is 1000000000001; ' +
      'the most allowed is 1000000000000.',
  )
  expect(reason(...Array.from({ length: 200 }, () => priced(1e12, 1e6, 1e12)))).toMatch(
    /^rule_violation: The sum of unit_price_minor × quantity over items is /,
  )
  expect(reason(priced(0, 1, 0))).toBe('ok')
  expect(reason(priced(0, 1, 1))).toMatch(/^rule_violation: items\[0\].discount_minor is 1/)
})

test('a checkout needs no lines, as in sources that do not send them', () => {
  expect(reasonOf(encodeRecord(event({ event_type: 'begin_checkout', items: [] })))).toBe('ok')
})

test('an event is too far in the future by its corrected time', () => {
  const ahead = APPEND_MS + GATE_OPTIONS.futureToleranceMs
  expect(reasonOf(encodeRecord(event({ event_ts: ahead })))).toBe('ok')
  expect(reasonOf(encodeRecord(event({ event_ts: ahead + 1 })))).toMatch(
    /^too_far_in_future: It happened at .*, 3600 s after it was appended; up to 3600 s/,
  )
  expect(reasonOf(encodeRecord(event({ event_ts: ahead + 1, received_ts: APPEND_MS })))).toBe('ok')
})

test('names such as __proto__ are ordinary text', () => {
  const result = validate(encodeRecord(event({ page: '__proto__', page_title: 'constructor' })))
  expect(result).toMatchObject({
    ok: true,
    event: { page: '__proto__', page_title: 'constructor' },
  })
})

test('decoder and validator agree on 2,000 valid, invalid and damaged records', () => {
  const random = seeded(42)
  const seen = new Set<string>()
  for (let i = 0; i < 2000; i++) seen.add(reasonOf(anyRecord(random, i)).split(':')[0] ?? '')
  expect([...seen].sort()).toEqual([
    'bad_magic',
    'missing_field',
    'ok',
    'rule_violation',
    'too_far_in_future',
    'undecodable',
    'unknown_schema_id',
  ])
})

test('a recursive schema is read to a depth of 64 and no further', () => {
  const schema = JSON.parse(RAW_SCHEMA)
  const nested = {
    type: 'record',
    name: 'Nest',
    fields: [{ name: 'next', type: ['null', 'Nest'] }],
  }
  schema.fields.push({ name: 'nest', type: ['null', nested], default: null })
  const nestedGate = new Gate({
    ...GATE_OPTIONS,
    schemas: [registeredSchema(JSON.stringify(schema), 2), registeredSchema(RAW_SCHEMA)],
  })
  const deep = (depth: number) => {
    const record = Buffer.concat([encodeRecord(event()), Buffer.alloc(depth, 2), Buffer.from([0])])
    record.writeUInt32BE(2, 1)
    return nestedGate.validate(record, APPEND_MS)
  }
  expect(deep(0)).toMatchObject({ ok: true })
  expect(deep(60)).toMatchObject({ ok: true })
  expect(deep(100_000)).toMatchObject({ reason: 'undecodable', message: /deeper than 64/ })
})

test("a contract that the gate can't check is rejected when the gate is opened", () => {
  const change = (
    edit: (schema: { fields: Record<string, unknown>[]; requires: object }) => void,
  ) => {
    const schema = JSON.parse(RAW_SCHEMA)
    edit(schema)
    return () => new Gate({ ...GATE_OPTIONS, schemas: [registeredSchema(JSON.stringify(schema))] })
  }
  expect(change((s) => s.fields.splice(0, 1))).toThrow(/event_id of logical type uuid/)
  expect(change((s) => s.fields.splice(2, 1))).toThrow(/event_ts of logical type timestamp-millis/)
  expect(change((s) => Object.assign(s.requires, { search: ['pgae'] }))).toThrow(
    /has no such field/,
  )
  expect(change((s) => Object.assign(s.requires, { teleport: ['page'] }))).toThrow(/no enum field/)
  expect(
    change((s) => s.fields.push({ name: 'm', type: { type: 'map', values: 'int' }, default: {} })),
  ).toThrow(/Field m is a map/)
})
