/** Composition of what uploads the lake of a data directory to S3. */
import type { CopyStateFile } from '../../adapters/lake/copy-state.ts'
import type { Store } from '../../adapters/lake/data-store.ts'
import type { PushSource } from '../../adapters/lake/push-source.ts'
import { formatPlace, type S3Place } from '../../domain/config/lake-s3.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { LakePusher } from '../../domain/lake/s3/push-lake.ts'
import type { Project } from '../../project.ts'
import { openStore } from '../store.ts'

/** The one pusher of a data directory, and what it stands on. */
export interface OpenPusher {
  readonly pusher: LakePusher
  readonly store: Store
  readonly source: PushSource
  readonly state: CopyStateFile
}

/** Who uploads, and until when. */
export interface PushOwner {
  readonly owner: string
  /** Aborted: nothing further is begun. */
  readonly signal?: AbortSignal
}

/** CCS_USAGE_INVALID: ccs.yml names no bucket. */
export function requirePlace({ config }: Project): S3Place {
  if (config.lake.s3) return config.lake.s3
  throw new CcsError('CCS_USAGE_INVALID', 'ccs.yml names no bucket for the lake.', {
    hint: 'Set lake.s3.bucket: docs/lake.md.',
  })
}

/** Runs `use` with it; CCS_ENGINE_LOCKED while another process uploads. */
export async function withPusher<T>(
  project: Project,
  { owner, signal }: PushOwner,
  use: (parts: OpenPusher) => Promise<T>,
): Promise<T> {
  const place = requirePlace(project)
  const [pushes, stores, sources, clocks, locks, states] = await Promise.all([
    import('../../domain/lake/s3/push-lake.ts'),
    import('../../adapters/s3/lake-store.ts'),
    import('../../adapters/lake/push-source.ts'),
    import('../../adapters/process/system-clock.ts'),
    import('../../adapters/lake/worker-lock.ts'),
    import('../../adapters/lake/copy-state.ts'),
  ])
  const store = await openStore(project.dataDir)
  const { files, root } = store
  const lock = await locks.takeWorkerLock(store, {
    ...{ name: 'push', owner, stop: signal },
    refuse: (who) =>
      new CcsError('CCS_ENGINE_LOCKED', `${who} uploads the lake of ${root} already.`, {
        hint: 'It goes on by itself; how far it is: ccs status',
      }),
  })
  const source = sources.openPushSource(store)
  try {
    const state = await states.CopyStateFile.open(files, root, formatPlace(place))
    const pusher = new pushes.LakePusher({
      ...{ store: stores.openLakeStore(place, process.env), clock: clocks.systemClock(), signal },
      ...{ keepMs: project.config.lake.keepMs, lake: state.lake },
      ...{ load: source.load, withPinned: source.withPinned },
      onState: (progress) => state.noteProgress(progress),
    })
    return await use({ pusher, store, source, state })
  } finally {
    await source.close()
    await lock.release()
    await store.log.close()
  }
}
