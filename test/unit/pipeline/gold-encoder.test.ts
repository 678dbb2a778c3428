/** Rows of Gold as Avro: readers of the schema get DuckDB's values to the last digit. */
import avsc from 'avsc'
import { expect, test } from 'vitest'
import { compileGoldEncoder } from '../../../cli/domain/pipeline/gold-encoder.ts'

const nullable = (type: unknown) => ['null', type]
const SCHEMA = JSON.stringify({
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'day', type: { type: 'int', logicalType: 'date' } },
    {
      name: 'at',
      type: nullable({ type: 'long', logicalType: 'timestamp-micros' }),
      default: null,
    },
    {
      name: 'ms',
      type: nullable({ type: 'long', logicalType: 'timestamp-millis' }),
      default: null,
    },
    {
      name: 'money',
      type: nullable({ type: 'bytes', logicalType: 'decimal', precision: 38, scale: 2 }),
      default: null,
    },
    { name: 'count', type: nullable('long'), default: null },
    { name: 'isIt', type: nullable('boolean'), default: null },
    { name: 'share', type: nullable('double'), default: null },
    { name: 'text', type: nullable('string'), default: null },
  ],
})

const type = avsc.Type.forSchema(JSON.parse(SCHEMA))
const encode = compileGoldEncoder(SCHEMA, 0x01020304)

function read(row: Readonly<Record<string, unknown>>) {
  const bytes = Buffer.from(encode(row))
  expect(bytes.subarray(0, 5).toString('hex')).toBe('0001020304')
  return type.fromBuffer(bytes.subarray(5))
}

/** Decodes a decimal's bytes as the specification defines them. */
const unscaled = (bytes: Buffer) =>
  BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))

test('decimals of any sign and size are exact and as short as possible', () => {
  const cases: readonly [string, bigint, number][] = [
    ['0.00', 0n, 1],
    ['1.27', 127n, 1],
    ['1.28', 128n, 2],
    ['-1.28', -128n, 1],
    ['-1.29', -129n, 2],
    ['-0.01', -1n, 1],
    ['655.35', 65_535n, 3],
    ['7', 700n, 1 + 1],
    ['1.5', 150n, 2],
    ['99999999999999999999999999999999.99', 10n ** 34n - 1n, 15],
  ]
  for (const [money, number, length] of cases) {
    const bytes = read({ day: '1970-01-01', money }).money
    expect({ money, number: unscaled(bytes), length: bytes.length }).toEqual({
      money,
      number,
      length,
    })
  }
})

test('days and times count from 1970, also negative, to the microsecond', () => {
  const of = (day: string, at: string) => {
    const row = read({ day, at })
    return [row.day, row.at]
  }
  expect(of('1970-01-02', '1970-01-01T00:00:00.001Z')).toEqual([1, 1_000])
  expect(of('1969-12-31', '1969-12-31T23:59:59.999999Z')).toEqual([-1, -1])
  expect(of('2026-11-22', '2026-11-22T14:40:00.123456Z')).toEqual([20_779, 1_795_358_400_123_456])
})

test('null, booleans, doubles, text and numbers beyond 2^53 keep their values', () => {
  expect(read({ day: '1970-01-01' })).toMatchObject({ at: null, money: null, text: null })
  const row = {
    isIt: false,
    share: 0.1,
    text: 'Grüße \u{1f381}',
    count: 12,
    ms: '1970-01-01T00:00:01.000Z',
  }
  expect(read({ day: '1970-01-01', ...row })).toMatchObject({ ...row, ms: 1_000 })
  const large = Buffer.from(encode({ day: '1970-01-01', count: '9223372036854775807' }))
  expect(large.toString('hex')).toContain('feffffffffffffffff01')
})

test('a value that its field cannot hold is an error with the field’s name', () => {
  const wrong = (row: object) => () => encode({ day: '1970-01-01', ...row })
  expect(wrong({ money: '1.005' })).toThrow("Row.money can't hold 1.005.")
  expect(wrong({ ms: '1970-01-01T00:00:00.000001Z' })).toThrow("Row.ms can't hold")
  expect(wrong({ at: 'soon' })).toThrow("Row.at can't hold soon.")
  expect(wrong({ text: 1, isIt: 'yes' })).toThrow('Row.isIt is "yes"')
  expect(() => encode({ text: 'no day' })).toThrow('Row.day')
})
