/**
 * One engine per data directory: the holder of this lock may commit manifests and finalize the
 * lake. Everybody else only reads, or asks the holder over HTTP. Each taking has an epoch, greater
 * than those of all commits and of all earlier takings, which its commits carry.
 */
import { CcsError } from '../../domain/kernel/errors.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import { type FileLock, takeLock } from '../files/file-lock.ts'
import type { Processes } from '../files/process-id.ts'
import type { Store } from './data-store.ts'

/** Name of the lock in the directory of locks. */
const NAME = 'engine'

/**
 * Takes the lock of the store's data directory, which is created if missing; from then on the
 * store's commits are rejected once the lock is lost. `owner` is shown to others, e.g. `ccs run`.
 * Throws CCS_ENGINE_LOCKED while another living process holds it, and changes nothing then.
 */
export async function takeEngineLock(
  { files, root, manifests }: Pick<Store, 'files' | 'root' | 'manifests'>,
  owner: string,
  processes?: Processes,
): Promise<FileLock> {
  const dir = dataLayout(root).locks
  await files.mkdir(dir)
  const above = (await manifests.load())?.epoch ?? 0
  const options = { above, ...(processes ? { processes } : {}) }
  const attempt = await takeLock(files, { dir, name: NAME }, owner, options)
  if (!attempt.taken) {
    const { who, pid, hint } = attempt
    const stop = pid === undefined ? 'Stop it there' : `Stop it (kill ${pid} lets it drain)`
    const message = `${who} runs on ${root}; one engine per data directory.`
    throw new CcsError('CCS_ENGINE_LOCKED', message, {
      hint: hint ?? `${stop}, or use another directory with --data.`,
    })
  }
  const { lock } = attempt
  manifests.fence(lock.generation, () => lock.isHeld())
  return lock
}
