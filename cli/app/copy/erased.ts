/** Composition of what an erasure does to the copy of the lake on S3, and of its receipts. */
import type { Store } from '../../adapters/lake/data-store.ts'
import { formatPlace } from '../../domain/config/lake-s3.ts'
import type { ErasedCopy } from '../../domain/erase/erased-copy.ts'
import type { CopyManifest } from '../../domain/lake/s3/copy-manifest.ts'
import type { Project } from '../../project.ts'
import { openStore } from '../store.ts'
import { withPusher } from './pusher.ts'

/** Brings the rows without the person to S3; null: there is no copy. Never rejects. */
export async function eraseCopy(project: Project): Promise<ErasedCopy | null> {
  const { s3, keepMs } = project.config.lake
  if (!s3) return null
  const [{ describeErasedCopy }, { pushAll }] = await Promise.all([
    import('../../domain/erase/erased-copy.ts'),
    import('../../domain/lake/s3/push-all.ts'),
  ])
  const address = formatPlace(s3)
  const { log, manifests } = await openStore(project.dataDir)
  const generation = (await manifests.load().finally(() => log.close()))?.generation ?? 0
  try {
    return await withPusher(project, { owner: 'ccs erase' }, async ({ pusher }) => {
      await pushAll(pusher, () => Date.now(), {})
      const about = { address, generation, keepMs, nowMs: Date.now() }
      return describeErasedCopy(pusher.visible, about)
    })
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    return { address, generation, files: null, due: null, gone: null, problem }
  }
}

/** Notes in receipts that old files are gone; `visible` is what the bucket has now. */
export async function settleReceipts(
  { files, root }: Pick<Store, 'files' | 'root'>,
  visible: CopyManifest | undefined,
): Promise<void> {
  const [{ completeReceipts }, { isWithoutOlder }] = await Promise.all([
    import('../../adapters/files/erased-file.ts'),
    import('../../domain/erase/erased-copy.ts'),
  ])
  const isGone = (generation: number) => isWithoutOlder(visible, generation)
  await completeReceipts(files, root, { nowMs: Date.now(), isGone })
}
