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
import { isOurs, isSynced, planSync, type SyncPlan } from './sync-plan.ts'

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
  const found = await api.exportAll()
  const plan = planSync(wanted, found)
  if (isSynced(plan)) return plan
  requireFreeNames(wanted, found)
  const moved = listMoved(wanted, found)
  // Superset's import can't lay a dataset over another database: it is made again there.
  if (moved.length > 0) await api.remove('datasets', moved)
  if (plan.create.length + plan.update.length > 0) await api.importBundle(listBundle(wanted))
  for (const kind of ['dashboards', 'charts', 'datasets', 'databases'] as const) {
    const uuids = plan.remove.filter((one) => one.kind === kind).map(({ uuid }) => uuid)
    if (uuids.length > 0) await api.remove(kind, uuids)
  }
  requireSynced(planSync(wanted, await api.exportAll()))
  return plan
}

/** Superset has one dataset of a name, whoever made it; its import fails without saying so. */
function requireFreeNames(wanted: readonly WantedObject[], found: readonly BiObject[]): void {
  const ids = new Set(wanted.map(({ uuid }) => uuid))
  const names = new Set(wanted.map(({ content }) => content.table_name))
  const taken = found.find(
    ({ kind, uuid, content }) =>
      kind === 'datasets' && !ids.has(uuid) && names.has(content.table_name),
  )
  if (!taken) return
  const name = String(taken.content.table_name)
  throw new CcsError('CCS_BI_FAILED', `Superset has a dataset "${name}" of somebody else.`, {
    hint: 'Rename or delete it there: Superset can have one of a name. Nothing was changed.',
  })
}

/** Datasets that lie over another database now; CCS_BI_FAILED if somebody's own chart needs one. */
function listMoved(wanted: readonly WantedObject[], found: readonly BiObject[]): readonly string[] {
  const ids = new Set(wanted.map(({ uuid }) => uuid))
  const before = new Map(found.map(({ uuid, content }) => [uuid, content.database_uuid]))
  const moved = wanted
    .filter(({ kind, uuid }) => kind === 'datasets' && before.has(uuid))
    .filter(({ uuid, content }) => before.get(uuid) !== content.database_uuid)
    .map(({ uuid }) => uuid)
  const users = found.filter(
    (one) =>
      one.kind === 'charts' &&
      !ids.has(one.uuid) &&
      !isOurs(one) &&
      moved.includes(String(one.content.dataset_uuid)),
  )
  if (users.length === 0) return moved
  const names = users.map(({ content }) => String(content.slice_name)).join(', ')
  throw new CcsError(
    'CCS_BI_FAILED',
    `Charts of other people need the warehouse of before: ${names}.`,
    {
      hint: 'Delete them in Superset, or go on with that warehouse. Nothing was changed.',
    },
  )
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
