/** Composition of `ccs lake publish`, once and after each commit. */
import type { Published } from '../adapters/open-lake/open-lake-folder.ts'
import type { OpenFormat } from '../domain/open-lake/open-lake.ts'
import type { Project } from '../project.ts'
import { openStore } from './store.ts'

/** What is published, and how long snapshots stay; by default as ccs.yml says. */
export interface LakePublishing {
  readonly formats: readonly OpenFormat[]
  readonly keepMs: number
}

/** Publishes the newest commit; undefined: nothing was committed yet. See publishOpenLake. */
export async function publishProjectLake(
  project: Project,
  options: LakePublishing,
): Promise<(Published & { readonly dir: string }) | undefined> {
  const { publishOpenLake, openLakeDir } = await import('../adapters/open-lake/open-lake-folder.ts')
  const store = await openStore(project.dataDir)
  try {
    const published = await publishOpenLake(store, { ...options, nowMs: Date.now() })
    return published && { ...published, dir: openLakeDir(store.root) }
  } finally {
    await store.log.close()
  }
}
