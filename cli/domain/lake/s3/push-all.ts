/** Passes of an upload until nothing is left to do. */
import type { LakePusher, PassOptions, PushedPass } from './push-lake.ts'

/** What was done, and what readers of the bucket see now. */
export interface PushedCommits extends Omit<PushedPass, 'visible'> {
  /** null: nothing was committed yet. */
  readonly serial: number | null
  readonly files: number
  /** Files that no commit names any more, and that are removed when `lake.keep` has passed. */
  readonly replacedFiles: number
}

/** Errors are those of a pass. */
export async function pushAll(
  pusher: LakePusher,
  nowMs: () => number,
  options: PassOptions,
): Promise<PushedCommits> {
  const { visible: _, ...sum } = await pusher.pass(options)
  let { removedFiles } = sum
  // What has just been replaced may be due at once.
  while ((pusher.nextDueMs ?? Number.POSITIVE_INFINITY) <= nowMs())
    removedFiles += (await pusher.pass()).removedFiles
  const { serial = null, files = [], replaced = [] } = pusher.visible ?? {}
  return { ...sum, removedFiles, serial, files: files.length, replacedFiles: replaced.length }
}
