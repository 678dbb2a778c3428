/** Files that are not as they were written: how they are named, and what to do about them. */
import { CcsError } from '../kernel/errors.ts'
import { leafPath } from './layout.ts'
import type { LakeFile, StateFile } from './manifest.ts'

/** A file that is not as it was written. */
export interface DamagedFile {
  /** `silver/events/event_date=2026-11-22/12-0001.parquet`, or `state/12/seen.bin`. */
  readonly file: string
  /** Half a sentence: `is missing`. */
  readonly fault: string
}

/** The command that repairs the lake. */
export const REPAIR_COMMAND = 'ccs lake verify --repair'

/** What to type when files of the lake or of the state are damaged or gone. */
export const REPAIR_HINT = `See all damage: ccs lake verify. To repair it: ${REPAIR_COMMAND}`

/** A file as it is named to users: its place in the tree of the lake, or below `state/`. */
export function displayPath(file: LakeFile | StateFile): string {
  if (!('name' in file)) return `state/${file.path}`
  return `${leafPath(file.table, file.partition)}/${file.name}`
}

/** CCS_LAKE_DAMAGED that names the first of these files and counts the others. */
export function damageError([first, ...others]: readonly DamagedFile[]): CcsError {
  const more = others.length > 0 ? ` So are ${others.length} more files.` : ''
  const path = first?.file.startsWith('state/') ? first.file : `lake/${first?.file}`
  const message = `${path} ${first?.fault}, so it is not read.${more}`
  return new CcsError('CCS_LAKE_DAMAGED', message, { hint: REPAIR_HINT })
}

/**
 * Runs a check of the files that are current, again if they were replaced under it: those of before
 * may be gone by then, which is no damage. `current` gives another value when they are replaced.
 */
export async function checkCurrent(
  current: () => unknown,
  check: () => Promise<void>,
): Promise<void> {
  for (;;) {
    const before = current()
    try {
      return await check()
    } catch (error) {
      const isDamage = error instanceof CcsError && error.code === 'CCS_LAKE_DAMAGED'
      if (!isDamage || current() === before) throw error
    }
  }
}
