/**
 * Checks, when an engine starts, that the lake's files still have the bytes that were written:
 * DuckDB would not notice a flipped bit. The newest files are checked before anything is served,
 * the others in the background.
 */

import type { Clock } from '../kernel/clock.ts'
import type { CcsError } from '../kernel/errors.ts'
import { damageError, displayPath } from './damage.ts'
import type { LakeFile, Manifest } from './manifest.ts'

interface LakeChecker {
  /** Half a sentence on the damage, such as `is missing`; undefined for an intact file. */
  check(file: LakeFile, path: string): Promise<string | undefined>
  path(file: LakeFile): string
}

/** A running engine: its current files, and a way to stop it with an error. */
interface RunningEngine {
  readonly manifest: Manifest | undefined
  fail(error: unknown): void
}

const START_MS = 1_000
const REST_MS = 20

/**
 * Checks files, newest first, for as long as a start may take; returns those that remain. Throws
 * CCS_LAKE_DAMAGED at the first damaged file.
 */
export async function checkNewestFiles(
  lake: LakeChecker,
  { files }: Manifest,
  clock: Clock,
): Promise<readonly LakeFile[]> {
  const untilMs = clock.elapsedMs() + START_MS
  const newest = files.toReversed()
  for (const [index, file] of newest.entries()) {
    if (clock.elapsedMs() > untilMs) return newest.slice(index)
    const fault = await findDamage(lake, file)
    if (fault) throw fault
  }
  return []
}

/** Checks files in the background; damage ends the engine. `stop` before closing the lake. */
export function checkRemainingFiles(
  lake: LakeChecker,
  files: readonly LakeFile[],
  { engine, clock }: { readonly engine: RunningEngine; readonly clock: Clock },
): { stop(): Promise<void> } {
  const stopped = new AbortController()
  const check = async () => {
    for (const file of files) {
      if (stopped.signal.aborted) return
      // A commit or compaction may have replaced the file since.
      const isNamed = () => engine.manifest?.files.some((one) => one.name === file.name)
      const fault = isNamed() && (await findDamage(lake, file))
      if (fault && isNamed()) throw fault
      await clock.sleep(REST_MS, stopped.signal)
    }
  }
  const running = check().catch((error: unknown) => engine.fail(error))
  return {
    stop: () => {
      stopped.abort()
      return running
    },
  }
}

async function findDamage(lake: LakeChecker, file: LakeFile): Promise<CcsError | undefined> {
  const fault = await lake.check(file, lake.path(file))
  return fault === undefined ? undefined : damageError([{ file: displayPath(file), fault }])
}
