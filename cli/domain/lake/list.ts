/** Lists what the lake holds, by table and partition, from the manifest alone. */
import { findNearest } from '../kernel/did-you-mean.ts'
import { CcsError } from '../kernel/errors.ts'
import { groupByPartition, type LakeFile, type Manifest } from './manifest.ts'

/** Totals of one table. */
export interface LakeTable {
  readonly table: string
  readonly partitions: number
  /** First and last partition by name; '' for a table without partitions. */
  readonly first: string
  readonly last: string
  readonly files: number
  readonly rows: number
  readonly bytes: number
}

/** Totals of one partition of a table. */
export interface LakePartition {
  readonly table: string
  readonly partition: string
  readonly files: number
  readonly rows: number
  readonly bytes: number
}

/** Sorted by name. */
export function listTables(manifest: Manifest): LakeTable[] {
  const tables = new Map<string, LakeFile[]>()
  for (const { table, files } of groupByPartition(manifest.files))
    tables.set(table, [...(tables.get(table) ?? []), ...files])
  return [...tables].map(([table, files]) => {
    const partitions = [...new Set(files.map((file) => file.partition))].sort()
    return {
      table,
      partitions: partitions.length,
      first: partitions[0] ?? '',
      last: partitions.at(-1) ?? '',
      ...sumFiles(files),
    }
  })
}

/** Partitions of one table, or of all, sorted by table and partition. */
export function listPartitions(manifest: Manifest, table?: string): LakePartition[] {
  return groupByPartition(manifest.files)
    .filter((leaf) => table === undefined || leaf.table === table)
    .map((leaf) => ({ table: leaf.table, partition: leaf.partition, ...sumFiles(leaf.files) }))
}

/** Totals over the files. */
export function sumFiles(files: readonly LakeFile[]): {
  readonly files: number
  readonly rows: number
  readonly bytes: number
} {
  return {
    files: files.length,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
  }
}

/** CCS_USAGE_INVALID, with the most similar name, for a table that the lake does not have. */
export function requireTable(manifest: Manifest | undefined, name: string): void {
  const tables = (manifest ? listTables(manifest) : []).map(({ table }) => table)
  if (tables.includes(name)) return
  const near = findNearest(name, tables)
  throw new CcsError('CCS_USAGE_INVALID', `The lake has no table ${name}.`, {
    hint: near === undefined ? 'See all: ccs lake ls' : `Did you mean ${near}?`,
  })
}
