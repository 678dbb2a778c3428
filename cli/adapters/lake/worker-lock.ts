/** Of each kind of work beside an engine, one process at a time does it in a data directory. */
import type { CcsError } from '../../domain/kernel/errors.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import { type FileLock, waitForLock } from '../files/file-lock.ts'
import type { Store } from './data-store.ts'
import { makeDir } from './leaf.ts'

/** Whoever worked for an engine that was killed ends by itself within this time. */
const WAIT_MS = 10_000

/** Who works at what. */
export interface Worker {
  /** The kind of work: name of the lock. */
  readonly name: string
  /** Shown to others, e.g. `ccs lake push`. */
  readonly owner: string
  /** Ends the wait. */
  readonly stop?: AbortSignal | undefined
  /** The error that says that `who` does it already. */
  readonly refuse: (who: string) => CcsError
}

/** Throws what `refuse` gives if another process still does it after ten seconds. */
export async function takeWorkerLock(
  { files, root }: Pick<Store, 'files' | 'root'>,
  { name, owner, stop, refuse }: Worker,
): Promise<FileLock> {
  const dir = dataLayout(root).locks
  await makeDir(files, root, dir)
  const untilMs = performance.now() + WAIT_MS
  let who = ''
  return waitForLock(files, { dir, name }, owner, {
    onTry: () => {
      if (performance.now() < untilMs && !stop?.aborted) return
      throw refuse(who)
    },
    onWait: (holder) => {
      who = holder
    },
  })
}
