/**
 * A snapshot of Silver as of one commit: hard links to the files that a manifest names, so that
 * readers see one point in time, whatever is committed or compacted meanwhile.
 */
import { leafPath } from '../../domain/lake/layout.ts'
import { groupByPartition, type Manifest } from '../../domain/lake/manifest.ts'
import type { BuildInput } from '../../domain/marts/marts.ts'
import { type Files, isErrno } from '../files/files.ts'

/** What to link, and where. */
export interface LinkSilverOptions {
  readonly files: Files
  readonly manifest: Manifest
  /** Current paths of the manifest's files, by name. */
  readonly paths: ReadonlyMap<string, string>
  /** Replaced; the tables lie below it as in the lake. */
  readonly dir: string
}

/**
 * The linked tables. undefined if a file is gone, because the manifest was replaced longer ago
 * than the lake keeps old files: load it again.
 */
export async function linkSilver(
  options: LinkSilverOptions,
): Promise<BuildInput['tables'] | undefined> {
  const { files, manifest, paths, dir } = options
  const tables: Record<string, Record<string, { rows: number; files: Record<string, string> }>> = {}
  await files.remove(dir)
  for (const { table, partition, files: some } of groupByPartition(manifest.files)) {
    if (!table.startsWith('silver.')) continue
    const folder = `${dir}/${leafPath(table, partition)}`
    await files.mkdir(folder)
    const leaf = { rows: 0, files: {} as Record<string, string> }
    for (const { name, rows } of some) {
      const path = paths.get(name)
      if (path === undefined) return undefined
      try {
        await files.link(path, `${folder}/${name}`)
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return undefined
        throw error
      }
      const { bytes, modifiedMs } = await files.stat(`${folder}/${name}`)
      leaf.rows += rows
      leaf.files[name] = `${bytes}-${Math.round(modifiedMs)}`
    }
    tables[table] = { ...tables[table], [partition]: leaf }
  }
  return tables
}
