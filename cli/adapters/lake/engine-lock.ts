/**
 * One engine per data directory: the holder of this lock may commit manifests and finalize the
 * lake. Everybody else only reads, or asks the holder over HTTP.
 */
import { CcsError } from '../../domain/kernel/errors.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import {
  describeHolder,
  type FileLock,
  type Processes,
  systemProcesses,
  takeLock,
} from '../files/file-lock.ts'
import type { Files } from '../files/files.ts'

/** Name of the lock in the directory of locks. */
const NAME = 'engine'

/**
 * Takes the lock of the data directory `root`, which is created if missing. `owner` is shown to
 * others, e.g. `ccs run`. Throws CCS_ENGINE_LOCKED while another living process holds it.
 */
export async function takeEngineLock(
  files: Files,
  root: string,
  owner: string,
  processes: Processes = systemProcesses(),
): Promise<FileLock> {
  const dir = dataLayout(root).locks
  await files.mkdir(dir)
  const attempt = await takeLock(files, { dir, name: NAME }, owner, processes)
  if (attempt.taken) return attempt.lock
  const { who, otherHostHint } = describeHolder(attempt, processes)
  throw new CcsError(
    'CCS_ENGINE_LOCKED',
    `${who} runs on ${root}; one engine per data directory.`,
    {
      hint:
        otherHostHint ??
        `Stop it (kill ${attempt.holder.pid} lets it drain), or use another directory with --data.`,
    },
  )
}
