/**
 * Makes all rows of Silver and Gold again from the log, beside what is there, and compares them by
 * day with the live ones before one rename swaps them in. Lateness, first arrivals and sessions
 * depend on events before and after a day, so there is no way to make a day's rows alone that is
 * sure to give the rows of the whole; the range says which days are meant to change.
 */
import type { BackfillResult, BackfillRun } from '../../domain/audit/backfill.ts'
import {
  chooseDayColumn,
  compareDays,
  type DaySums,
  daySumsSql,
  readDaySums,
} from '../../domain/audit/compare-days.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { dataLayout, generationName } from '../../domain/lake/layout.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import { removeUnreferencedState } from './checkpoint/state-files.ts'
import { findLogLoss } from './log-loss.ts'
import { refuseUndeployed } from './model-diff.ts'
import { openEngine } from './open-engine.ts'
import { adoptRows, type RebuildParts, rebuildAll, sideDirectory } from './rebuild.ts'

/**
 * Compares, and swaps if `confirm` says so. CCS_PLAN_CHANGES, with nothing changed: the models are
 * not those that made the rows, records wait for a commit, or there would be fewer rows.
 */
export async function backfill(parts: RebuildParts, run: BackfillRun): Promise<BackfillResult> {
  const { store, logic, topic } = parts
  const { range, mayLoseRows } = run
  const base = await store.manifests.load()
  const none = { ...range, inside: [], outside: [], equalDays: 0, applied: false }
  if (!base) return { ...none, serial: null }
  refuseUndeployed(logic, base, 'A backfill makes rows with the models that are deployed.')
  await refuseWaiting(parts, base)
  await store.lake.finalize(base)
  const before = await sumDays(parts, base)
  const loss = await findLogLoss(store, topic, base)
  const built = await rebuildAll(parts, base, { loss, mayLoseRows })
  let applied = false
  try {
    const compared = compareDays(before, await sumDays(parts, built), range)
    const differs = compared.inside.length + compared.outside.length > 0
    applied = differs && (await run.confirm(compared))
    if (applied) await adoptRows(parts, base.serial, built)
    return { ...range, ...compared, applied, serial: base.serial + (applied ? 1 : 0) }
  } finally {
    // Not after a failed adoption: the manifest may name these files by then.
    if (!applied) await discard(parts, base, built)
  }
}

/** Rows made from records after the last commit would look like changes. */
async function refuseWaiting({ store, topic }: RebuildParts, base: Manifest): Promise<void> {
  let isWaiting = false
  for (const partition of await store.log.partitions(topic)) {
    const at = base.positions.find((one) => one.topic === topic && one.partition === partition)
    const reader = await store.log.reader(topic, partition, at?.nextOffset ?? 0)
    isWaiting ||= (await reader.read(1).finally(() => reader.close())).length > 0
  }
  if (!isWaiting) return
  throw new CcsError(
    'CCS_PLAN_CHANGES',
    'Records of the log are in no commit yet, so live and new rows cannot be compared.',
    { hint: 'Take them in first: ccs run --once' },
  )
}

/** Of each table that has rows of its own. */
async function sumDays(
  { config, logic, store, clock }: RebuildParts,
  manifest: Manifest,
): Promise<DaySums> {
  const places = await store.lake.locate(manifest)
  const lakePath = (file: Manifest['files'][number]) =>
    places.get(file.name) ?? store.lake.path(file)
  const engine = await openEngine({ config }, logic, store, { manifest, lakePath })
  try {
    const sums = new Map<string, ReturnType<typeof readDaySums>>()
    for (const { model } of logic.graph) {
      if (model.layer === 'bronze' || model.kind === 'view') continue
      const { columns } = await engine.query(`SELECT * FROM ${model.name} LIMIT 0`, clock.nowMs())
      const sql = daySumsSql(model.name, columns, chooseDayColumn(columns, model))
      sums.set(model.name, readDaySums((await engine.query(sql, clock.nowMs())).rows))
    }
    return sums
  } finally {
    await engine.close()
  }
}

async function discard({ store }: RebuildParts, base: Manifest, built: Manifest): Promise<void> {
  const { files, root } = store
  await removeUnreferencedState(files, dataLayout(root).state, base.state)
  await files.remove(`${root}/${generationName(built.generation)}`)
  await files.remove(sideDirectory(root))
}
