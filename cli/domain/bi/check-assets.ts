/** Checks that the files name nothing that is not there: datasets, charts, columns, metrics. */
import type { YamlPath } from '../documents/yaml-document.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { asObject, asObjects, parseJson } from '../kernel/json.ts'
import { type Asset, type Assets, endReading, requireAsset } from './assets.ts'
import {
  CHART_TYPES,
  COLUMN_PARAMETERS,
  COMMON_PARAMETERS,
  METRIC_PARAMETERS,
  MODE_PARAMETERS,
} from './chart-types.ts'

/** Columns of the tables in the warehouse, by table; undefined if they are not known. */
export type WarehouseColumns = ReadonlyMap<string, readonly string[]> | undefined

/** Throws CCS_BI_INVALID with all faults. */
export function checkAssets(assets: Assets, columns: WarehouseColumns): void {
  for (const dataset of assets.datasets.values()) checkDataset(dataset, columns)
  for (const chart of assets.charts.values()) checkChart(assets, chart)
  for (const dashboard of assets.dashboards.values()) checkDashboard(assets, dashboard)
  endReading(assets)
}

/** Against the table itself, unless the dataset is a SELECT of its own. */
function checkDataset({ value, reader }: Asset, columns: WarehouseColumns): void {
  const own = listNames(value.columns, 'column_name')
  const time = reader.text(value.main_dttm_col, ['main_dttm_col'])
  if (time !== undefined) requireName(reader, time, ['main_dttm_col'], own, 'column')
  if (!columns || value.sql !== undefined) return
  const table = reader.text(value.table_name, ['table_name']) ?? ''
  const there = columns.get(table)
  if (!there) {
    requireName(reader, table, ['table_name'], [...columns.keys()], 'mart')
    return
  }
  for (const [index, column] of asObjects(value.columns).entries())
    if (column.expression === undefined)
      requireName(
        reader,
        String(column.column_name),
        ['columns', index, 'column_name'],
        there,
        `column of ${table}`,
      )
}

function checkChart(assets: Assets, chart: Asset): void {
  const { value, reader } = chart
  const dataset = requireAsset(assets, 'datasets', chart, value.dataset, ['dataset'])
  const name = reader.text(value.viz_type, ['viz_type']) ?? ''
  const type = CHART_TYPES[name]
  if (!type) {
    requireName(reader, name, ['viz_type'], Object.keys(CHART_TYPES), 'viz_type')
    return
  }
  const known = [...type.required, ...type.optional, ...COMMON_PARAMETERS]
  const params = reader.map(value.params, ['params'], `A chart of ${name}`, known)
  const mode = MODE_PARAMETERS[String(params.query_mode)] ?? []
  for (const key of [...type.required, ...(type.required.includes('query_mode') ? mode : [])])
    if (params[key] === undefined)
      reader.fault(['params'], `A chart of ${name} must have the parameter "${key}".`)
  if (dataset) checkNames(chart, params, dataset)
}

function checkNames(chart: Asset, params: Readonly<Record<string, unknown>>, dataset: Asset): void {
  const { reader } = chart
  const of = `of the dataset ${dataset.key}`
  const check = (keys: readonly string[], known: readonly string[], what: string) => {
    for (const key of keys)
      for (const [name, path] of listTexts(params[key], ['params', key]))
        requireName(reader, name, path, known, `${what} ${of}`)
  }
  const columns = listNames(dataset.value.columns, 'column_name')
  check(METRIC_PARAMETERS, listNames(dataset.value.metrics, 'metric_name'), 'metric')
  check(COLUMN_PARAMETERS, columns, 'column')
  for (const [text, path] of listTexts(params.order_by_cols, ['params', 'order_by_cols'])) {
    const order = parseJson(text)
    const column = Array.isArray(order) ? String(order[0]) : text
    requireName(reader, column, path, columns, `column ${of}`)
  }
  for (const [index, filter] of asObjects(params.adhoc_filters).entries()) {
    const path = ['params', 'adhoc_filters', index]
    if (filter.subject === undefined) reader.fault(path, 'A filter must have the key "subject".')
    else requireName(reader, String(filter.subject), [...path, 'subject'], columns, `column ${of}`)
  }
}

function checkDashboard(assets: Assets, dashboard: Asset): void {
  const used = new Set<string>()
  for (const [at, row] of asObjects(dashboard.value.rows).entries())
    for (const [index, place] of asObjects(row.charts).entries()) {
      const path = ['rows', at, 'charts', index, 'chart']
      const chart = requireAsset(assets, 'charts', dashboard, place.chart, path)
      if (chart && used.has(chart.key))
        dashboard.reader.fault(path, `The chart "${chart.key}" is on this dashboard already.`)
      if (chart) used.add(chart.key)
    }
}

/** Texts of a value that is one or a list of them, each with its place. */
function listTexts(value: unknown, path: YamlPath): readonly (readonly [string, YamlPath])[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) return [[String(value), path]]
  return value.map((one, index) => [String(one), [...path, index]] as const)
}

function listNames(list: unknown, key: string): readonly string[] {
  return asObjects(list).map((item) => String(asObject(item)[key]))
}

function requireName(
  reader: Asset['reader'],
  name: string,
  path: YamlPath,
  known: readonly string[],
  what: string,
): void {
  if (known.includes(name)) return
  reader.fault(path, `There is no ${what} named "${name}".`, () => didYouMean(name, known))
}
