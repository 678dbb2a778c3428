/**
 * What an import must change, from what the files want and what an export of Superset shows. An
 * object belongs to ccs only if it names the file that made it and that file's name gives its id:
 * everything else is somebody's own, and is never touched.
 */
import { asObject, isObject, type JsonObject } from '../kernel/json.ts'
import { type AssetKind, makeAssetId, parseAssetFile } from './asset-id.ts'
import { type BiObject, CERTIFIED_BY, type WantedObject } from './render.ts'
import { WAREHOUSES } from './warehouse.ts'

/** One object of a plan. */
export interface SyncItem {
  readonly kind: AssetKind
  readonly uuid: string
  /** Its name in Superset's pages. */
  readonly name: string
}

/** A change of an object that is there. */
export interface SyncUpdate extends SyncItem {
  /** Keys whose values differ, such as `params.metric`. */
  readonly keys: readonly string[]
}

/** What an import does. */
export interface SyncPlan {
  readonly create: readonly SyncItem[]
  readonly update: readonly SyncUpdate[]
  readonly remove: readonly SyncItem[]
  /** No file describes them any more, but objects of other people need them. */
  readonly keep: readonly (SyncItem & { readonly neededBy: readonly string[] })[]
  readonly unchanged: number
}

/** Nothing is to be done. */
export function isSynced({ create, update, remove }: SyncPlan): boolean {
  return create.length + update.length + remove.length === 0
}

/** `found` is everything that Superset has. */
export function planSync(wanted: readonly WantedObject[], found: readonly BiObject[]): SyncPlan {
  const there = new Map(found.map((one) => [one.uuid, one]))
  const ids = new Set(wanted.map(({ uuid }) => uuid))
  const update = wanted.flatMap((one): readonly SyncUpdate[] => {
    const old = there.get(one.uuid)
    const keys = old ? compareContents(one.kind, one.content, old.content) : []
    return keys.length > 0 ? [{ ...toItem(one), keys }] : []
  })
  const create = wanted.filter(({ uuid }) => !there.has(uuid)).map(toItem)
  const obsolete = found.filter((one) => !ids.has(one.uuid) && isOurs(one))
  const gone = new Set(obsolete.map(({ uuid }) => uuid))
  const neededBy = (one: BiObject, isGone: (uuid: string) => boolean) =>
    found
      .filter(({ uuid, content }) => !isGone(uuid) && listNeeds(content).includes(one.uuid))
      .filter(({ uuid }) => !ids.has(uuid))
      .map((user) => nameOf(user))
  // A dataset that stays keeps its database too: hence from the top down.
  const keep = new Map<string, readonly string[]>()
  for (const kind of ['datasets', 'databases'])
    for (const one of obsolete.filter((other) => other.kind === kind)) {
      const users = neededBy(one, (uuid) => gone.has(uuid) && !keep.has(uuid))
      if (users.length > 0) keep.set(one.uuid, users)
    }
  return {
    create,
    update,
    remove: REMOVAL_ORDER.flatMap((kind) =>
      obsolete.filter((one) => one.kind === kind && !keep.has(one.uuid)).map(toItem),
    ),
    keep: obsolete
      .filter(({ uuid }) => keep.has(uuid))
      .map((one) => ({ ...toItem(one), neededBy: keep.get(one.uuid) ?? [] })),
    unchanged: wanted.length - create.length - update.length,
  }
}

const REMOVAL_ORDER: readonly AssetKind[] = ['dashboards', 'charts', 'datasets', 'databases']

/** Whether ccs made it: a copy by hand has another id, a forged note has another name. */
export function isOurs({ kind, uuid, content }: BiObject): boolean {
  if (kind === 'databases') return WAREHOUSES.some((key) => makeAssetId(kind, key) === uuid)
  const { certification } = asObject(content.extra)
  const [by, file] =
    kind === 'datasets'
      ? [asObject(certification).certified_by, asObject(certification).details]
      : [content.certified_by, content.certification_details]
  const asset = typeof file === 'string' ? parseAssetFile(file) : undefined
  return by === CERTIFIED_BY && asset?.kind === kind && makeAssetId(kind, asset.key) === uuid
}

function listNeeds(content: JsonObject): readonly unknown[] {
  return [content.dataset_uuid, content.database_uuid]
}

function toItem({ kind, uuid, content }: BiObject): SyncItem {
  return { kind, uuid, name: nameOf({ content }) }
}

function nameOf({ content }: Pick<BiObject, 'content'>): string {
  const { slice_name, dashboard_title, table_name, database_name } = content
  return String(slice_name ?? dashboard_title ?? table_name ?? database_name ?? '')
}

/**
 * Paths of the values that differ; [] for equal contents. An empty value is as good as none, and
 * what Superset derives by itself does not count.
 */
export function compareContents(
  kind: AssetKind,
  wanted: JsonObject,
  found: JsonObject,
): readonly string[] {
  return listDifferences(normalize(kind, wanted), normalize(kind, found), '')
}

function listDifferences(wanted: unknown, found: unknown, path: string): readonly string[] {
  if (isObject(wanted) && isObject(found)) {
    const keys = [...new Set([...Object.keys(wanted), ...Object.keys(found)])].sort()
    return keys.flatMap((key) =>
      listDifferences(wanted[key], found[key], path === '' ? key : `${path}.${key}`),
    )
  }
  return JSON.stringify(wanted) === JSON.stringify(found) ? [] : [path]
}

/** Keys that Superset fills by itself when it imports, shows or saves an object. */
const DERIVED: Readonly<Record<AssetKind, readonly string[]>> = {
  databases: ['configuration_method', 'ssh_tunnel'],
  datasets: ['default_endpoint', 'params', 'template_params', 'folders', 'catalog'],
  charts: ['query_context', 'params.datasource', 'params.slice_id', 'tags'],
  dashboards: [
    ...['metadata.chart_configuration', 'metadata.global_chart_configuration'],
    ...['metadata.default_filters', 'metadata.shared_label_colors', 'metadata.map_label_colors'],
    ...['metadata.color_scheme_domain', 'metadata.timed_refresh_immune_slices'],
    ...['metadata.expanded_slices', 'metadata.filter_scopes', 'tags', 'theme_uuid'],
  ],
}

function normalize(kind: AssetKind, content: JsonObject): unknown {
  const clean = dropEmpty(content, '', new Set(DERIVED[kind]))
  if (kind !== 'datasets' || !isObject(clean)) return clean
  return {
    ...clean,
    columns: byName(clean.columns, 'column_name'),
    metrics: byName(clean.metrics, 'metric_name'),
  }
}

/** Lists whose order means nothing, as maps. */
function byName(list: unknown, key: string): JsonObject {
  const items = Array.isArray(list) ? list.filter(isObject) : []
  return Object.fromEntries(items.map((item) => [String(item[key]), item]))
}

function dropEmpty(value: unknown, path: string, derived: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((one) => dropEmpty(one, path, derived))
  if (!isObject(value)) return value
  const entries = Object.entries(value)
    .map(([key, one]) => [key, path === '' ? key : `${path}.${key}`, one] as const)
    .filter(([key, at]) => !derived.has(at) && !(key === 'chartId' && at.startsWith('position.')))
    .map(([key, at, one]) => [key, dropEmpty(one, at, derived)] as const)
    .filter(([, one]) => !isEmpty(one))
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
