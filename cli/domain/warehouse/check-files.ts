/**
 * Whether Redshift can load files, by what their footers say. The rules are those of its manual:
 * columns go by position and not by name, and a file that does not fit fails the whole COPY.
 */
import { CcsError } from '../kernel/errors.ts'
import { appendAll } from '../kernel/lists.ts'
import type { CopiedFile } from '../lake/s3/copy-manifest.ts'
import { type FileColumn, findColumnType } from './column-type.ts'
import { displayTable, type WarehouseTable } from './warehouse-table.ts'

/** What the footer of a file says. */
export interface FileFooter {
  readonly columns: readonly FileColumn[]
  /** Such as `ZSTD`. */
  readonly codecs: readonly string[]
  readonly rows: number
}

/** A file of the copy as it is there. */
export interface FoundFile {
  readonly file: CopiedFile
  /** undefined: it is not there. */
  readonly bytes: number | undefined
  /** A text: why there is none. */
  readonly footer: FileFooter | string
}

/** Files by their keys. */
export type FoundFiles = ReadonlyMap<string, FoundFile>

const COLUMNS_MAX = 1_600
const NAME_BYTES_MAX = 127
const CODECS = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'ZSTD']

/** What is wrong with a file; [] if Redshift can load it. */
export function checkFile(table: WarehouseTable, found: FoundFile): readonly string[] {
  const { file, bytes, footer } = found
  if (bytes === undefined) return ['is not in the bucket']
  if (bytes !== file.bytes)
    return [`has ${bytes} bytes, and the manifest of the copy says ${file.bytes}`]
  if (typeof footer === 'string') return [footer]
  const { columns, codecs, rows } = footer
  const faults = columns.flatMap((column) => {
    const type = findColumnType(column)
    return typeof type === 'string' ? [] : [`column ${column.name} ${type.refused}`]
  })
  if (rows !== file.rows)
    faults.push(`has ${rows} rows, and the manifest of the copy says ${file.rows}`)
  if (columns.length > COLUMNS_MAX)
    faults.push(`has ${columns.length} columns; Redshift takes ${COLUMNS_MAX}`)
  appendAll(faults, checkNames(columns.map(({ name }) => name)))
  for (const codec of codecs)
    if (!CODECS.includes(codec))
      faults.push(`is compressed by ${codec}; Redshift reads ${CODECS.slice(1).join(', ')}`)
  return [...faults, ...checkContract(table, columns), ...checkDay(table, columns)]
}

function checkNames(names: readonly string[]): string[] {
  const faults: string[] = []
  const lower = names.map((name) => name.toLowerCase())
  for (const [at, name] of names.entries()) {
    const first = lower.indexOf(name.toLowerCase())
    if (first < at)
      faults.push(`has columns ${names[first]} and ${name}, which are one name in Redshift`)
    if (new TextEncoder().encode(name).length > NAME_BYTES_MAX)
      faults.push(`column ${name.slice(0, 20)}… has a name of more than ${NAME_BYTES_MAX} bytes`)
  }
  return faults
}

function checkContract({ contract }: WarehouseTable, columns: readonly FileColumn[]): string[] {
  if (!contract) return []
  const names = columns.map(({ name }) => name)
  const missing = contract.map(([name]) => name).filter((name) => !names.includes(name))
  const extra = names.filter((name) => !contract.some(([known]) => known === name))
  const faults: string[] = []
  if (missing.length > 0) faults.push(`lacks ${missing.join(', ')}`)
  if (extra.length > 0) faults.push(`has ${extra.join(', ')}, which the contract has not`)
  if (faults.length > 0) return faults
  const order = contract.map(([name]) => name)
  if (names.some((name, at) => name !== order[at]))
    return [`has its columns in another order than ${order.join(', ')}; they go by position`]
  return contract.flatMap(([name, type], at) =>
    columns[at]?.type === type ? [] : [`column ${name} is ${columns[at]?.type}, not ${type}`],
  )
}

function checkDay({ contract, day }: WarehouseTable, columns: readonly FileColumn[]): string[] {
  if (contract) return []
  const found = columns.find(({ name }) => name === day)
  if (!found) return [`lacks the column ${day}`]
  return found.type === 'DATE' ? [] : [`column ${day} is ${found.type}, not DATE`]
}

/** CCS_WAREHOUSE_INVALID with what is wrong, each file once. */
export function describeFileFaults(
  table: WarehouseTable,
  files: readonly FoundFile[],
): readonly CcsError[] {
  return files.flatMap((found) => {
    const faults = checkFile(table, found)
    if (faults.length === 0) return []
    const what = faults.map((one) => (one.startsWith('column ') ? one : `it ${one}`)).join('; ')
    const name = displayTable(table)
    const text = `${found.file.key} can't be loaded into ${name}: ${what}.`
    return new CcsError('CCS_WAREHOUSE_INVALID', text, {
      hint:
        'Nothing was loaded. Damaged or foreign files: ccs lake push --repair. A type: change ' +
        'the model in sql/silver, then ccs deploy.',
    })
  })
}
