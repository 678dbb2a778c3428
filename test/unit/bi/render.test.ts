import { expect, test } from 'vitest'
import { makeAssetId } from '../../../cli/domain/bi/asset-id.ts'
import { listBundle } from '../../../cli/domain/bi/render.ts'
import { asObject, asObjects } from '../../../cli/domain/kernel/json.ts'
import { listFaults, render, SOURCES } from './project-assets.ts'

const REDSHIFT = {
  warehouse: 'redshift',
  env: { RS_HOST: 'cluster.example', RS_USER: 'reader', RS_DB: 'shop', RS_PWD: 'canary-7Qx' },
} as const

test('over DuckDB the database is the published copy, read only', () => {
  const database = render().find(({ kind }) => kind === 'databases')
  expect(database?.content).toMatchObject({
    sqlalchemy_uri: 'duckdb:////shop/data/marts/serve.duckdb',
    allow_dml: false,
    extra: { engine_params: { connect_args: { read_only: true } } },
  })
})

test('over Redshift all datasets lie in the schema marts, and no text has the password', () => {
  const wanted = render(SOURCES, REDSHIFT)
  const database = wanted.find(({ kind }) => kind === 'databases')
  expect(database?.content.sqlalchemy_uri).toBe(
    'redshift+redshift_connector://reader@cluster.example:5439/shop',
  )
  const datasets = wanted.filter(({ kind }) => kind === 'datasets')
  expect(new Set(datasets.map(({ content }) => content.schema))).toEqual(new Set(['marts']))
  expect(new Set(datasets.map(({ content }) => content.database_uuid))).toEqual(
    new Set([makeAssetId('databases', 'redshift')]),
  )
  expect(JSON.stringify(wanted)).not.toContain('canary')
})

test('each warehouse has its own SQL where they differ, and the shop’s timezone', () => {
  const hour = (warehouse: 'duckdb' | 'redshift') => {
    const { env } = REDSHIFT
    const events = render(SOURCES, { warehouse, env }).find(({ key }) => key === 'stg_events')
    const columns = asObjects(events?.content.columns)
    return columns.find((one) => one.column_name === 'hour_of_day')?.expression
  }
  expect(hour('duckdb')).toContain("timezone('Europe/Berlin', timezone('UTC', event_time))")
  expect(hour('redshift')).toContain("convert_timezone('UTC', 'Europe/Berlin', event_time)")
  const funnel = render(SOURCES, REDSHIFT).find(({ key }) => key === 'funnel_steps')
  expect(funnel?.content.sql).toContain('FROM marts.daily_funnel')
})

test('a setting of Redshift that is not set is named with its place, and DuckDB needs none', () => {
  const { RS_HOST: _, ...env } = REDSHIFT.env
  expect(listFaults(() => render(SOURCES, { ...REDSHIFT, env }))).toEqual([
    'redshift.yaml:3 RS_HOST is not set. Set it in the environment or in .env.',
  ])
  expect(listFaults(() => render(SOURCES, { env: {} }))).toEqual([])
})

test('an object names its file, charts their dataset and dashboards their charts by id', () => {
  const wanted = render()
  const chart = wanted.find(({ key }) => key === 'funnel')
  expect(chart?.content).toMatchObject({
    certified_by: 'ccs',
    certification_details: 'infra/superset/assets/charts/funnel.yaml',
    dataset_uuid: makeAssetId('datasets', 'funnel_steps'),
  })
  const dashboard = wanted.find(({ key }) => key === 'shop_performance')
  const place = asObject(asObject(dashboard?.content.position)['CHART-funnel'])
  expect(place).toMatchObject({
    meta: { uuid: makeAssetId('charts', 'funnel'), width: 6, height: 48 },
  })
})

test('the same files give the same bundle, and it begins with what it is', () => {
  expect(JSON.stringify(listBundle(render()))).toBe(JSON.stringify(listBundle(render())))
  const [[name, metadata] = []] = listBundle(render())
  expect([name, metadata]).toMatchObject(['metadata.yaml', { type: 'assets' }])
})
