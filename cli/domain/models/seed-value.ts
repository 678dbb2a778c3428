/**
 * Values of a seed: parsed from CSV into one canonical text that every engine reads the same way,
 * as JSON for the Avro encoder, and the Avro schema of a row.
 */
import { isDay } from '../kernel/time-argument.ts'
import type { Column, LogicalType } from '../sql/types.ts'

const LIMITS = { INTEGER: 2n ** 31n, BIGINT: 2n ** 63n } as const

/** The canonical text of a CSV field; undefined if it is not a value of the type. */
export function parseSeedValue(field: string, type: LogicalType): string | undefined {
  const text = type.is === 'VARCHAR' ? field : field.trim()
  switch (type.is) {
    case 'VARCHAR':
      return text
    case 'BOOLEAN':
      return /^(true|false)$/i.test(text) ? text.toLowerCase() : undefined
    case 'INTEGER':
    case 'BIGINT':
      return parseWhole(text, LIMITS[type.is])
    case 'DOUBLE':
      return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text))
        ? String(Number(text))
        : undefined
    case 'DECIMAL':
      return parseDecimal(text, type)
    case 'DATE':
      return isDay(text) ? text : undefined
    case 'TIMESTAMP':
      return parseTimestamp(text)
    default:
      return undefined
  }
}

/** The value as the encoder of pipeline/gold-encoder.ts expects it; null for an empty field. */
export function toSeedJson(text: string | null, type: LogicalType): unknown {
  if (text === null) return null
  switch (type.is) {
    case 'BOOLEAN':
      return text === 'true'
    case 'INTEGER':
    case 'DOUBLE':
      return Number(text)
    default:
      return text
  }
}

/** Avro schema of a row without the key column, which is the record's key. */
export function renderSeedSchema(name: string, columns: readonly Column[]): string {
  const fields = columns.map((one) => ({
    name: one.name,
    type: ['null', toAvroType(one.type)],
    default: null,
  }))
  return JSON.stringify({ type: 'record', name, fields })
}

function toAvroType(type: LogicalType): unknown {
  switch (type.is) {
    case 'BOOLEAN':
      return 'boolean'
    case 'INTEGER':
      return 'int'
    case 'BIGINT':
      return 'long'
    case 'DOUBLE':
      return 'double'
    case 'DATE':
      return { type: 'int', logicalType: 'date' }
    case 'TIMESTAMP':
      return { type: 'long', logicalType: 'timestamp-millis' }
    case 'DECIMAL':
      return { type: 'bytes', logicalType: 'decimal', precision: type.width, scale: type.scale }
    default:
      return 'string'
  }
}

function parseWhole(text: string, limit: bigint): string | undefined {
  if (!/^-?\d{1,19}$/.test(text)) return undefined
  const value = BigInt(text)
  return value >= -limit && value < limit ? String(value) : undefined
}

function parseDecimal(
  text: string,
  { width, scale }: Extract<LogicalType, { is: 'DECIMAL' }>,
): string | undefined {
  const [whole, sign = '', digits = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  const plain = digits.replace(/^0+(?=\d)/, '')
  if (
    whole === undefined ||
    fraction.length > scale ||
    (plain !== '0' && plain.length > width - scale)
  )
    return undefined
  const all = scale === 0 ? plain : `${plain}.${fraction.padEnd(scale, '0')}`
  return `${/[1-9]/.test(all) ? sign : ''}${all}`
}

/** ISO 8601 in UTC, to the millisecond. */
function parseTimestamp(text: string): string | undefined {
  const [, day = '', time = ''] =
    /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,3})?)Z?$/.exec(text) ?? []
  const ms = isDay(day) ? Date.parse(`${day}T${time}Z`) : Number.NaN
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString()
}
