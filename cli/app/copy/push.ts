/** Composition of uploading the lake to S3: once, after each commit, and of checking the copy. */
import { formatPlace } from '../../domain/config/lake-s3.ts'
import { type PushedCommits, pushAll } from '../../domain/lake/s3/push-all.ts'
import type { PassOptions } from '../../domain/lake/s3/push-lake.ts'
import type { VerifyCopyResult } from '../../domain/lake/s3/verify-copy.ts'
import type { Project } from '../../project.ts'
import { openStore } from '../store.ts'
import { settleReceipts } from './erased.ts'
import { type PushOwner, requirePlace, withPusher } from './pusher.ts'

/** The document of `ccs lake push`. */
export interface PushResult extends PushedCommits {
  /** `s3://bucket/prefix` */
  readonly address: string
}

/** CCS_USAGE_INVALID: ccs.yml names no bucket. CCS_ENGINE_LOCKED: another process uploads. */
export async function pushProjectLake(
  project: Project,
  run: PushOwner & PassOptions,
): Promise<PushResult> {
  const address = formatPlace(requirePlace(project))
  return withPusher(project, run, async ({ pusher, state, store }) => {
    const pushed = await pushAll(pusher, () => Date.now(), run)
    await state.change({ failure: null })
    await settleReceipts(store, pusher.visible)
    return { address, ...pushed }
  })
}

/** How commits are followed. */
export interface FollowRun {
  /** Ends with the process that started this one. */
  readonly hasParent: boolean
  readonly onNotice: (text: string) => void
}

/** A last upload may take so long when it is told to end. */
const END_MS = 20_000

/** Uploads each commit until `stop` aborts; then what is still missing, if that is quick. */
export async function followProjectLake(
  project: Project,
  { hasParent, onNotice }: FollowRun,
  stop: AbortSignal,
): Promise<void> {
  const [{ followLake }, { sleep, systemClock }, { watchParent }] = await Promise.all([
    import('../../domain/lake/s3/follow-lake.ts'),
    import('../../adapters/process/system-clock.ts'),
    import('../../adapters/process/companion.ts'),
  ])
  const ending = new AbortController()
  const late = new AbortController()
  const end = () => {
    ending.abort()
    void sleep(END_MS, late.signal).then(() => late.abort())
  }
  for (const one of hasParent ? [stop, watchParent()] : [stop])
    one.addEventListener('abort', end, { once: true })
  const owner = { owner: 'ccs lake push', signal: late.signal }
  await withPusher(project, owner, ({ pusher, store, source, state }) =>
    followLake(
      {
        ...{ clock: systemClock(), pusher, onNotice },
        findRevision: () => source.findRevision(),
        saveFailure: (failure) => state.change({ failure }),
        onPassed: () => settleReceipts(store, pusher.visible),
      },
      ending.signal,
    ),
  ).finally(() => late.abort())
}

/** Checks the copy. CCS_USAGE_INVALID: ccs.yml names no bucket. */
export async function verifyProjectCopy(
  project: Project,
  onProgress: (done: number, total: number) => void,
): Promise<VerifyCopyResult> {
  const [{ verifyCopy }, { openLakeStore }, { systemClock }, { crc32 }] = await Promise.all([
    import('../../domain/lake/s3/verify-copy.ts'),
    import('../../adapters/s3/lake-store.ts'),
    import('../../adapters/process/system-clock.ts'),
    import('node:zlib'),
  ])
  const copy = openLakeStore(requirePlace(project), process.env)
  const { log, manifests } = await openStore(project.dataDir)
  const manifest = await manifests.load().finally(() => log.close())
  return verifyCopy({ store: copy, clock: systemClock(), manifest, crc32, onProgress })
}
