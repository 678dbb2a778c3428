/**
 * A seed is a small table that the shop keeps as CSV in dbt/seeds, such as its catalogue. Its types
 * and key are in the YAML beside it, which dbt reads as well. Rows are checked here, so that no
 * engine sees an invalid one.
 */
import { createHash } from 'node:crypto'
import { checkColumnCount, createCsvScanner } from '../documents/csv.ts'
import type { NamedText } from '../documents/json-document.ts'
import { RowSplitter } from '../documents/row-splitter.ts'
import { CSV_STYLE, RowFault, type SourceRow } from '../documents/source-row.ts'
import { CcsError, type Location, throwAll } from '../kernel/errors.ts'
import { quoteText } from '../kernel/sql-text.ts'
import { displayType } from '../sql/types.ts'
import type { SeedShape } from './seed-shape.ts'
import { parseSeedValue } from './seed-value.ts'

/** Text by column: null for an empty field or the word null, as dbt reads CSV. */
export type SeedRow = Readonly<Record<string, string | null>>

/** A seed with its checked rows. */
export interface Seed extends SeedShape {
  /** Sorted by key; each key occurs once. */
  readonly rows: readonly SeedRow[]
  /** SHA-256 (hex) of columns and rows; the order of rows in the file does not matter. */
  readonly fingerprint: string
}

/** Every engine reads a seed as a whole; a larger table should be a model. */
const BYTES_MAX = 4 * 1024 * 1024
const FAULTS_MAX = 20

/** Throws CCS_SEED_INVALID with up to 20 faults of the file, each with its line. */
export function readSeed(shape: SeedShape, { file, text }: NamedText): Seed {
  const bytes = Buffer.from(text.replace(/^\uFEFF/, ''))
  if (bytes.length > BYTES_MAX)
    throw seedError(
      `${file} has ${bytes.length} bytes; a seed has ${BYTES_MAX} at most.`,
      { file },
      'Send its rows as events, or join it in dbt.',
    )
  const scanned = new RowSplitter(createCsvScanner(CSV_STYLE))
  const [head, ...lines] = [...scanned.push(bytes), ...scanned.end()]
  requireHeader(shape, head, file)
  const faults: CcsError[] = []
  const rows = new Map<string, SeedRow>()
  for (const line of lines) {
    if (faults.length >= FAULTS_MAX) break
    const row = parseRow(shape, line)
    if (Array.isArray(row)) {
      for (const one of row) faults.push(seedError(one, place(file, line), FIX_LINE))
      continue
    }
    const key = row[shape.key] ?? null
    if (key === null || rows.has(key)) {
      const what = key === null ? 'is empty' : `'${key}' occurs twice`
      faults.push(seedError(`The key ${shape.key} ${what}.`, place(file, line), FIX_LINE))
    } else rows.set(key, row)
  }
  throwAll(faults)
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  const { columns, key } = shape
  const fingerprint = createHash('sha256')
    .update(JSON.stringify({ columns, key, rows: sorted }))
    .digest('hex')
  return { ...shape, rows: sorted, fingerprint }
}

/** SQL statements that create the seeds as tables of a DuckDB. */
export function printSeedsSql(seeds: readonly Seed[]): string {
  if (seeds.length === 0) return ''
  const tables = seeds.map(({ name, columns, rows }) => {
    const fields = columns.map((one) => `"${one.name}" ${displayType(one.type)}`).join(', ')
    const json = quoteText(JSON.stringify(rows))
    return `CREATE TABLE ${name} (${fields});
INSERT INTO ${name} SELECT unnest(${json}::JSON::STRUCT(${fields})[], max_depth := 2);
`
  })
  return `\nCREATE SCHEMA seeds;\n${tables.join('')}`
}

const FIX_LINE = 'Fix this line of the CSV file.'

function requireHeader({ columns }: SeedShape, head: SourceRow | undefined, file: string): void {
  const names = head === undefined || head.values instanceof RowFault ? [] : head.values
  const wanted = columns.map((one) => one.name)
  if (Array.isArray(names) && names.join() === wanted.join()) return
  throw seedError(
    `${file} does not begin with the columns in its YAML: ${wanted.join(',')}.`,
    { file, line: 1, column: 1 },
    'Give column_types all columns of the file, in its order.',
  )
}

/** The row, or what is wrong with it. */
function parseRow({ columns }: SeedShape, { values }: SourceRow): SeedRow | string[] {
  if (values instanceof RowFault) return [sentence(values.message)]
  const fields = Array.isArray(values) ? values.map(String) : []
  const odd = checkColumnCount(fields, columns.length)
  if (odd) return [sentence(odd.message)]
  const faults: string[] = []
  const row: Record<string, string | null> = {}
  for (const [index, { name, type }] of columns.entries()) {
    const field = fields[index] ?? ''
    const isNull = ['', 'null'].includes(field.trim().toLowerCase())
    const value = isNull ? null : parseSeedValue(field, type)
    if (value === undefined)
      faults.push(`'${field}' is not of type ${displayType(type)}: column ${name}.`)
    else row[name] = value
  }
  return faults.length > 0 ? faults : row
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('?') ? '' : '.'}`
}

function place(file: string, { line, raw }: SourceRow): Location {
  return { file, line, column: 1, text: Buffer.from(raw).toString('utf8').slice(0, 200) }
}

/** A CCS_SEED_INVALID at a place of a seed's file. */
export function seedError(message: string, location: Location, hint: string): CcsError {
  return new CcsError('CCS_SEED_INVALID', message, { location, hint })
}
