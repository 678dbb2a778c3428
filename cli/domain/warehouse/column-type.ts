/**
 * Types of columns in Redshift. Files are loaded by position and type, so a column of a file has
 * one type there; what Redshift's COPY can't read is refused before anything is loaded.
 */

/** The most bytes of a VARCHAR. */
export const TEXT_BYTES_MAX = 65_535

/** A column of a Parquet file. */
export interface FileColumn {
  readonly name: string
  /** As DuckDB reads it, such as `DECIMAL(18,2)`. */
  readonly type: string
  /** How Parquet stores it, such as `INT64`; '' for a nested column. */
  readonly physical: string
  /** Bytes of a value of fixed length, or null. */
  readonly typeBytes: number | null
}

const SAME = new Map([
  ['BOOLEAN', 'BOOLEAN'],
  ['TINYINT', 'SMALLINT'],
  ['SMALLINT', 'SMALLINT'],
  ['INTEGER', 'INTEGER'],
  ['BIGINT', 'BIGINT'],
  ['FLOAT', 'REAL'],
  ['DOUBLE', 'DOUBLE PRECISION'],
  ['DATE', 'DATE'],
  ['TIMESTAMP', 'TIMESTAMP'],
  ['TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ'],
  ['VARCHAR', `VARCHAR(${TEXT_BYTES_MAX})`],
])

/** The type of a stage table's column; an object says why there is none. */
export function findColumnType(column: FileColumn): string | { readonly refused: string } {
  const { type, typeBytes } = column
  const same = SAME.get(type)
  if (same !== undefined) return same
  if (isNested(type)) return 'SUPER'
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(type)
  if (decimal) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])]
    if (precision > 18 && typeBytes !== null && typeBytes !== 16)
      return { refused: `stores ${type} in ${typeBytes} bytes, and Redshift reads 16` }
    return `DECIMAL(${precision}, ${scale})`
  }
  return { refused: `is ${type}, which Redshift cannot load from Parquet` }
}

function isNested(type: string): boolean {
  return type.endsWith(']') || type.startsWith('STRUCT(') || type.startsWith('MAP(')
}

/** A type as a warehouse has it: `numeric(18,2)`, `character varying(256)`. */
export function parseStoredType(text: string): string {
  const [, base = '', args = ''] =
    /^([^(]*?)\s*(?:\((.*?)\))?(?: with(?:out)? time zone)?$/.exec(text.toLowerCase().trim()) ?? []
  const zoned = /with time zone$/.test(text.toLowerCase())
  const names: Readonly<Record<string, string>> = {
    'character varying': `VARCHAR(${args})`,
    numeric: `DECIMAL(${args.replace(/,\s*/, ', ')})`,
    timestamp: zoned ? 'TIMESTAMPTZ' : 'TIMESTAMP',
  }
  return names[base] ?? base.toUpperCase()
}

/** Whether a column of the first type can be changed into one of the second without loss. */
export function canWiden(from: string, to: string): boolean {
  const ranks = ['SMALLINT', 'INTEGER', 'BIGINT']
  if (ranks.includes(from) && ranks.includes(to)) return ranks.indexOf(from) < ranks.indexOf(to)
  if (from === 'REAL' && to === 'DOUBLE PRECISION') return true
  if (from === 'DATE' && to === 'TIMESTAMP') return true
  const [a, b] = [readDecimal(from), readDecimal(to)]
  return a !== undefined && b !== undefined && b.scale >= a.scale && b.whole >= a.whole
}

/** Whether values of the second type can be inserted into a column of the first as they are. */
export function canHold(column: string, values: string): boolean {
  return column === values || canWiden(values, column)
}

function readDecimal(type: string) {
  const found = /^DECIMAL\((\d+), (\d+)\)$/.exec(type)
  if (!found) return undefined
  const [precision, scale] = [Number(found[1]), Number(found[2])]
  return { scale, whole: precision - scale }
}

/** The length of a text column, or undefined for another type. */
export function readTextBytes(type: string): number | undefined {
  const found = /^VARCHAR\((\d+)\)$/.exec(type)
  return found ? Number(found[1]) : undefined
}

const TEXT_STEPS = [256, 1_024, 4_096, 16_384, TEXT_BYTES_MAX]

/** The length of a text column whose longest value has so many bytes. */
export function chooseTextBytes(longest: number): number {
  return TEXT_STEPS.find((step) => step >= longest) ?? TEXT_BYTES_MAX
}
