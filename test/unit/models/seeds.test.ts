/**
 * Seeds: valid CSV and YAML, the models that may join them, and what engines run for such a model.
 */
import { expect, test } from 'vitest'
import { ENGINE_NAMES, ENGINES } from '../../../cli/domain/config/engines.ts'
import { printStatements, toUnsupportedError } from '../../../cli/domain/dialects/dialect.ts'
import { deriveRawColumns } from '../../../cli/domain/events/raw-columns.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { buildLogic } from '../../../cli/domain/models/build-logic.ts'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import { renderSeedSchema, toSeedJson } from '../../../cli/domain/models/seed-value.ts'
import { compileGoldEncoder } from '../../../cli/domain/pipeline/gold-encoder.ts'
import {
  CAMPAIGN_EVENTS,
  CAMPAIGNS,
  CAMPAIGNS_FILE,
  CAMPAIGNS_YAML,
  campaigns,
} from '../../fixtures/seed-model.ts'
import { compileTest } from '../dialects/compile-bench.ts'
import { openTestDuck, projectFile } from '../model-files.ts'

const MODEL_FILE = 'sql/silver/campaign_events.sql'
const BELOW = ['sql/bronze/events.sql', 'sql/silver/events.sql'].map(projectFile)
const UNREAD = { file: 'dbt/seeds/unread.csv', text: 'not,what\nit' }

async function logicOf(model: string, { csv = CAMPAIGNS, yaml = CAMPAIGNS_YAML } = {}) {
  const duck = await openTestDuck()
  try {
    return await buildLogic(
      {
        models: [...BELOW, { file: MODEL_FILE, text: model }],
        macros: projectFile('sql/macros.sql'),
        seeds: [
          { file: CAMPAIGNS_FILE, text: csv },
          { file: 'dbt/seeds/_campaigns.yml', text: yaml },
          UNREAD,
        ],
        timezone: 'UTC',
        ...deriveRawColumns(projectFile('schemas/events.raw.avsc').text),
      },
      {
        run: (sql) => duck.connection.run(sql),
        queryTexts: (sql, values) => duck.connection.texts(sql, values),
        yieldToEventLoop: async () => undefined,
      },
    )
  } finally {
    duck.close()
  }
}

/** Code, place and message of each fault. */
async function faultsOf(make: () => unknown): Promise<readonly string[]> {
  try {
    await make()
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    return [error, ...error.others].map(({ code, location, message }) => {
      const { file, line, column } = location ?? {}
      return `${code} ${[file, line, column].filter((one) => one !== undefined).join(':')} ${message}`
    })
  }
  return []
}

test("the rows of a seed, not their order, are part of a model's fingerprint", async () => {
  const print = async (csv: string) => {
    const { graph } = await logicOf(CAMPAIGN_EVENTS, { csv })
    return Object.fromEntries(graph.map((one) => [one.model.name, one.fingerprint]))
  }
  const base = await print(CAMPAIGNS)
  const [head, ...lines] = CAMPAIGNS.trimEnd().split('\n')
  expect(await print([head, ...lines.toReversed()].join('\r\n'))).toEqual(base)
  expect(await print(CAMPAIGNS.replace('1200.50', '1200.5'))).toEqual(base)
  const changed = await print(CAMPAIGNS.replace('1200.50', '1200.51'))
  expect(changed['silver.campaign_events']).not.toBe(base['silver.campaign_events'])
  expect(changed['silver.events']).toBe(base['silver.events'])
})

test('faults of a CSV are reported together, each with its line', async () => {
  const csv = CAMPAIGNS.replace('generic,search,80', 'generic,search,80.005')
    .replace('2147483647', '2147483648')
    .replace('nobody', 'brand')
  expect(await faultsOf(() => campaigns(`${csv},x,,,,,,,\nshort,1\n`))).toEqual([
    `CCS_SEED_INVALID ${CAMPAIGNS_FILE}:3:1 '80.005' is not of type DECIMAL(18,2): column budget.`,
    `CCS_SEED_INVALID ${CAMPAIGNS_FILE}:5:1 '2147483648' is not of type INTEGER: column clicks.`,
    `CCS_SEED_INVALID ${CAMPAIGNS_FILE}:6:1 The key utm_campaign 'brand' occurs twice.`,
    `CCS_SEED_INVALID ${CAMPAIGNS_FILE}:7:1 The key utm_campaign is empty.`,
    `CCS_SEED_INVALID ${CAMPAIGNS_FILE}:8:1 2 of 9 columns; is the line cut off?`,
  ])
  expect(await faultsOf(() => campaigns('a,b\n1,2\n'))).toEqual([
    `CCS_SEED_INVALID ${CAMPAIGNS_FILE}:1:1 ${CAMPAIGNS_FILE} does not begin with the columns in its YAML: utm_campaign,channel,budget,clicks,big,rate,started,launched,active.`,
  ])
})

test.each([
  ['key: utm_campaign', 'key: nope', 'has no key'],
  ['key: utm_campaign', 'key: clicks', 'The key clicks is not a varchar.'],
  ['rate: double', 'rate: money', "'money' is not a type that all engines have."],
  ['name: campaigns', 'name: others', 'No YAML in dbt/seeds has the columns of seeds.campaigns.'],
])('YAML with %s as %s is refused', async (before, after, message) => {
  const yaml = CAMPAIGNS_YAML.replace(before, after)
  const [fault = ''] = await faultsOf(() => campaigns(CAMPAIGNS, yaml))
  expect(fault).toContain('CCS_SEED_INVALID')
  expect(fault).toContain(message)
})

test.each([
  ['LEFT JOIN', 'JOIN', ':18:1 A seed is joined by LEFT JOIN'],
  ['= c.utm_campaign', '= c.channel', ':18:1 A seed is joined by its key utm_campaign alone'],
  [
    'ON e.utm_campaign = c.utm_campaign',
    'ON upper(e.page) = c.utm_campaign',
    ':18:1 A seed is joined by its key',
  ],
  [
    'LEFT JOIN',
    'LEFT JOIN seeds.campaigns AS d USING (utm_campaign) LEFT JOIN',
    'A seed is the right side of a join with one model',
  ],
  [
    'kind: stream',
    'kind: view',
    'Only a model of kind stream, without dedupe or GROUP BY, can join a seed.',
  ],
  ['clicks,', 'clicks, e.*,', 'A star beside a seed includes the columns of both tables.'],
  [
    'FROM silver.events AS e\nLEFT JOIN seeds.campaigns AS c ON e.utm_campaign = c.utm_campaign',
    'FROM seeds.campaigns AS c, silver.events AS e',
    'A seed is the right side of a join with one model',
  ],
  ['seeds.campaigns', 'seeds.campaign', "There is no table 'seeds.campaign'."],
])('a model with %s written as %s is refused with its place', async (before, after, message) => {
  const faults = await faultsOf(() => logicOf(CAMPAIGN_EVENTS.replace(before, after)))
  expect(faults).toHaveLength(1)
  expect(faults[0]).toContain(`CCS_MODEL_INVALID ${MODEL_FILE}:`)
  expect(faults[0]).toContain(message)
})

test.each(ENGINE_NAMES)(
  'the SQL of %s for a model that joins a seed equals its golden file',
  async (engine) => {
    const models = [...BELOW, { file: MODEL_FILE, text: CAMPAIGN_EVENTS }].map(({ file, text }) =>
      parseModel(file, text),
    )
    const results = await compileTest(models, engine, [campaigns()])
    const { model, compiled } = results.find((one) => one.model.file === MODEL_FILE) ?? {}
    if (!model || !compiled) throw new Error('it was not compiled')
    const faults = compiled.faults.map((one) => toUnsupportedError(model, one))
    const text = faults.map(
      ({ location, message, hint }) =>
        `-- ${location?.file}:${location?.line}:${location?.column} ${message} ${hint}\n`,
    )
    await expect(text.join('') || printStatements(compiled)).toMatchFileSnapshot(
      `../golden/${ENGINES[engine].column}/seeds/silver.campaign_events.sql`,
    )
  },
)

test('ksqlDB rejects a join of number and text, and a key that is not text', async () => {
  const compile = async (text: string, yaml = CAMPAIGNS_YAML, csv = CAMPAIGNS) => {
    const models = [...BELOW, { file: MODEL_FILE, text }].map((one) =>
      parseModel(one.file, one.text),
    )
    const results = await compileTest(models, 'ksqldb', [campaigns(csv, yaml)])
    return results.flatMap((one) => one.compiled.faults.map(({ message }) => message))
  }
  expect(
    await compile(
      CAMPAIGN_EVENTS.replace(' clicks,', ' c.device,'),
      CAMPAIGNS_YAML.replace('clicks:', 'device:'),
      CAMPAIGNS.replace('clicks', 'device'),
    ),
  ).toEqual(['Column device is VARCHAR in silver.events and INTEGER in seeds.campaigns.'])
  const byTime = 'ON CAST(e.event_date AS VARCHAR) = c.utm_campaign'
  expect(
    await faultsOf(() => logicOf(CAMPAIGN_EVENTS.replace(/ON e\.\w+ = c\.utm_campaign/, byTime))),
  ).toHaveLength(1)
  const untyped = CAMPAIGN_EVENTS.replace(/ON e\.\w+ = /, 'ON e.late_ms = ')
  expect(await compile(untyped)).toEqual([
    'ksqlDB joins a seed by a text only, and late_ms is BIGINT.',
  ])
})

test('every row of a seed fits its Avro schema, also NULL and the largest numbers', () => {
  const { rows, columns, key } = campaigns()
  const values = columns.filter((one) => one.name !== key)
  const encode = compileGoldEncoder(renderSeedSchema('seeds_campaigns', values), 7)
  const sizes = rows.map((row) =>
    encode(
      Object.fromEntries(
        values.map(({ name, type }) => [name, toSeedJson(row[name] ?? null, type)]),
      ),
    ),
  )
  expect(sizes.map((one) => [...one.subarray(0, 5)])).toEqual(rows.map(() => [0, 0, 0, 0, 7]))
})
