/**
 * Whether the lake's files still have the bytes that were written, asked when an engine starts: DuckDB would
 * not notice a flipped bit, and would serve it. The newest files are looked at before anything is served; what
 * takes too long for a start is looked at beside the running engine.
 */
import { CcsError, EXIT } from '../core/errors.ts'
import { leafPath } from '../core/layout.ts'
import type { LakeFile } from '../core/manifest.ts'

export interface LakeChecker {
  /** Half a sentence, such as `is missing`; undefined for a file that is whole. */
  check(file: { bytes: number; crc32: number }, path: string): Promise<string | undefined>
  path(file: LakeFile): string
}

/** Looks at the files in their order while `goesOn` says so; returns those left. CCS_LAKE_DAMAGED at the first fault. */
export async function checkLake(
  files: readonly LakeFile[],
  lake: LakeChecker,
  goesOn: (file: LakeFile) => boolean,
): Promise<readonly LakeFile[]> {
  for (const [index, file] of files.entries()) {
    if (!goesOn(file)) return files.slice(index)
    const fault = await lake.check(file, lake.path(file))
    if (fault !== undefined) throw damaged(file, fault)
  }
  return []
}

function damaged({ table, partition, name }: LakeFile, fault: string): CcsError {
  const path = `lake/${leafPath(table, partition)}/${name}`
  return new CcsError('CCS_LAKE_DAMAGED', `${path} ${fault}.`, {
    exit: EXIT.checkFailed,
    hint: 'The log still has every event: make the lake again with ccs deploy --rebuild --yes',
  })
}
