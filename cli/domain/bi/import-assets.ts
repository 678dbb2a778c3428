/**
 * `ccs bi import`: makes Superset show what the files say. Superset's own import overwrites, but
 * leaves what the files no longer have; here it is removed. At the end an export is compared with
 * the files, since an import can fail without a word.
 */
import { CcsError } from '../kernel/errors.ts'
import type { JsonObject } from '../kernel/json.ts'
import type { AssetKind } from './asset-id.ts'
import { KIND_NAMES } from './assets.ts'
import { type BiObject, listBundle, type WantedObject } from './render.ts'
import { isSynced, planSync, type SyncPlan } from './sync-plan.ts'

/** Superset, as an administrator uses it. */
export interface SupersetApi {
  /** Everything that it has, the objects of other people too. */
  exportAll(): Promise<readonly BiObject[]>
  /** All files or none: in one transaction. */
  importBundle(files: readonly (readonly [string, JsonObject])[]): Promise<void>
  remove(kind: AssetKind, uuids: readonly string[]): Promise<void>
}

/** Throws CCS_CHECK_FAILED if Superset differs from the files afterwards. */
export async function importAssets(
  api: SupersetApi,
  wanted: readonly WantedObject[],
): Promise<SyncPlan> {
  const plan = planSync(wanted, await api.exportAll())
  if (isSynced(plan)) return plan
  if (plan.create.length + plan.update.length > 0) await api.importBundle(listBundle(wanted))
  for (const kind of ['dashboards', 'charts', 'datasets', 'databases'] as const) {
    const uuids = plan.remove.filter((one) => one.kind === kind).map(({ uuid }) => uuid)
    if (uuids.length > 0) await api.remove(kind, uuids)
  }
  requireSynced(planSync(wanted, await api.exportAll()))
  return plan
}

function requireSynced({ create, update, remove }: SyncPlan): void {
  const faults = [
    ...create.map((one) => `the ${KIND_NAMES[one.kind]} "${one.name}" is missing`),
    ...remove.map((one) => `the ${KIND_NAMES[one.kind]} "${one.name}" is still there`),
    ...update.map(
      (one) => `the ${KIND_NAMES[one.kind]} "${one.name}" differs in ${one.keys.join(', ')}`,
    ),
  ]
  if (faults.length === 0) return
  throw new CcsError('CCS_CHECK_FAILED', `Superset did not take over: ${faults.join('; ')}.`, {
    hint: 'Run ccs bi import again; if it stays so, its log says more: ccs bi status names it.',
  })
}
