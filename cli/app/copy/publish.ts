/** Composition of `ccs lake publish`: once, and after each commit. */
import type { Store } from '../../adapters/lake/data-store.ts'
import type { Published } from '../../adapters/lake/formats/open-lake-folder.ts'
import type { OpenFormat } from '../../domain/config/lake-s3.ts'
import type { Project } from '../../project.ts'
import { openStore } from '../store.ts'

/** What is published, and how long older snapshots stay. */
export interface LakePublishing {
  readonly formats: readonly OpenFormat[]
  readonly keepMs: number
}

/** Publishes the newest commit; undefined: nothing was committed yet. See publishOpenLake. */
export async function publishProjectLake(
  project: Project,
  options: LakePublishing,
): Promise<(Published & { readonly dir: string }) | undefined> {
  const { publishOpenLake, openLakePath } = await import(
    '../../adapters/lake/formats/open-lake-folder.ts'
  )
  const store = await openStore(project.dataDir)
  try {
    const published = await publishOpenLake(store, { ...options, nowMs: Date.now() })
    return published && { ...published, dir: openLakePath(store.root) }
  } finally {
    await store.log.close()
  }
}

/** Publishes each commit until `stop` aborts, or who started this process is gone. */
export async function followProjectCommits(
  project: Project,
  options: LakePublishing,
  run: { readonly hasParent: boolean; readonly onNotice: (text: string) => void },
  stop: AbortSignal,
): Promise<void> {
  const [{ followCommits }, { systemClock }, { watchParent }, { findRevision }, folder] =
    await Promise.all([
      import('../../domain/lake/follow-commits.ts'),
      import('../../adapters/process/system-clock.ts'),
      import('../../adapters/process/companion.ts'),
      import('../../adapters/lake/manifest-store.ts'),
      import('../../adapters/lake/formats/open-lake-folder.ts'),
    ])
  const store = await openStore(project.dataDir)
  try {
    await followCommits(
      {
        clock: systemClock(),
        findRevision: () => findRevision(store.files, store.root),
        work: async () => {
          await folder.publishOpenLake(store, { ...options, nowMs: Date.now() })
        },
        onNotice: run.onNotice,
        words: {
          failing: 'The last commit is not published',
          again: 'Commits are published again.',
        },
      },
      run.hasParent ? watchParent(stop) : stop,
    )
  } finally {
    await store.log.close()
  }
}

/** Older snapshots go where commits are published: they show rows of a person who was erased. */
export async function forgetOldSnapshots(store: Store): Promise<void> {
  const folder = await import('../../adapters/lake/formats/open-lake-folder.ts')
  if ((await folder.listPublishedFormats(store)).length > 0)
    await folder.publishOpenLake(store, { formats: [], keepMs: 0, nowMs: Date.now() })
}
