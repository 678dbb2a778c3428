/** The encoder writes the bytes that avsc writes, for the project's schemas and for random ones. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import avro from 'avsc'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileEncoder } from '../../../cli/domain/avro/encoder.ts'
import { compileRecordDecoder } from '../../../cli/domain/avro/record-decoder.ts'
import { RecordBatch } from '../../../cli/domain/log/record-batch.ts'
import { goodEvent, RAW_SCHEMA, seeded } from '../../fixtures/gate-events.ts'

const SCHEMAS = join(import.meta.dirname, '../../../schemas')
const SEED = 20_261_122

interface Case {
  readonly schema: object
  readonly value: unknown
}

/** A random record schema, three fields wide, and a value of it. */
function recordCase(depth: number): fc.Arbitrary<Case> {
  return fc.tuple(typeCase(depth), typeCase(depth), typeCase(depth)).map((fields) => ({
    schema: {
      type: 'record',
      fields: fields.map(({ schema }, i) => ({ name: `f${i}`, type: schema })),
    },
    value: Object.fromEntries(fields.map(({ value }, i) => [`f${i}`, value])),
  }))
}

function typeCase(depth: number): fc.Arbitrary<Case> {
  const of = (type: string, value: fc.Arbitrary<unknown>) =>
    value.map((one) => ({ schema: { type }, value: one }))
  const plain = fc.oneof(
    of('boolean', fc.boolean()),
    of('int', fc.integer()),
    // Beyond 2^52 avsc itself rounds: see the test of large longs.
    of('long', fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 })),
    of('double', fc.double({ noNaN: true })),
    of('string', fc.string({ unit: 'grapheme', maxLength: 200 })),
    of(
      'bytes',
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    ),
  )
  if (depth === 0) return plain
  const arrays = typeCase(depth - 1).chain(({ schema, value }) =>
    fc.array(fc.constant(value), { maxLength: 5 }).map((items) => ({
      schema: { type: 'array', items: schema },
      value: items,
    })),
  )
  const nullable = typeCase(depth - 1).chain(({ schema, value }) =>
    fc.tuple(fc.boolean(), fc.boolean()).map(([isNull, isFirst]) => ({
      schema: (isFirst ? ['null', schema] : [schema, 'null']) as unknown as object,
      value: isNull ? null : value,
    })),
  )
  return fc.oneof(plain, arrays, nullable, recordCase(depth - 1))
}

/** Gives every record a unique name, and replaces unions directly inside unions. */
function named(schema: unknown, path = 'R'): unknown {
  if (Array.isArray(schema)) return schema.map((one) => named(one, path))
  if (typeof schema !== 'object' || schema === null) return schema
  const node = schema as {
    type: unknown
    items?: unknown
    fields?: { name: string; type: unknown }[]
  }
  if (node.fields)
    return {
      type: 'record',
      name: path,
      fields: node.fields.map((one) => ({ ...one, type: named(one.type, `${path}_${one.name}`) })),
    }
  if (node.items !== undefined) return { type: 'array', items: named(node.items, `${path}_i`) }
  return schema
}

function hasNestedUnion(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.some((one) => Array.isArray(one) || hasNestedUnion(one))
  if (typeof schema !== 'object' || schema === null) return false
  return Object.values(schema).some(hasNestedUnion)
}

function encoded(schema: string, id: number, value: object): Buffer {
  const batch = new RecordBatch(8)
  compileEncoder(schema, id)(batch, value)
  return batch.body
}

test('records of random schemas are encoded as avsc encodes them', () => {
  const cases = recordCase(2).filter(({ schema }) => !hasNestedUnion(schema))
  fc.assert(
    fc.property(cases, fc.nat(0x7fffffff), ({ schema, value }, id) => {
      const text = JSON.stringify(named(schema))
      // recordCase makes a record.
      const bytes = encoded(text, id, value as object)
      const avroBytes = avro.Type.forSchema(JSON.parse(text), { wrapUnions: false }).toBuffer(value)
      expect(bytes.readUInt32LE(0)).toBe(5 + avroBytes.length)
      expect(bytes.readUInt8(4)).toBe(0)
      expect(bytes.readUInt32BE(5)).toBe(id)
      expect(bytes.subarray(9).equals(avroBytes)).toBe(true)
    }),
    { seed: SEED, numRuns: 300 },
  )
})

test('events in a growing batch are encoded as avsc encodes them', () => {
  const random = seeded(SEED)
  const type = avro.Type.forSchema(JSON.parse(RAW_SCHEMA), { logicalTypes: {} })
  const encode = compileEncoder(RAW_SCHEMA, 7)
  const batch = new RecordBatch(16)
  const wanted: Buffer[] = []
  for (let i = 0; i < 500; i++) {
    const event = goodEvent(random, i)
    encode(batch, event)
    wanted.push(Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), type.toBuffer(event)]))
  }
  expect(batch.count).toBe(500)
  expect(batch.body.equals(RecordBatch.of(wanted).body)).toBe(true)
})

test('longs are exact, also beyond 2^53 as bigints', () => {
  const schema = JSON.stringify({
    type: 'record',
    name: 'R',
    fields: [{ name: 'n', type: 'long' }],
  })
  const decode = compileRecordDecoder<{ n: bigint | number }>(schema, 1)
  for (const n of [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n])
    expect(decode(encoded(schema, 1, { n }).subarray(4))).toEqual({ n })
  for (const n of [
    -5,
    -(2 ** 52) - 1,
    2 ** 52 + 1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ])
    expect(decode(encoded(schema, 1, { n }).subarray(4))).toEqual({ n })
})

test('a missing field gets its default', () => {
  const schema = JSON.stringify({
    type: 'record',
    name: 'R',
    fields: [
      { name: 'a', type: 'int', default: 5 },
      { name: 'b', type: ['null', 'string'], default: null },
      { name: 'c', type: { type: 'array', items: 'int' }, default: [] },
    ],
  })
  expect(compileRecordDecoder(schema, 1)(encoded(schema, 1, {}).subarray(4))).toEqual({
    a: 5,
    b: null,
    c: [],
  })
})

test('a value of the wrong type is an error that names its field', () => {
  const event = goodEvent(seeded(1))
  for (const [change, message] of [
    [{ page: 5 }, /Event\.page is 5, which is not of type string/],
    [{ event_type: 'teleport' }, /Event\.event_type is "teleport"/],
    [{ results_count: 1.5 }, /Event\.results_count is 1\.5/],
    [{ items: [{ ...event.items[0], quantity: '2' }] }, /Event\.items\[\]\.quantity is "2"/],
    [{ anonymous_id: undefined }, /Event\.anonymous_id/],
  ] as const)
    expect(() => encoded(RAW_SCHEMA, 1, { ...event, ...change })).toThrow(message)
})

test('every contract of the project can be encoded', () => {
  const names = readdirSync(SCHEMAS).filter((name) => name.endsWith('.avsc'))
  expect(names).toContain('events.raw.avsc')
  for (const name of names)
    expect(() => compileEncoder(readFileSync(join(SCHEMAS, name), 'utf8'), 1), name).not.toThrow()
})
