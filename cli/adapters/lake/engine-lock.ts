/**
 * One engine a data directory. Who holds this lock may commit a manifest and settle the lake; everybody else
 * only reads, or asks the holder over HTTP.
 */
import { CcsError } from '../../domain/kernel/errors.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import {
  type FileLock,
  type LockHolder,
  lockHolder,
  type Processes,
  systemProcesses,
  takeLock,
} from '../files/file-lock.ts'
import type { Files } from '../files/files.ts'

const NAME = 'engine'

/**
 * Takes the engine's lock of the data directory `root`, which is made if it is absent. `owner` is shown to
 * others, e.g. `ccs run`. Throws CCS_ENGINE_LOCKED, with owner and pid, while a living process has it.
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
  const { holder, path } = attempt
  const isElsewhere = holder.host !== processes.self().host
  const who = `${holder.owner} (pid ${holder.pid}${isElsewhere ? ` on ${holder.host}` : ''})`
  throw new CcsError('CCS_ENGINE_LOCKED', `${who} runs on ${root}; one engine a data directory.`, {
    hint: isElsewhere
      ? `Stop it there. If that machine is gone for good, delete ${path}.`
      : `Stop it (kill ${holder.pid} lets it drain), or choose another directory with --data.`,
  })
}

/** The living process that holds the engine's lock; undefined when none does. */
export function engineHolder(
  files: Files,
  root: string,
  processes: Processes = systemProcesses(),
): Promise<LockHolder | undefined> {
  return lockHolder(files, { dir: dataLayout(root).locks, name: NAME }, processes)
}
