import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { makeAssetId, parseAssetFile } from '../../../cli/domain/bi/asset-id.ts'
import { readAssets } from '../../../cli/domain/bi/assets.ts'
import { checkAssets } from '../../../cli/domain/bi/check-assets.ts'
import { asObjects } from '../../../cli/domain/kernel/json.ts'
import { findPlace, listFaults, render, SOURCES, withChange } from './project-assets.ts'

const DBT = path.resolve(import.meta.dirname, '../../../dbt/models')

test('ids are UUIDs of version 5, as another library gives them', () => {
  // By Python's uuid.uuid5 with the same namespace.
  expect(makeAssetId('charts', 'sessions_7d')).toBe('fc5a2263-5294-50d7-942b-27ef7b2165f0')
  expect(makeAssetId('databases', 'duckdb')).toBe('8995e6c1-5d77-5d01-9875-5a1e4c70e745')
})

test('only files in the folders of assets have a kind and a key', () => {
  const file = 'infra/superset/assets/charts/top_pages.yaml'
  expect(parseAssetFile(file)).toEqual({ kind: 'charts', key: 'top_pages' })
  expect(parseAssetFile('infra/superset/assets/top_pages.yaml')).toBeUndefined()
  expect(parseAssetFile('infra/superset/assets/charts/Top Pages.yaml')).toBeUndefined()
})

test('the repo’s own files have no fault, and each chart is on a dashboard', () => {
  const wanted = render()
  const count = (kind: string) => wanted.filter((one) => one.kind === kind).length
  expect([count('databases'), count('charts'), count('dashboards')]).toEqual([1, 19, 2])
  const assets = readAssets(SOURCES)
  const placed = [...assets.dashboards.values()].map(({ value }) =>
    asObjects(value.rows).flatMap((row) => asObjects(row.charts).map(({ chart }) => chart)),
  )
  expect(placed.map((charts) => charts.length)).toEqual([11, 8])
  expect(placed.flat().sort()).toEqual([...assets.charts.keys()].sort())
})

test('the columns of the datasets are those that dbt declares for its marts', () => {
  const columns = new Map<string, readonly string[]>()
  for (const file of readdirSync(DBT, { recursive: true, encoding: 'utf8' }))
    if (file.endsWith('.yml'))
      for (const model of asObjects(parse(readFileSync(path.join(DBT, file), 'utf8'))?.models))
        if (model.columns !== undefined)
          columns.set(
            String(model.name),
            asObjects(model.columns).map(({ name }) => String(name)),
          )
  const assets = readAssets(SOURCES)
  // Views of the clean layer have no contract: `ccs bi up` compares them with the marts themselves.
  for (const { value } of assets.datasets.values())
    if (value.sql === undefined && !columns.has(String(value.table_name)))
      expect(String(value.table_name)).toMatch(/^stg_/)
  const contracted = new Map(
    [...assets.datasets].filter(
      ([, { value }]) => value.sql !== undefined || columns.has(String(value.table_name)),
    ),
  )
  checkAssets(
    { ...assets, datasets: contracted, charts: new Map(), dashboards: new Map() },
    columns,
  )
})

describe('a mistake in a file is one sentence with its place', () => {
  const faultsOf = (name: string, from: string, to: string) =>
    listFaults(() => render(withChange(name, from, to)))

  test('a column that the dataset does not have', () => {
    expect(faultsOf('top_pages', 'groupby: [page]', 'groupby: [pagee]')).toEqual([
      'top_pages.yaml:7 There is no column of the dataset stg_events named "pagee". Did you mean "page"?',
    ])
  })

  test('a metric that the dataset does not have', () => {
    expect(faultsOf('sessions_7d', 'metric: sessions', 'metric: session')).toEqual([
      'sessions_7d.yaml:6 There is no metric of the dataset fct_sessions named "session". Did you mean "sessions"?',
    ])
  })

  test('a filter and an order by what is not there', () => {
    expect(faultsOf('latest_events', '"event_time", false', '"event_tim", false')[0]).toMatch(
      /^latest_events\.yaml:8 There is no column of the dataset stg_events named "event_tim"\./,
    )
    expect(faultsOf('latest_events', 'subject: is_bot', 'subject: bot')[0]).toMatch(
      /^latest_events\.yaml:\d+ There is no column of the dataset stg_events named "bot"\./,
    )
  })

  test('a missing and an unknown key', () => {
    expect(faultsOf('device_share', 'slice_name:', 'slice_nam:')).toEqual([
      'device_share.yaml:1 A chart has no key "slice_nam". Did you mean "slice_name"?',
      'device_share.yaml:1 A chart must have the key "slice_name".',
    ])
    expect(faultsOf('device_share', '  donut:', '  donuts:')).toEqual([
      'device_share.yaml:9 A chart of pie has no key "donuts". Did you mean "donut"?',
    ])
    expect(faultsOf('cohorts', '  border_color: { r: 255, g: 255, b: 255, a: 1 }\n', '')).toEqual([
      'cohorts.yaml:6 A chart of heatmap_v2 must have the parameter "border_color".',
    ])
  })

  test('a dataset, a chart and a kind of chart that are not there', () => {
    expect(faultsOf('funnel', 'dataset: funnel_steps', 'dataset: funnel_step')).toEqual([
      'funnel.yaml:3 There is no dataset "funnel_step". Did you mean "funnel_steps"?',
    ])
    expect(faultsOf('shop_performance', 'chart: funnel,', 'chart: funel,')).toEqual([
      `${findPlace('shop_performance', 'chart: funnel')} There is no chart "funel". Did you mean "funnel"?`,
    ])
    expect(faultsOf('funnel', 'viz_type: funnel', 'viz_type: funel')).toEqual([
      'funnel.yaml:4 There is no viz_type named "funel". Did you mean "funnel"?',
    ])
  })

  test('a chart that is twice on a dashboard, and a row that is too wide', () => {
    expect(faultsOf('shop_performance', 'chart: funnel,', 'chart: categories,')).toEqual([
      `${findPlace('shop_performance', 'chart: funnel')} The chart "categories" is on this dashboard already.`,
    ])
    expect(
      faultsOf('shop_performance', 'chart: funnel, width: 6', 'chart: funnel, width: 7'),
    ).toEqual([
      `${findPlace('shop_performance', 'chart: categories')} The charts of this row are 13 wide; a row is 12.`,
    ])
  })

  test('what is not YAML, and a file in no folder', () => {
    expect(faultsOf('funnel', 'viz_type: funnel', 'viz_type: [funnel')[0]).toMatch(
      /^funnel\.yaml:\d+ /,
    )
    const stray = { file: 'infra/superset/assets/funnel.yaml', text: '' }
    expect(listFaults(() => readAssets([...SOURCES, stray]))[0]).toMatch(
      /infra\/superset\/assets\/funnel\.yaml is in no folder of assets/,
    )
  })

  test('a password in an address', () => {
    for (const user of ['${RS_USER}:hunter2', '${RS_USER}:${RS_PWD}'])
      expect(faultsOf('redshift', '${RS_USER}', user)).toEqual([
        'redshift.yaml:3 A password must not stand in an address. ' +
          'Leave it out: RS_PWD is given to the driver when Superset connects.',
      ])
  })

  test('a column that the warehouse does not have', () => {
    const columns = new Map([['rfm', ['segment']]])
    const faults = listFaults(() => checkAssets(readAssets(SOURCES), columns))
    expect(faults).toContainEqual(
      expect.stringMatching(/^rfm\.yaml:6 There is no column of rfm named "currency"\./),
    )
    expect(faults.some((one) => one.startsWith('fct_sessions.yaml:2 There is no mart'))).toBe(true)
  })
})
