/**
 * Which types of Parquet can be read exactly. DuckDB has decimals of up to 38 digits; it reads
 * wider ones as DOUBLE, and most of those wrongly (duckdb/duckdb#25058). They are refused by name.
 */
import { CcsError } from '../../domain/kernel/errors.ts'
import type { DuckConnection } from './duckdb.ts'

const DIGITS_MAX = 38
/** Bytes of a decimal of 38 digits. */
const BYTES_MAX = 16

/** An element of a Parquet schema; a group has its children behind it. */
interface SchemaElement {
  readonly name: string
  readonly children: number
  readonly type: string
  readonly bytes: number
  readonly precision: number
  readonly scale: number
}

/** Throws CCS_IMPORT_INVALID with all columns, nested ones too, that can't be read exactly. */
export async function refuseInexactTypes(connection: DuckConnection, file: string): Promise<void> {
  const { rows } = await connection.all(
    `SELECT name, coalesce(num_children, 0) AS children, coalesce("type", '') AS "type",
      coalesce(try_cast(type_length AS INT), 0) AS bytes, coalesce(scale, 0) AS scale,
      coalesce("precision", 0) AS "precision" FROM parquet_schema($1)`,
    [file],
  )
  // The SELECT has these columns, and none is NULL.
  const elements = rows as unknown as readonly SchemaElement[]
  const faults = listPaths(elements).flatMap(({ path, element }) => {
    const { precision, scale, bytes, type } = element
    const isWide = type === 'FIXED_LEN_BYTE_ARRAY' && bytes > BYTES_MAX
    if (precision === 0 || (precision <= DIGITS_MAX && !isWide)) return []
    return [`${path} is DECIMAL(${precision}, ${scale})`]
  })
  if (faults.length === 0) return
  const message = `In ${file}, ${faults.join(', ')}: too wide to be read.`
  throw new CcsError('CCS_IMPORT_INVALID', message, {
    hint:
      `Write it with at most ${DIGITS_MAX} digits, e.g. CAST(price AS DECIMAL(18, 2)), ` +
      'or as text.',
  })
}

/** The leaves of the schema with their paths, such as `lines.price`. */
function listPaths(elements: readonly SchemaElement[]) {
  const leaves: { readonly path: string; readonly element: SchemaElement }[] = []
  const visit = (at: number, parents: readonly string[]): number => {
    const element = elements[at]
    if (element === undefined) return at
    const names = at === 0 ? parents : [...parents, element.name]
    let next = at + 1
    if (element.children === 0 && at > 0) leaves.push({ path: names.join('.'), element })
    for (let child = 0; child < element.children; child++) next = visit(next, names)
    return next
  }
  visit(0, [])
  return leaves
}
