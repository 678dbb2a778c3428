import avro from 'avsc'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileFieldReader } from '../../../cli/domain/avro/field-reader.ts'
import { parseRecordSchema } from '../../../cli/domain/avro/schema.ts'

const optional = (type: unknown) => ['null', type]
const decimal = (precision: number, scale: number) => {
  return { type: 'bytes', logicalType: 'decimal', precision, scale }
}
const line = {
  type: 'record',
  name: 'line',
  fields: [
    { name: 'sku', type: optional('string') },
    { name: 'n', type: optional('long') },
  ],
}
/** As an engine registers it for a table: every column may be null. */
const SCHEMA = {
  type: 'record',
  name: 'record',
  namespace: 'org.apache.flink.avro.generated',
  fields: [
    { name: 'text', type: optional('string') },
    { name: 'whole', type: optional('long') },
    { name: 'small', type: optional('int') },
    { name: 'yes', type: optional('boolean') },
    { name: 'share', type: optional('double') },
    { name: 'at', type: optional({ type: 'long', logicalType: 'timestamp-millis' }) },
    { name: 'there', type: optional({ type: 'long', logicalType: 'local-timestamp-millis' }) },
    { name: 'exact', type: optional({ type: 'long', logicalType: 'timestamp-micros' }) },
    { name: 'day', type: optional({ type: 'int', logicalType: 'date' }) },
    { name: 'money', type: optional(decimal(18, 2)) },
    { name: 'lines', type: optional({ type: 'array', items: optional(line) }) },
    { name: 'last', type: 'string' },
  ],
}
const NAMES = SCHEMA.fields.map(({ name }) => name)

const longType = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => Number(a > b) - Number(a < b),
})
const type = avro.Type.forSchema(JSON.parse(JSON.stringify(SCHEMA)), {
  logicalTypes: {},
  typeHook: (schema) => {
    const name = typeof schema === 'object' && 'type' in schema ? schema.type : schema
    return name === 'long' ? longType : undefined
  },
})

const NOTHING = Object.fromEntries(NAMES.map((name) => [name, null]))

function encode(fields: Readonly<Record<string, unknown>>): Buffer {
  return type.toBuffer({ ...NOTHING, last: 'end', ...fields })
}

function read(bytes: Buffer, names: readonly string[] = NAMES): Record<string, unknown> {
  const reader = compileFieldReader(parseRecordSchema(JSON.stringify(SCHEMA)), names)
  const values = reader(bytes, 0)
  return Object.fromEntries(names.map((name, index) => [name, values[index]]))
}

test('times, dates and decimals are read as text that loses nothing', () => {
  const bytes = encode({
    at: 1_774_569_600_123n,
    there: -1n,
    exact: 1_774_569_600_123_456n,
    day: 20_539,
    money: Buffer.from('ff', 'hex'),
  })
  expect(read(bytes)).toMatchObject({
    at: '2026-03-27T00:00:00.123',
    there: '1969-12-31T23:59:59.999',
    exact: '2026-03-27T00:00:00.123456',
    day: '2026-03-27',
    money: '-0.01',
  })
  const amount = (hex: string) => read(encode({ money: Buffer.from(hex, 'hex') })).money
  expect(amount('')).toBe('0.00')
  expect(amount('0100')).toBe('2.56')
  expect(amount('0de0b6b3a763ffff')).toBe('9999999999999999.99')
  expect(amount('f21f494c589c0001')).toBe('-9999999999999999.99')
})

test('every number of 64 bits, and every text and list, is what was written', () => {
  const texts = fc.string({ unit: 'grapheme', maxLength: 20 })
  const longs = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  const lines = fc.array(fc.record({ sku: fc.option(texts), n: fc.option(longs) }))
  fc.assert(
    fc.property(
      fc.option(texts),
      fc.option(longs),
      fc.double(),
      lines,
      (text, whole, share, own) => {
        const found = read(encode({ text, whole, share, yes: true, small: -7, lines: own }))
        expect(found).toMatchObject({ text, yes: true, small: -7, last: 'end' })
        expect(found.whole === null ? null : BigInt(found.whole as number | string)).toBe(whole)
        expect(Number(found.share)).toBe(share)
        const shown = (n: bigint | null) => (n === null ? null : String(n))
        const [mine, theirs] = [found.lines as typeof own, own].map((some) =>
          some.map(({ sku, n }) => ({ sku, n: n === null ? null : shown(BigInt(n)) })),
        )
        expect(mine).toEqual(theirs)
      },
    ),
  )
})

test('fields that nobody wants are skipped, and one that the schema lacks is null', () => {
  const bytes = encode({ text: 'x', lines: [{ sku: 'a', n: 1n }, null], money: Buffer.from([1]) })
  expect(read(bytes, ['last', 'nowhere', 'text'])).toEqual({
    last: 'end',
    nowhere: null,
    text: 'x',
  })
})

test('bytes that are cut off, left over or of no branch are refused with a reason', () => {
  const bytes = encode({ text: 'x', whole: 2n ** 40n })
  for (let length = 0; length < bytes.length; length++)
    expect(() => read(bytes.subarray(0, length)), String(length)).toThrow(/ends within a field/)
  expect(() => read(Buffer.concat([bytes, Buffer.from([0])]))).toThrow('1 bytes are left over')
  expect(() => read(Buffer.from([6]))).toThrow('there is no branch 3 of 2')
})
