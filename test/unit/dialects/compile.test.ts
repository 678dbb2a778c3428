import { expect, test } from 'vitest'
import { ENGINE_COLUMNS, type EngineName } from '../../../cli/domain/config/engines.ts'
import { comparePortability } from '../../../cli/domain/dialects/compare-portability.ts'
import { requireSupported } from '../../../cli/domain/dialects/compile.ts'
import { printStatements, toUnsupportedError } from '../../../cli/domain/dialects/dialect.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import type { Model } from '../../../cli/domain/models/model.ts'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import { projectFile } from '../model-files.ts'
import { compileTest, projectModels } from './compile-bench.ts'

const STREAM = 'kind: stream\ngrain: x\nkey: [event_id]'

const model = (name: string, sql: string, header = STREAM): Model =>
  parseModel(`sql/${name.replace('.', '/')}.sql`, `/*\n${header}\n*/\n${sql}`)

/** The project's Bronze and Silver with one more model. */
const withModel = (more: Model): Model[] => [
  ...projectModels().filter((one) => one.layer !== 'gold' && one.name !== more.name),
  more,
]

async function compiled(more: Model, engine: EngineName) {
  const results = await compileTest(withModel(more), engine)
  const found = results.find((one) => one.model.name === more.name)
  if (found === undefined) throw new Error(`${more.name} was not compiled`)
  return found
}

/** What an engine is given for one expression over silver.events. */
async function printed(expression: string, engine: EngineName): Promise<string> {
  const { compiled: result } = await compiled(
    model('silver.x', `SELECT event_id, ${expression} AS x FROM silver.events`),
    engine,
  )
  expect(result.faults).toEqual([])
  const line = printStatements(result)
    .split('\n')
    .find((one) => one.endsWith(' AS `x`'))
  return (line ?? '').trim().replace(/ AS `x`$/, '')
}

async function faultsOf(make: () => Promise<unknown>): Promise<CcsError[]> {
  try {
    await make()
  } catch (error) {
    if (error instanceof CcsError) return [error, ...error.others]
    throw error
  }
  return []
}

const place = ({ location, message }: CcsError): string =>
  `${location?.file}:${location?.line}:${location?.column} ${message}`

test('faults of several models are reported together, with places and hints', async () => {
  const faults = await faultsOf(() =>
    compileTest(
      [
        ...withModel(model('silver.y', 'SELECT event_id,\n  device_name\nFROM silver.events')),
        model('silver.z', 'SELECT event_id, lowr(device) AS d FROM silver.events'),
      ],
      'flink',
    ),
  )
  expect(faults.map(place)).toEqual([
    'sql/silver/y.sql:7:3 Referenced column "device_name" not found in FROM clause.',
    'sql/silver/z.sql:6:18 Scalar Function with name lowr does not exist.',
  ])
  expect(faults[0]?.hint).toMatch(/^Candidate bindings: "device"/)
  expect(faults[1]?.hint).toBe('Did you mean "lower"?')
  for (const fault of faults) expect(fault).toMatchObject({ code: 'CCS_MODEL_INVALID', exit: 2 })
})

test('everything that an engine cannot run is reported at once, with place and hint', async () => {
  const sql = `SELECT event_id,
  CAST(event_time AS VARCHAR) AS t,
  md5(anonymous_id) AS m,
  reverse(device) AS s
FROM silver.events
ORDER BY event_id
LIMIT 5`
  const more = model('silver.x', sql)
  const results = await compileTest(withModel(more), 'ksqldb')
  const faults = await faultsOf(async () =>
    requireSupported(results.filter((one) => one.model === more)),
  )
  expect(faults.map(place)).toEqual([
    "sql/silver/x.sql:11:10 ksqlDB can't run ORDER BY on a stream.",
    "sql/silver/x.sql:6:1 ksqlDB can't run LIMIT on a stream.",
    'sql/silver/x.sql:7:3 Engines write a TIMESTAMP as text differently.',
    'sql/silver/x.sql:8:3 ksqlDB has no md5().',
    'sql/silver/x.sql:9:3 ksqlDB has no counterpart of reverse().',
  ])
  for (const fault of faults) expect(fault).toMatchObject({ code: 'CCS_SQL_UNSUPPORTED', exit: 2 })
  for (const fault of faults) expect(fault.hint).toBeTruthy()
})

test.each([
  [
    'flink',
    'SELECT event_id FROM silver.events UNION ALL SELECT event_id FROM silver.refunds',
    'UNION',
  ],
  ['ksqldb', 'WITH a AS (SELECT 1) SELECT event_id FROM silver.events', 'WITH'],
  [
    'flink',
    'SELECT a.event_id FROM silver.events a JOIN silver.refunds b USING (event_id)',
    'JOIN',
  ],
  [
    'flink',
    'SELECT event_id, lag(device) OVER (ORDER BY event_time) AS x FROM silver.events',
    'lag() OVER',
  ],
  ['ksqldb', 'SELECT event_id, [1, 2] AS x FROM silver.events', 'list_value()'],
] as const)('%s refuses %s', async (engine, sql, what) => {
  const { compiled: result, model: given } = await compiled(model('silver.x', sql), engine)
  const messages = result.faults.map((one) => toUnsupportedError(given, one).message)
  expect(messages.some((one) => one.includes(what))).toBe(true)
})

test.each([
  [
    'results_count / 2',
    'CAST(`results_count` AS DOUBLE) / 2',
    'CAST(`results_count` AS DOUBLE) / 2',
  ],
  [
    'revenue / tax',
    'CAST(`revenue` AS DOUBLE) / NULLIF(`tax`, 0)',
    'CAST(`revenue` AS DOUBLE) / NULLIF(`tax`, 0)',
  ],
  ['"offset" % late_ms', 'MOD(`offset`, NULLIF(`late_ms`, 0))', '`offset` % NULLIF(`late_ms`, 0)'],
  ['"offset" // 2', '`offset` / 2', '`offset` / 2'],
  [
    'least("offset", late_ms)',
    'COALESCE(LEAST(`offset`, `late_ms`), `offset`, `late_ms`)',
    'LEAST(`offset`, `late_ms`)',
  ],
  [
    'CAST(revenue AS BIGINT)',
    'CAST(ROUND(`revenue`, 0) AS BIGINT)',
    'CAST(ROUND(`revenue`, 0) AS BIGINT)',
  ],
  [
    "device || '-' || page",
    "`device` || '-' || `page`",
    "CASE WHEN `device` IS NOT NULL AND `page` IS NOT NULL THEN CONCAT(`device`, '-', `page`) END",
  ],
  [
    'concat(device, page)',
    "CONCAT(COALESCE(`device`, ''), COALESCE(`page`, ''))",
    "CONCAT(COALESCE(`device`, ''), COALESCE(`page`, ''))",
  ],
  [
    'NOT (is_bot OR consent)',
    'NOT (`is_bot` OR `consent`)',
    'CASE WHEN NOT COALESCE(`is_bot`, TRUE) AND NOT COALESCE(`consent`, TRUE) THEN TRUE ' +
      'WHEN COALESCE(`is_bot`, FALSE) OR COALESCE(`consent`, FALSE) THEN FALSE END',
  ],
  [
    'tax - (shipping - discount)',
    '`tax` - (`shipping` - `discount`)',
    '`tax` - (`shipping` - `discount`)',
  ],
  [
    'late_ms BETWEEN 1 AND 5',
    '`late_ms` >= 1 AND `late_ms` <= 5',
    'CASE WHEN `late_ms` >= 1 AND `late_ms` <= 5 THEN TRUE ' +
      'WHEN `late_ms` < 1 OR `late_ms` > 5 THEN FALSE END',
  ],
  [
    'event_time + INTERVAL 90 MINUTES',
    "`event_time` + INTERVAL '90' MINUTE",
    'TIMESTAMPADD(MILLISECONDS, 5400000, `event_time`)',
  ],
  ['items[1].sku', '`items`[1].`sku`', '`items`[1]->`sku`'],
  ["'it''s'", "'it''s'", "'it''s'"],
  ['0.05', '0.05', "CAST('0.05' AS DECIMAL(3, 2))"],
])('%s has the same meaning in Flink and ksqlDB', async (expression, flink, ksqldb) => {
  expect(await printed(expression, 'flink')).toBe(flink)
  expect(await printed(expression, 'ksqldb')).toBe(ksqldb)
})

test.each([
  ["device = 'x' OR NOT consent", "`device` = 'x' OR NOT COALESCE(`consent`, TRUE)"],
  ["NOT (device = 'x' AND revenue < 5)", "`device` <> 'x' OR `revenue` >= 5"],
  ["page NOT LIKE '/p/%'", "`page` IS NOT NULL AND `page` NOT LIKE '/p/%'"],
  ["NOT page LIKE '/p/%'", "`page` IS NOT NULL AND `page` NOT LIKE '/p/%'"],
  ["coalesce(page, '') LIKE '/p/%'", "COALESCE(`page`, '') LIKE '/p/%'"],
  ["device NOT IN ('x', 'y')", "`device` IS NOT NULL AND `device` NOT IN ('x', 'y')"],
  ["NOT (device NOT IN ('x'))", "`device` IN ('x')"],
  ['NOT (page IS NULL)', '`page` IS NOT NULL'],
  [
    "NOT regexp_matches(page, 'x')",
    'NOT COALESCE(CASE WHEN `page` IS NOT NULL ' +
      "THEN REGEXP_EXTRACT('x', `page`) IS NOT NULL END, TRUE)",
  ],
])('on ksqlDB, the condition %s excludes rows for which it is unknown', async (sql, wanted) => {
  const text = await printed(`CASE WHEN ${sql} THEN 1 END`, 'ksqldb')
  expect(text).toBe(`CASE WHEN ${wanted} THEN 1 END`)
})

test.each(['flink', 'ksqldb'] as const)(
  'on %s, a WHERE with OR keeps its meaning',
  async (name) => {
    const sql = `${WINDOW_SQL}ALL`.replace('GROUP BY', "WHERE device = 'x' OR page = 'y' GROUP BY")
    const { compiled: result } = await compiled(model('gold.x', sql, WINDOW), name)
    expect(printStatements(result)).toContain("WHERE (`device` = 'x' OR `page` = 'y')\n  AND ")
  },
)

const WINDOW =
  'kind: window\ngrain: x\nkey: [window_start]\ntime: event_time\nwindow: 1 minute\nlateness: 10 minutes'
const WINDOW_SQL = `SELECT time_bucket(INTERVAL 1 MINUTE, event_time) AS window_start, device,
  avg(results_count) AS a, sum(results_count) FILTER (WHERE consent) AS s,
  count(DISTINCT page) FILTER (WHERE consent) AS d
FROM silver.events GROUP BY `

test.each(['ALL', '1, 2', 'window_start, device'])(
  'GROUP BY %s means its expressions',
  async (by) => {
    const texts = await Promise.all(
      (['flink', 'ksqldb'] as const).map(async (engine) =>
        printStatements(
          (await compiled(model('gold.x', WINDOW_SQL + by, WINDOW), engine)).compiled,
        ),
      ),
    )
    expect(texts[0]).toContain('GROUP BY `window_start`, `device`;')
    expect(texts[1]).toContain("GROUP BY COALESCE(`device`, '␀')\nEMIT CHANGES")
  },
)

test('averages, filters, empty sums and distinct counts are the same on all engines', async () => {
  const more = model(
    'gold.x',
    `${WINDOW_SQL}ALL`.replace('sum(results_count)', 'sum(revenue)'),
    WINDOW,
  )
  const flink = printStatements((await compiled(more, 'flink')).compiled)
  expect(flink).toContain('AVG(CAST(`results_count` AS DOUBLE)) AS `a`')
  expect(flink).toContain('SUM(`revenue`) FILTER (WHERE `consent`) AS `s`')
  expect(flink).toContain('COUNT(DISTINCT `page`) FILTER (WHERE `consent`) AS `d`')
  const ksqldb = printStatements((await compiled(more, 'ksqldb')).compiled)
  expect(ksqldb).toContain(
    'CASE WHEN COUNT(CASE WHEN COALESCE(`consent`, FALSE) THEN `revenue` END) > 0 ' +
      'THEN SUM(CASE WHEN COALESCE(`consent`, FALSE) THEN `revenue` END) END AS `s`',
  )
  expect(ksqldb).toContain(
    'COLLECT_SET(CAST(CASE WHEN COALESCE(`consent`, FALSE) THEN `page` END AS STRING))',
  )
  expect(ksqldb).toContain(
    'WINDOW TUMBLING (SIZE 1 MINUTES, RETENTION 8 DAYS, GRACE PERIOD 7 DAYS)\nWHERE `late_ms` < 600000 + 60000 - ',
  )
})

test('sessions become a session window of ksqlDB with grace and retention', async () => {
  const { file, text } = projectFile('sql/gold/sessions.sql')
  const { compiled: result } = await compiled(parseModel(file, text), 'ksqldb')
  expect(result.faults).toEqual([])
  const sql = printStatements(result)
  expect(sql).toContain(
    'WINDOW SESSION (30 MINUTES, RETENTION 8 DAYS, GRACE PERIOD 7 DAYS)\nWHERE `late_ms` < 5400000',
  )
  expect(sql).toContain('FROM_UNIXTIME(WINDOWSTART) AS `session_start`')
  expect(sql).toContain("LIKE '%a%b%c%d%' AS `completed_order`")
  expect(sql).toContain('GROUP BY `anonymous_id`')
  expect(result.notes).toEqual([
    'Runs longer than 1 DAYS are not cut: session windows have no cap.',
  ])
})

test('the portability table names what each engine cannot run', async () => {
  const { models, functions } = await comparePortability((engine) =>
    compileTest(projectModels(), engine),
  )
  expect(models).toHaveLength(projectModels().length)
  for (const one of models) {
    expect(one.local).toEqual({ ok: true, reasons: [] })
    expect(one.flink.ok).toBe(one.model !== 'gold.right_now')
  }
  const refused = models.filter((one) => !one.ksqldb.ok).map((one) => one.model)
  expect(refused).toEqual([
    'gold.campaign_daily',
    'gold.device_daily',
    'gold.funnel_daily',
    'gold.right_now',
  ])
  expect(functions.find((one) => one.function === 'md5')?.ksqldb.ok).toBe(false)
  expect(ENGINE_COLUMNS).toEqual(['local', 'flink', 'ksqldb'])
})
