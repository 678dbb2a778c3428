/** Removes from an open lake what none of its catalogues names. */
import type { OpenLake } from '../../../domain/lake/formats/open-lake.ts'
import { treePath } from '../../../domain/lake/layout.ts'
import { type Files, listNames } from '../../files/files.ts'

/** Versions of a table's metadata that stay, counted back: readers may have looked one up. */
const METADATA_KEPT = [0, 1, 2]

/** What no kept snapshot shows, and what publications that did not end have left. */
export async function removeUnnamed(files: Files, dir: string, lake: OpenLake): Promise<void> {
  const named = listNamed(lake)
  /** Returns whether something is left. */
  const removeBelow = async (name: string): Promise<boolean> => {
    if (named.has(name)) return true
    const path = `${dir}/${name}`
    if (!(await files.stat(path)).isDirectory) {
      await files.unlink(path)
      return false
    }
    let isUsed = false
    for (const one of await files.readdir(path))
      isUsed = (await removeBelow(`${name}/${one}`)) || isUsed
    if (!isUsed) await files.remove(path)
    return isUsed
  }
  for (const name of await listNames(files, dir)) await removeBelow(name)
}

/** Paths below the folder. */
function listNamed({ tables }: OpenLake): ReadonlySet<string> {
  const named = new Set(['catalog.ducklake', 'state.json'])
  for (const { name: table, files, iceberg } of tables) {
    for (const file of files) named.add(`files/${treePath({ ...file, table })}`)
    if (iceberg === undefined) continue
    const { version, manifests, snapshots } = iceberg
    const names = [
      'version-hint.text',
      ...METADATA_KEPT.map((back) => `v${version - back}.metadata.json`),
      ...manifests.map(({ name }) => name),
      ...snapshots.map(({ list }) => list),
    ]
    for (const name of names) named.add(`iceberg/${table}/metadata/${name}`)
  }
  return named
}
