/** Compares Silver's files near the reconciled days with the bytes that were written. */
import { stat } from 'node:fs/promises'
import { quoteText } from '../../domain/kernel/sql-text.ts'
import type { LakeFile } from '../../domain/lake/manifest.ts'
import type { SnapshotFile } from '../../domain/reconcile/files.ts'
import type { InspectedFiles } from '../../domain/reconcile/run-reconcile.ts'
import type { DuckConnection } from '../duckdb/duckdb.ts'
import type { Store } from './data-store.ts'

/** What to inspect. */
export interface SilverToInspect {
  readonly store: Store
  readonly plain: DuckConnection
  /** Files of Bronze and Silver of one commit, and where they are pinned. */
  readonly lake: readonly LakeFile[]
  readonly places: ReadonlyMap<string, string>
  /** Files that the marts were built from, and their folder below the data directory. */
  readonly snapshot: readonly SnapshotFile[]
  readonly snapshotDir: string
}

/** The file without rows that a snapshot has for each table. */
export const EMPTY_FILE = 'empty.parquet'

/** Reads every file once; never throws for a damaged one. */
export async function inspectSilver(about: SilverToInspect): Promise<InspectedFiles> {
  const { store, plain, places, snapshot, snapshotDir } = about
  const { checkSilverFiles } = await import('../../domain/reconcile/files.ts')
  const empty = new Map(
    snapshot.filter(({ name }) => name === EMPTY_FILE).map(({ table, path }) => [table, path]),
  )
  const { damaged, unreadable } = await checkSilverFiles(
    {
      lake: about.lake.filter(({ table }) => table.startsWith('silver.')),
      snapshot: snapshot.filter(({ name }) => name !== EMPTY_FILE),
      ...{ places, snapshotDir },
    },
    {
      // The manifest no longer names the file, so only its checksum is known.
      fault: async ({ bytes, crc32 }, path) =>
        store.lake.check({ bytes: bytes ?? (await store.files.stat(path)).bytes, crc32 }, path),
      isSame,
      isReadable: (path, table) => isReadable(plain, path, empty.get(table)),
    },
  )
  const lost = new Set<string>()
  const lake = new Map<string, string[]>()
  for (const [table, path] of empty) lake.set(table, [path])
  for (const { table, name } of about.lake) {
    const path = places.get(name)
    if (path === undefined || unreadable.has(path)) lost.add(name)
    else lake.set(table, [...(lake.get(table) ?? []), path])
  }
  return { damaged, lake, unreadable, lost }
}

/** Whether two paths are names of one file. */
async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one), stat(other)])
  return a.dev === b.dev && a.ino === b.ino
}

/** Whether every row can be read and the columns have the table's types. */
async function isReadable(
  plain: DuckConnection,
  path: string,
  like: string | undefined,
): Promise<boolean> {
  const columns = async (file: string) => {
    const { rows } = await plain.all(`DESCRIBE SELECT * FROM ${parquet(file)}`)
    return new Map(rows.map((row) => [String(row.column_name), String(row.column_type)]))
  }
  try {
    const found = await columns(path)
    const wanted = like === undefined ? found : await columns(like)
    await plain.all(`SELECT max(hash(one)) FROM ${parquet(path)} AS one`)
    return [...wanted].every(([name, type]) => (found.get(name) ?? type) === type)
  } catch {
    return false // DuckDB can't read it
  }
}

function parquet(path: string): string {
  return `read_parquet([${quoteText(path)}], hive_partitioning = false)`
}
