/** One process at a time uploads the lake of a data directory. */
import { CcsError } from '../../domain/kernel/errors.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import { type FileLock, waitForLock } from '../files/file-lock.ts'
import type { Store } from './data-store.ts'

/** Whoever uploaded for an engine that was killed ends by itself within this time. */
const WAIT_MS = 10_000

/** CCS_ENGINE_LOCKED if another process still uploads after ten seconds; `stop` ends the wait. */
export async function takePushLock(
  { files, root }: Pick<Store, 'files' | 'root'>,
  owner: string,
  stop?: AbortSignal,
): Promise<FileLock> {
  const dir = dataLayout(root).locks
  await files.mkdir(dir)
  const untilMs = performance.now() + WAIT_MS
  let who = ''
  return waitForLock(files, { dir, name: 'push' }, owner, {
    onTry: () => {
      if (performance.now() < untilMs && !stop?.aborted) return
      throw new CcsError('CCS_ENGINE_LOCKED', `${who} uploads the lake of ${root} already.`, {
        hint: 'It goes on by itself; how far it is: ccs status',
      })
    },
    onWait: (holder) => {
      who = holder
    },
  })
}
