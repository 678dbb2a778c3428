/**
 * The files as Superset's own import and export have them: ids instead of names, positions of the
 * dashboards' charts, one warehouse's SQL. What comes out holds no password.
 */
import { fillFromOwn } from '../documents/variables.ts'
import { asObject, asObjects, isObject, type JsonObject } from '../kernel/json.ts'
import { ASSET_KINDS, type AssetKind, assetFile, makeAssetId } from './asset-id.ts'
import { type Asset, type Assets, endReading } from './assets.ts'
import { layOutDashboard } from './layout.ts'
import type { Warehouse } from './warehouse.ts'

/** An object of Superset, as an export shows it. */
export interface BiObject {
  readonly kind: AssetKind
  readonly uuid: string
  readonly content: JsonObject
}

/** An object that ccs makes. */
export interface WantedObject extends BiObject {
  readonly key: string
}

/** What the files' variables stand for. */
export interface RenderValues {
  readonly warehouse: Warehouse
  /** Absolute path of the published marts. */
  readonly marts: string
  /** The shop's. */
  readonly timezone: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Who certifies an object in Superset's pages: says that a file makes it, and which. */
export const CERTIFIED_BY = 'ccs'

const VERSION = '1.0.0'

/** Throws CCS_BI_INVALID for a variable that is not set. */
export function renderAssets(assets: Assets, values: RenderValues): readonly WantedObject[] {
  const database = assets.databases.get(values.warehouse)
  const schema = database ? fill(database, database.value.schema, ['schema'], values, '') : ''
  const wanted = ASSET_KINDS.flatMap((kind) =>
    [...assets[kind].values()]
      // The other warehouse is not asked for, and its settings need not be there.
      .filter((asset) => kind !== 'databases' || asset === database)
      .map((asset) => ({
        kind,
        key: asset.key,
        uuid: makeAssetId(kind, asset.key),
        content: RENDER[kind](asset, { ...values, schema, assets }),
      })),
  )
  endReading(assets)
  return wanted
}

interface Rendering extends RenderValues {
  readonly schema: string
  readonly assets: Assets
}

const RENDER: Readonly<Record<AssetKind, (asset: Asset, values: Rendering) => JsonObject>> = {
  databases: renderDatabase,
  datasets: renderDataset,
  charts: renderChart,
  dashboards: renderDashboard,
}

function renderDatabase(asset: Asset, values: Rendering): JsonObject {
  const { value } = asset
  return {
    database_name: value.database_name,
    sqlalchemy_uri: fill(asset, value.sqlalchemy_uri, ['sqlalchemy_uri'], values, values.schema),
    cache_timeout: null,
    expose_in_sqllab: true,
    allow_run_async: false,
    allow_ctas: false,
    allow_cvas: false,
    allow_dml: false,
    allow_csv_upload: false,
    extra: { allows_virtual_table_explore: true, ...asObject(value.extra) },
    impersonate_user: false,
    uuid: makeAssetId('databases', asset.key),
    version: VERSION,
  }
}

function renderDataset(asset: Asset, values: Rendering): JsonObject {
  const { value, key } = asset
  const sql = (text: unknown, path: readonly (string | number)[]) =>
    text === undefined
      ? null
      : fill(asset, isObject(text) ? text[values.warehouse] : text, path, values, values.schema)
  return {
    table_name: value.table_name,
    main_dttm_col: value.main_dttm_col ?? null,
    description: value.description ?? null,
    offset: 0,
    cache_timeout: null,
    schema: values.schema,
    sql: sql(value.sql, ['sql']),
    filter_select_enabled: true,
    extra: { certification: { certified_by: CERTIFIED_BY, details: assetFile('datasets', key) } },
    normalize_columns: false,
    always_filter_main_dttm: false,
    uuid: makeAssetId('datasets', key),
    metrics: asObjects(value.metrics).map((metric, index) => ({
      metric_name: metric.metric_name,
      verbose_name: metric.verbose_name ?? null,
      expression: sql(metric.expression, ['metrics', index, 'expression']),
      description: metric.description ?? null,
      d3format: metric.d3format ?? null,
    })),
    columns: asObjects(value.columns).map((column, index) => ({
      column_name: column.column_name,
      verbose_name: column.verbose_name ?? null,
      is_dttm: column.is_dttm ?? false,
      is_active: true,
      type: column.type,
      groupby: true,
      filterable: true,
      expression: sql(column.expression, ['columns', index, 'expression']),
      description: column.description ?? null,
    })),
    version: VERSION,
    database_uuid: makeAssetId('databases', values.warehouse),
  }
}

function renderChart({ value, key }: Asset): JsonObject {
  return {
    slice_name: value.slice_name,
    description: value.description ?? null,
    certified_by: CERTIFIED_BY,
    certification_details: assetFile('charts', key),
    viz_type: value.viz_type,
    params: { viz_type: value.viz_type, ...asObject(value.params) },
    cache_timeout: value.cache_timeout ?? null,
    uuid: makeAssetId('charts', key),
    version: VERSION,
    dataset_uuid: makeAssetId('datasets', String(value.dataset)),
  }
}

function renderDashboard({ value, key }: Asset, { assets }: Rendering): JsonObject {
  const rows = asObjects(value.rows).map((row) => ({
    height: Number(row.height),
    charts: asObjects(row.charts).map((place) => ({
      key: String(place.chart),
      uuid: makeAssetId('charts', String(place.chart)),
      name: String(assets.charts.get(String(place.chart))?.value.slice_name ?? ''),
      width: Number(place.width),
    })),
  }))
  return {
    dashboard_title: value.dashboard_title,
    description: value.description ?? null,
    css: value.css ?? null,
    slug: value.slug,
    certified_by: CERTIFIED_BY,
    certification_details: assetFile('dashboards', key),
    published: true,
    uuid: makeAssetId('dashboards', key),
    position: layOutDashboard(String(value.dashboard_title), rows),
    metadata: { ...DASHBOARD_METADATA, label_colors: asObject(value.label_colors) },
    version: VERSION,
  }
}

const DASHBOARD_METADATA = {
  color_scheme: 'supersetColors',
  refresh_frequency: 0,
  cross_filters_enabled: true,
  native_filter_configuration: [],
}

/** The text with its variables filled in; a fault where one is not set. */
function fill(
  { reader }: Asset,
  text: unknown,
  path: readonly (string | number)[],
  { env, marts, timezone }: RenderValues,
  schema: string,
): string {
  const own = { marts, timezone, schema }
  const filled = fillFromOwn(String(text), env, own)
  if ('text' in filled) return filled.text
  if ('missing' in filled)
    reader.fault(path, `${filled.missing} is not set.`, 'Set it in the environment or in .env.')
  else reader.fault(path, `The text ${filled.wrong}`)
  return ''
}

/** Files of an import bundle, as [path, content]; the first says what the bundle is. */
export function listBundle(
  wanted: readonly WantedObject[],
): readonly (readonly [string, JsonObject])[] {
  const database = wanted.find(({ kind }) => kind === 'databases')?.key ?? 'ccs'
  return [
    // The time is not looked at; a fixed one gives the same bytes for the same files.
    ['metadata.yaml', { version: VERSION, type: 'assets', timestamp: '2026-01-01T00:00:00+00:00' }],
    ...wanted.map(({ kind, key, content }) => {
      const folder = kind === 'datasets' ? `${kind}/${database}` : kind
      return [`${folder}/${key}.yaml`, content] as const
    }),
  ]
}
