/**
 * Checks the files of Silver: those of the lake against the manifest, and those that the marts were
 * built from against the manifest or, if compaction has merged them since, the checksum in their
 * name.
 */
import { groupByTable, type TableFiles } from '../audit/catalog.ts'
import { CcsError } from '../kernel/errors.ts'
import { leafPath, parseFileCrc } from '../lake/layout.ts'
import type { LakeFile } from '../lake/manifest.ts'
import type { FoundDamage } from './input.ts'

/** How files are checked. */
export interface FilePorts {
  /** Half a sentence on what is wrong with the bytes; without `bytes`, the size is not checked. */
  fault(
    wanted: { readonly bytes?: number; readonly crc32: number },
    path: string,
  ): Promise<string | undefined>
  /** Whether two paths are hard links to one file. */
  isSame(one: string, other: string): Promise<boolean>
  /** Whether DuckDB can read it as Parquet with the columns of the table. */
  isReadable(path: string, table: string): Promise<boolean>
}

/** A file of the Silver that the marts were built from. */
export interface SnapshotFile {
  /** `silver.orders` */
  readonly table: string
  readonly partition: string
  readonly name: string
  readonly path: string
}

/** The files to check, and where they are. */
export interface FilesToCheck {
  /** Files of Silver that the manifest names. */
  readonly lake: readonly LakeFile[]
  /** Path by file name; a file that was not found is absent. */
  readonly places: ReadonlyMap<string, string>
  /** What the marts were built from. */
  readonly snapshot: readonly SnapshotFile[]
  /** `marts/snapshot-3`, relative to the data directory. */
  readonly snapshotDir: string
}

/** What is wrong with the files. */
export interface CheckedFiles {
  readonly damaged: readonly FoundDamage[]
  /** Paths of damaged files that DuckDB can't read as rows of their table. */
  readonly unreadable: ReadonlySet<string>
}

/** Checks all files once; a file with two names is reported once. */
export async function checkSilverFiles(
  files: FilesToCheck,
  ports: FilePorts,
): Promise<CheckedFiles> {
  const { lake, places, snapshot, snapshotDir } = files
  const unreadable = new Set<string>()
  const readable = async (path: string | undefined, table: string) => {
    const isReadable = path !== undefined && (await ports.isReadable(path, table))
    if (!isReadable && path !== undefined) unreadable.add(path)
    return isReadable
  }
  const found = new Map<string, FoundDamage>()
  for (const { table, partition, name, ...wanted } of lake) {
    const path = places.get(name)
    const problem = path === undefined ? 'is missing' : await ports.fault(wanted, path)
    if (problem === undefined) continue
    found.set(name, {
      ...{ table, partition, file: `lake/${leafPath(table, partition)}/${name}`, problem },
      ...{ isInLake: true, isInMarts: false, isReadable: await readable(path, table) },
    })
  }
  const byName = new Map(lake.map((file) => [file.name, file]))
  const own: FoundDamage[] = []
  for (const { table, partition, name, path } of snapshot) {
    const inLake = places.get(name)
    const damage = found.get(name)
    if (inLake !== undefined && (await ports.isSame(inLake, path))) {
      // Both paths are one file, which was checked above.
      if (!damage) continue
      found.set(name, { ...damage, isInMarts: true })
      if (!damage.isReadable) unreadable.add(path)
      continue
    }
    const crc32 = parseFileCrc(name)
    const wanted = byName.get(name) ?? (crc32 === undefined ? undefined : { crc32 })
    const problem = wanted && (await ports.fault(wanted, path))
    if (problem === undefined) continue
    const file = `${snapshotDir}/${leafPath(table, partition)}/${name}`
    own.push({
      ...{ table, partition, file, problem },
      ...{ isInLake: false, isInMarts: true, isReadable: await readable(path, table) },
    })
  }
  return { damaged: [...found.values(), ...own], unreadable }
}

/** A visit and its lateness reach no further than this from the shop day that it is on. */
const MARGIN_DAYS = 3

/**
 * Whether a partition such as `event_date=2026-11-22` can hold rows of a shop day; undefined: any.
 */
export function isNearDay(day: string | undefined, partition: string): boolean {
  if (day === undefined) return true
  const ms = Math.abs(Date.parse(partition.split('=')[1] ?? '') - Date.parse(day))
  return Number.isNaN(ms) || ms / 86_400_000 <= MARGIN_DAYS
}

/** Silver as the marts' own snapshot has it, and Bronze of a commit. */
export function listComparedFiles({
  snapshot,
  lake,
  places,
}: Pick<FilesToCheck, 'snapshot' | 'lake' | 'places'>): TableFiles {
  const bronze = lake.filter(({ table }) => table.startsWith('bronze.'))
  const found = bronze.map(({ table, name }) => {
    const path = places.get(name)
    if (path !== undefined) return { table, path }
    throw new CcsError('CCS_LAKE_DAMAGED', `${table} has lost the file ${name}.`, {
      hint: 'See what else is damaged: ccs lake verify',
    })
  })
  return groupByTable([...snapshot, ...found])
}

/** The tables without some of their files. */
export function excludeFiles(tables: TableFiles, paths: ReadonlySet<string>): TableFiles {
  if (paths.size === 0) return tables
  return new Map(
    [...tables].map(([table, files]) => [table, files.filter((path) => !paths.has(path))]),
  )
}
