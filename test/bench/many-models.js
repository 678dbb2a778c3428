/**
 * A project of any number of models: this project's own, and copies of its kinds (stream, window, session, view over
 * views) that differ in name and text; and the same again as models of dbt.
 */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from './project.js'

const EVENTS = ['page_view', 'view_item', 'add_to_cart', 'begin_checkout', 'purchase']

/** Writes it into `dir`; `count` models beside the project's own. */
export function writeModels(dir, count) {
  for (const part of ['sql', 'schemas', 'ccs.yml'])
    cpSync(path.join(ROOT, part), path.join(dir, part), { recursive: true })
  for (let i = 0; i < count; i++) {
    const { layer, name, header, sql } = model(i)
    writeFileSync(`${dir}/sql/${layer}/${name}.sql`, `/*\n${header}\n*/\n-- Model ${i}.\n${sql}\n`)
  }
}

/** The same models for dbt, over sources of the same names. */
export function writeDbt(dir, count) {
  mkdirSync(`${dir}/models`, { recursive: true })
  writeFileSync(
    `${dir}/dbt_project.yml`,
    'name: many\nversion: 1.0.0\nprofile: many\nmodel-paths: [models]\nflags: { send_anonymous_usage_stats: false }\n',
  )
  writeFileSync(
    `${dir}/profiles.yml`,
    `many: { target: dev, outputs: { dev: { type: duckdb, path: "${dir}/many.duckdb" } } }\n`,
  )
  const tables = { silver: ['events', 'people'], gold: ['sessions', 'activity_1m'] }
  const sources = Object.entries(tables).map(
    ([name, some]) =>
      `  - name: ${name}\n    tables: [${some.map((t) => `{ name: ${t} }`).join(', ')}]`,
  )
  writeFileSync(`${dir}/models/sources.yml`, `version: 2\nsources:\n${sources.join('\n')}\n`)
  for (let i = 0; i < count; i++) {
    const { name, sql } = model(i)
    const text = sql.replace(/FROM (silver|gold)\.(\w+)/g, (_, schema, table) =>
      tables[schema].includes(table)
        ? `FROM {{ source('${schema}', '${table}') }}`
        : `FROM {{ ref('${table}') }}`,
    )
    writeFileSync(`${dir}/models/${name}.sql`, `${text}\n`)
    writeFileSync(`${dir}/models/${name}.yml`, properties(model(i)))
  }
}

/** What the header of a model says, in dbt's words: description, tests of the key. */
function properties({ name, header }) {
  const [key] = /key: \[(\w+)/.exec(header).slice(1)
  const grain = /grain: (.*)/.exec(header)[1]
  return `version: 2
models:
  - name: ${name}
    description: ${grain}
    columns:
      - name: ${key}
        data_tests: [unique, not_null]
`
}

function model(i) {
  const id = String(i).padStart(5, '0')
  const event = EVENTS[i % EVENTS.length]
  switch (i % 4) {
    case 0:
      return {
        layer: 'gold',
        name: `window_${id}`,
        header: `kind: window\ngrain: one row a minute\nkey: [window_start]\ntime: event_time\nwindow: 1 minute\nlateness: 10 minutes\naudits: [not_null(window_start), "events > 0"]`,
        sql: `SELECT
  time_bucket(INTERVAL 1 MINUTE, event_time)              AS window_start,
  count(*)                                                AS events,
  count(DISTINCT anonymous_id)                            AS visitors,
  count(*) FILTER (WHERE event_type = '${event}')         AS some,
  count(*) FILTER (WHERE event_type = 'purchase')         AS orders,
  CAST(sum(revenue) AS DECIMAL(18, 2))                    AS revenue
FROM silver.people
WHERE device <> 'device-${id}'
GROUP BY time_bucket(INTERVAL 1 MINUTE, event_time)`,
      }
    case 1:
      return {
        layer: 'silver',
        name: `stream_${id}`,
        header: `kind: stream\ngrain: one row an event\nkey: [event_id]\ntime: event_time\npartition: event_date\naudits: [unique(event_id)]`,
        sql: `SELECT
  event_id, event_time, anonymous_id, customer_id, session_id, event_type, page, utm_source,
  coalesce(payment_type, '${id}')                         AS payment_type,
  currency, device, is_bot, late_ms, event_date
FROM silver.events
WHERE event_type IN ('${event}', 'search')`,
      }
    case 2:
      return {
        layer: 'gold',
        name: `view_${id}`,
        header: `kind: view\ngrain: one row a shop day and source\nkey: [shop_date, utm_source]\naudits: ["unique(shop_date, utm_source)"]`,
        sql: `SELECT
  shop_date,
  coalesce(utm_source, '(${id})')                         AS utm_source,
  count(*)                                                AS sessions,
  count(*) FILTER (WHERE is_engaged)                      AS engaged_sessions,
  CAST(sum(orders) AS BIGINT)                             AS orders,
  CAST(sum(revenue) AS DECIMAL(18, 2))                    AS revenue
FROM gold.sessions
GROUP BY shop_date, coalesce(utm_source, '(${id})')`,
      }
    default:
      return {
        layer: 'gold',
        name: `view_${id}`,
        header: `kind: view\ngrain: one row a shop day\nkey: [shop_date]`,
        sql: `SELECT
  shop_date,
  sum(sessions)                                           AS sessions,
  max(revenue)                                            AS revenue,
  ${i}                                                    AS number
FROM gold.view_${String(i - 1).padStart(5, '0')}
GROUP BY shop_date`,
      }
  }
}
