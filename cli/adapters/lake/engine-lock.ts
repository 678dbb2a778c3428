/**
 * One engine per data directory: the holder of this lock may commit manifests and finalize the
 * lake. Everybody else only reads, or asks the holder over HTTP. Each taking has an epoch, greater
 * than those of all commits and of all earlier takings, which its commits carry.
 */
import { CcsError } from '../../domain/kernel/errors.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import { type FileLock, takeLock } from '../files/file-lock.ts'
import { isErrno } from '../files/files.ts'
import type { Processes } from '../files/process-id.ts'
import type { Store } from './data-store.ts'

/** The lock of a running engine. */
export interface EngineLock extends FileLock {
  /**
   * Throws CCS_DISK_FAILED once the data directory was removed, unmounted or replaced, and
   * CCS_ENGINE_LOCKED once the lock alone was removed: what is written from then on may be lost.
   */
  requireHeld(): Promise<void>
}

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
): Promise<EngineLock> {
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
  const requireHeld = async () => {
    const isHeld = await lock.isHeld().catch(asMissing)
    if (isHeld !== true) throw await lockGoneError({ files, root })
  }
  return { ...lock, requireHeld }
}

/** For the error of a file or directory that is not there; throws any other. */
function asMissing(error: unknown): undefined {
  if (!isErrno(error, 'ENOENT') && !isErrno(error, 'ENOTDIR')) throw error
}

async function lockGoneError({ files, root }: Pick<Store, 'files' | 'root'>): Promise<CcsError> {
  const names = await files.readdir(dataLayout(root).locks).catch(asMissing)
  return names === undefined
    ? new CcsError('CCS_DISK_FAILED', `The data directory ${root} is gone; the engine has ended.`, {
        hint:
          'It was removed, moved or unmounted. Bring it back (mount, ccs backup restore), ' +
          'then start the engine again.',
      })
    : new CcsError('CCS_ENGINE_LOCKED', `The lock of the engine in ${root} was removed.`, {
        hint: 'Files there must not be deleted while ccs runs. Start the engine again.',
      })
}
