/**
 * Encodes rows of Gold, as DuckDB returns them (docs/json-output.md), as Avro: money as decimal,
 * days and times as whole numbers since 1970, all without rounding.
 */
import { compileEncoder } from '../avro/encoder.ts'
import { type AvroNode, parseRecordSchema, unwrapOptional } from '../avro/schema.ts'
import { CcsError } from '../kernel/errors.ts'
import { RecordBatch } from '../log/record-batch.ts'

/** Encodes one row; the result is a copy that the caller may keep. */
export type GoldEncoder = (row: Readonly<Record<string, unknown>>) => Uint8Array

const DAY_MS = 86_400_000

/**
 * Returns an encoder for records with Confluent's header and the given schema id. It throws
 * CCS_SCHEMA_INVALID for a value that its field can't hold.
 */
export function compileGoldEncoder(schema: string, id: number): GoldEncoder {
  const { name: record, fields } = parseRecordSchema(schema)
  const encode = compileEncoder<Record<string, unknown>>(schema, id)
  const columns = fields.map(({ name, type }) => ({ name, node: unwrapOptional(type).node }))
  const batch = new RecordBatch(1_024)
  return (row) => {
    const values: Record<string, unknown> = {}
    for (const { name, node } of columns) {
      const value = row[name]
      values[name] =
        value === null || value === undefined ? null : toAvroValue(node, value, `${record}.${name}`)
    }
    batch.clear()
    encode(batch, values)
    return Uint8Array.prototype.slice.call(batch.body, 4)
  }
}

function toAvroValue(node: AvroNode, value: unknown, path: string): unknown {
  switch (node.kind) {
    case 'int':
      return node.logical === 'date' ? Date.parse(`${value}T00:00:00Z`) / DAY_MS : value
    case 'long':
      return toAvroLong(node.logical, value, path)
    case 'bytes':
      return node.logical === 'decimal'
        ? encodeDecimal(String(value), node.scale ?? 0, path)
        : value
    case 'string':
      return typeof value === 'object' ? JSON.stringify(value) : String(value)
    default:
      return value
  }
}

function toAvroLong(logical: string | undefined, value: unknown, path: string): unknown {
  if (logical === undefined || !logical.startsWith('timestamp-'))
    return typeof value === 'string' ? BigInt(value) : value
  const micros = parseMicros(String(value), path)
  if (logical === 'timestamp-micros') return toSafeNumber(micros)
  if (micros % 1_000n !== 0n) throw doesNotFit(path, value)
  return toSafeNumber(micros / 1_000n)
}

/** Parses ISO 8601 with Z, up to microseconds. */
function parseMicros(text: string, path: string): bigint {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw doesNotFit(path, text)
  const micros = /\.\d{3}(\d{3})Z$/.exec(text)?.[1] ?? '0'
  return BigInt(ms) * 1_000n + BigInt(micros)
}

function toSafeNumber(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** Returns the unscaled number in two's complement, big-endian, with as few bytes as possible. */
function encodeDecimal(text: string, scale: number, path: string): Uint8Array {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)
  const fraction = match?.[3] ?? ''
  if (!match || /[1-9]/.test(fraction.slice(scale))) throw doesNotFit(path, text)
  const digits = `${match[2]}${fraction.slice(0, scale).padEnd(scale, '0')}`
  let rest = BigInt(`${match[1]}${digits}`)
  const bytes: number[] = []
  for (;;) {
    const byte = Number(BigInt.asUintN(8, rest))
    bytes.unshift(byte)
    rest >>= 8n
    if ((rest === 0n && byte < 128) || (rest === -1n && byte >= 128)) return Uint8Array.from(bytes)
  }
}

function doesNotFit(path: string, value: unknown): CcsError {
  return new CcsError('CCS_SCHEMA_INVALID', `${path} can't hold ${String(value)}.`, {
    hint: 'Give the field in schemas/ the type of the model’s column: see ccs compile.',
  })
}
