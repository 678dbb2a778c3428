/** Avro's logical types, and when one is valid. */

/** A valid logical type. */
export interface AvroLogical {
  readonly name: string
  /** Only of a decimal, as is `scale`. */
  readonly precision?: number
  readonly scale?: number
}

/** The types that each of Avro's logical types may annotate. */
const UNDERLYING: Readonly<Record<string, readonly string[]>> = {
  decimal: ['bytes', 'fixed'],
  uuid: ['string', 'fixed'],
  date: ['int'],
  'time-millis': ['int'],
  'time-micros': ['long'],
  'timestamp-millis': ['long'],
  'timestamp-micros': ['long'],
  'timestamp-nanos': ['long'],
  'local-timestamp-millis': ['long'],
  'local-timestamp-micros': ['long'],
  'local-timestamp-nanos': ['long'],
  duration: ['fixed'],
}

interface Given {
  readonly name: string
  readonly precision: number | undefined
  readonly scale: number | undefined
}

/**
 * undefined if it doesn't fit the type `on`, as readers must ignore it then. `size` is that of a
 * fixed.
 */
export function validateLogicalType(
  given: Given,
  on: string,
  size?: number,
): AvroLogical | undefined {
  const { name, precision = 0, scale = 0 } = given
  if (UNDERLYING[name]?.includes(on) === false) return undefined
  if (name === 'uuid' && on === 'fixed' && size !== 16) return undefined
  if (name === 'duration' && size !== 12) return undefined
  if (name !== 'decimal') return { name }
  const digitsMax = size === undefined ? precision : Math.floor((8 * size - 1) * Math.log10(2))
  const isValid = precision > 0 && precision <= digitsMax && scale >= 0 && scale <= precision
  return isValid ? { name, precision, scale } : undefined
}
