/**
 * What a repair of the lake has to make again. Rows of Gold come from Silver, as in a deployment;
 * everything else comes from the log, since only there the rows of all layers are made together.
 */

import { CcsError } from '../kernel/errors.ts'
import { formatCount } from '../kernel/units.ts'
import { type DamagedFile, displayPath, REPAIR_COMMAND } from '../lake/damage.ts'
import type { LakeFile, Manifest } from '../lake/manifest.ts'
import type { PartitionRepair } from './plan-log-repair.ts'

/** Which rows are made again: those of some Gold models from Silver, or all from the log. */
export interface RowRepair {
  readonly from: 'silver' | 'log'
  /** The Gold models; [] where all rows are made again. */
  readonly models: readonly string[]
}

/** The repair of a lake, planned or done. */
export interface LakeRepair extends RowRepair {
  /** False: only planned. */
  readonly applied: boolean
  /** What is repaired in the log first, so that it is whole. */
  readonly log: readonly PartitionRepair[]
  /** Committed records that are found nowhere, at most. */
  readonly lost: number
  /** UTC days of damaged files of Bronze, as `2026-11-22`, if records are lost. */
  readonly lostDays: readonly string[]
}

/** Decides from which rows the damaged files can be made again. */
export function planRowRepair(manifest: Manifest, damaged: readonly DamagedFile[]): RowRepair {
  const isDamaged = (file: Parameters<typeof displayPath>[0]) => paths.has(displayPath(file))
  const paths = new Set(damaged.map(({ file }) => file))
  const tables = manifest.files.filter(isDamaged).map(({ table }) => table)
  const states = manifest.state.filter(isDamaged)
  const isGold =
    tables.every((table) => table.startsWith('gold.')) &&
    states.every(({ kind }) => kind === 'gold')
  if (!isGold) return { from: 'log', models: [] }
  const models = new Set([...tables, ...states.map(({ model }) => model)])
  return { from: 'silver', models: [...models].sort() }
}

/** Days of the damaged files of Bronze, in order. */
export function listBronzeDays(
  files: readonly LakeFile[],
  damaged: readonly DamagedFile[],
): readonly string[] {
  const paths = new Set(damaged.map(({ file }) => file))
  const days = files
    .filter((file) => file.table.startsWith('bronze.') && paths.has(displayPath(file)))
    .flatMap(({ partition }) => /\d{4}-\d{2}-\d{2}$/.exec(partition)?.[0] ?? [])
  return [...new Set(days)].sort()
}

/** What a repair does, or has done, in sentences. */
export function describeLakeRepair(repair: LakeRepair): readonly string[] {
  const { from, models, log, lost, lostDays } = repair
  const rows =
    from === 'silver'
      ? `Computed again from Silver: ${models.join(', ')}.`
      : 'Rebuilt from the log: all rows of Bronze, Silver and Gold.'
  const restored = log.reduce((sum, one) => sum + one.restored, 0)
  const days = lostDays.length === 0 ? '' : `, of ${lostDays.join(', ')}`
  return [
    rows,
    ...(restored > 0
      ? [`Put back into the log from Bronze and events.dlq: ${formatCount(restored)} records.`]
      : []),
    ...(lost > 0
      ? [`Given up, as they are found nowhere: ${formatCount(lost)} records at most${days}.`]
      : []),
  ]
}

/** CCS_LAKE_DAMAGED: the repair would give records up, and that was not allowed. */
export function lossError({ lost, lostDays }: LakeRepair): CcsError {
  const days = lostDays.length === 0 ? '' : `, of ${lostDays.join(', ')}`
  const message =
    `A repair would give up ${formatCount(lost)} committed records at most${days}: they are ` +
    'neither in the log nor in an intact file of Bronze. Nothing was changed.'
  return new CcsError('CCS_LAKE_DAMAGED', message, {
    hint:
      'Restore the damaged files from a backup. To accept the loss: ' +
      `${REPAIR_COMMAND} --allow-destructive`,
  })
}

/** The manifest without the files and the state of these models. */
export function withoutModels(manifest: Manifest, models: ReadonlySet<string>): Manifest {
  return {
    ...manifest,
    files: manifest.files.filter(({ table }) => !models.has(table)),
    state: manifest.state.filter(({ model }) => !models.has(model)),
  }
}
