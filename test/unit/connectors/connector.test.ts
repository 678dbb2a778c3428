/** connectors/*.json: variables, faults with their places, and differences from a cluster. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { Target } from '../../../cli/domain/config/target.ts'
import { diffConnector, redactSecrets } from '../../../cli/domain/connectors/connector-diff.ts'
import { listSecretFiles } from '../../../cli/domain/connectors/connector-file.ts'
import {
  chooseConnectors,
  collectRequiredTopics,
  type DesiredConnector,
  renderConnectors,
} from '../../../cli/domain/connectors/desired-connectors.ts'
import { ICEBERG_SINK, S3_SINK } from '../../../cli/domain/connectors/setting-rules.ts'
import { formatLocation } from '../../../cli/domain/console/text.ts'
import type { NamedText } from '../../../cli/domain/documents/json-document.ts'
import { parseTemplate, renderTemplate } from '../../../cli/domain/documents/variables.ts'
import { CcsError, throwAll } from '../../../cli/domain/kernel/errors.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const SHIPPED: readonly NamedText[] = readdirSync(path.join(ROOT, 'connectors'))
  .sort()
  .map((name) => ({
    file: `connectors/${name}`,
    text: readFileSync(path.join(ROOT, 'connectors', name), 'utf8'),
  }))

const TARGET: Target = {
  name: 'staging',
  engine: 'flink',
  data: 'data',
  prefix: 'staging.',
  kafka: { brokers: ['k1:9092', 'k2:9092'], partitions: 3, replication: 2, retentionMs: -1 },
  registry: { url: 'http://registry:8081/apis/ccompat/v7' },
}
const ENV = { ICEBERG_CATALOG_URI: 'jdbc:postgresql://db/lake', S3_SECRET_KEY: 's3cr3t-value' }

function desire(
  files: readonly NamedText[],
  env: Readonly<Record<string, string>> = ENV,
  target = TARGET,
): readonly DesiredConnector[] {
  return renderConnectors(files, target, { env, files: new Map() })
}

function connectorText(config: Readonly<Record<string, unknown>>, more: object = {}): NamedText {
  const text = JSON.stringify({ name: 'one', ...more, config }, null, 2)
  return { file: 'connectors/one.json', text }
}

const MINIMAL = {
  'connector.class': ICEBERG_SINK,
  topics: 'events.valid',
  'iceberg.tables': 'bronze.events',
  'iceberg.catalog.type': 'rest',
  'iceberg.catalog.uri': 'http://catalog',
}

/** Returns each fault as `line:column message · hint`. */
function faultsOf(run: () => unknown): readonly string[] {
  try {
    run()
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    expect(error.code).toBe('CCS_CONNECTOR_INVALID')
    expect(error.exit).toBe(2)
    return [error, ...error.others].map((one) => {
      const place = one.location ? formatLocation(one.location) : '?'
      return `${place} ${one.message}${one.hint === undefined ? '' : ` · ${one.hint}`}`
    })
  }
  return []
}

test('the project’s connectors are valid, with Iceberg’s or Confluent’s sink', () => {
  const desired = desire(SHIPPED)
  expect(desired.map((one) => [one.name, one.class])).toEqual([
    ['staging.bronze-iceberg', ICEBERG_SINK],
    ['staging.bronze-s3', S3_SINK],
    ['staging.silver-iceberg', ICEBERG_SINK],
    ['staging.silver-s3', S3_SINK],
  ])
  expect(desired.flatMap((one) => one.unresolved)).toEqual([])
  const bronze = desired[0]?.config ?? {}
  expect(bronze).toMatchObject({
    topics: 'staging.events.valid',
    'iceberg.control.topic': 'staging.control.bronze',
    'value.converter.apicurio.registry.url': 'http://registry:8081/apis/registry/v2',
    'transforms.source.type': 'org.apache.kafka.connect.transforms.InsertField$Value',
    'iceberg.catalog.warehouse': 's3://lake/warehouse',
  })
  expect(bronze).not.toHaveProperty('iceberg.catalog.s3.endpoint')
  expect(collectRequiredTopics(desired).map((one) => one.name)).toEqual([
    'staging.control.bronze',
    'staging.sink.rejected',
    'staging.control.silver',
  ])
})

test('Silver’s sinks are not deployed for the embedded engine', () => {
  const names = (engine: Target['engine']) =>
    desire(SHIPPED, ENV, { ...TARGET, engine }).map((one) => one.name)
  expect(names('embedded')).toEqual(['staging.bronze-iceberg', 'staging.bronze-s3'])
  expect(names('flink')).toHaveLength(4)
  expect(names('ksqldb')).toHaveLength(6)
})

test('Silver’s sinks read all versions of a topic per Silver schema', () => {
  const schemas = readdirSync(path.join(ROOT, 'schemas'))
    .filter((name) => /^silver\..*\.avsc$/.test(name))
    .map((name) => `staging.${name.replace('.avsc', '')}`)
  const sinks = desire(SHIPPED).filter(({ name }) => name.includes('silver'))
  expect(sinks).toHaveLength(2)
  for (const one of sinks) {
    const isRead = (topic: string) => wholly(one, topic)
    expect(schemas.filter((topic) => !isRead(topic))).toEqual([])
    expect(schemas.filter((topic) => !isRead(`${topic}.v12`))).toEqual([])
    const others = [
      'silver.people',
      'silver.order_items.lines',
      'silver.events.seen',
      'gold.sessions',
    ]
    expect(others.filter((name) => isRead(`staging.${name}`))).toEqual([])
    expect(isRead('other.silver.orders')).toBe(false)
  }
})

test('Gold’s sinks are for ksqlDB, read each Gold topic and drop tombstones', () => {
  const of = (engine: Target['engine']) =>
    desire(SHIPPED, ENV, { ...TARGET, engine }).filter(({ name }) => name.includes('gold'))
  expect(of('flink')).toEqual([])
  expect(of('embedded')).toEqual([])
  const sinks = of('ksqldb')
  expect(sinks.map((one) => one.name)).toEqual(['staging.gold-iceberg', 'staging.gold-s3'])
  for (const one of sinks) {
    for (const name of ['gold.sessions', 'gold.activity_1m.v2', 'gold.of_my_own'])
      expect(wholly(one, `staging.${name}`)).toBe(true)
    for (const name of ['staging.silver.orders', 'staging.gold.sessions.lines', 'gold.sessions'])
      expect(wholly(one, name)).toBe(false)
    expect(one.config).toMatchObject({
      'transforms.gone.type': 'org.apache.kafka.connect.transforms.Filter',
      'transforms.gone.predicate': 'gone',
      'predicates.gone.type': 'org.apache.kafka.connect.transforms.predicates.RecordIsTombstone',
    })
    expect(one.config.transforms).toMatch(/^gone,/)
  }
})

/** Connect matches topics.regex against the whole name. */
function wholly({ topics }: DesiredConnector, topic: string): boolean {
  return new RegExp(`^(?:${topics.join('|')})$`).test(topic)
}

test('all faults of all files are reported at once, each with its place', () => {
  const broken = {
    file: 'connectors/two.json',
    text: '{\n  "name": "two",\n  "confg": {}\n  "config": {}\n}',
  }
  const wrong = connectorText(
    {
      ...MINIMAL,
      'iceberg.tabels': 'x',
      'tasks.max': 'many',
      'errors.tolerance': 'some',
      'iceberg.catalog.warehose': 's3://lake',
      'transforms.dt.field': 'dt',
      'iceberg.control.topic': '${ccs.prefx}control',
      'header.converter': ['a'],
      'errors.log.enable': '${UNCLOSED:-true',
    },
    { engines: ['flnk'], insteadOf: 'nothing' },
  )
  expect(faultsOf(() => desire([wrong, broken]))).toMatchInlineSnapshot(`
    [
      "connectors/one.json:4:5 "flnk" is not an engine. · Did you mean "flink"?",
      "connectors/one.json:18:30 \${ccs.prefx} is no variable of ccs. · Did you mean "prefix"?",
      "connectors/one.json:19:25 header.converter must be a text, a number, true or false.",
      "connectors/one.json:22:26 errors.log.enable has a \${ without its }.",
      "connectors/two.json:4:3 connectors/two.json is not JSON. · Expected ',' or '}' after property value here.",
      "connectors/one.json:6:16 insteadOf must name another connector, not "nothing". · Remove it.",
      "connectors/one.json:13:5 iceberg.tabels is not a setting of this connector. · Did you mean "iceberg.tables"?",
      "connectors/one.json:14:18 tasks.max must be an integer, not "many".",
      "connectors/one.json:15:25 errors.tolerance must be one of none, all, not "some".",
      "connectors/one.json:16:5 iceberg.catalog.warehose is not a known setting of catalogs. · Did you mean "iceberg.catalog.warehouse"?",
      "connectors/one.json:17:5 transforms.dt.field does nothing: "dt" is not in transforms. · "transforms": "dt"",
    ]
  `)
})

test('a file that is not a connector is an error that says what is missing', () => {
  const files = [
    { file: 'connectors/a.json', text: '[]' },
    { file: 'connectors/b.json', text: '{ "name": "b c" }' },
    connectorText({ 'connector.class': ICEBERG_SINK }),
    { ...connectorText({ 'connector.class': S3_SINK, topics: 'a' }), file: 'connectors/c.json' },
  ]
  expect(faultsOf(() => desire(files))).toMatchInlineSnapshot(`
    [
      "connectors/a.json:1:1 A connector must be a JSON object. · Write { "name": "…", "config": { … } }.",
      "connectors/b.json:1:11 name must be letters, digits, ".", "-" and "_".",
      "connectors/b.json:1:1 config must be an object of settings.",
      "connectors/c.json:2:11 connectors/one.json is named "one" too. · Give one of the two another name.",
      "connectors/b.json:1:11 connector.class is missing. · Add to config: "connector.class": "…"",
      "connectors/b.json:1:11 topics is missing; a sink needs topics to read.",
      "connectors/one.json:2:11 topics is missing; a sink needs topics to read.",
      "connectors/one.json:2:11 iceberg.tables is missing: the table that the records go to.",
      "connectors/one.json:2:11 iceberg.catalog.type is missing: which catalog keeps the tables.",
      "connectors/c.json:2:11 format.class is missing. · Add to config: "format.class": "…"",
      "connectors/c.json:2:11 flush.size is missing. · Add to config: "flush.size": "…"",
      "connectors/c.json:2:11 s3.bucket.name is missing. · Add to config: "s3.bucket.name": "…"",
      "connectors/c.json:2:11 storage.class is missing. · Add to config: "storage.class": "…"",
    ]
  `)
})

test('Confluent’s S3 sink is checked: types, values, and required settings', () => {
  const s3 = SHIPPED.find((one) => one.file.endsWith('bronze-s3.json'))
  const edit = (from: string, to: string) => {
    const text = s3?.text.replace(from, to) ?? ''
    expect(text).not.toBe(s3?.text)
    const others = SHIPPED.filter((one) => one !== s3)
    return faultsOf(() => desire([...others, { file: 'connectors/bronze-s3.json', text }]))
  }
  expect([
    ...edit('"flush.size"', '"flush.sizes"'),
    ...edit('"parquet.codec": "zstd"', '"parquet.codec": "zip"'),
    ...edit('"timezone": "UTC",', ''),
    ...edit(',\n    "timestamp.field": "event_ts"', ''),
    ...edit('"86400000"', '"one day"'),
  ]).toMatchInlineSnapshot(`
    [
      "connectors/bronze-s3.json:38:5 flush.sizes is not a setting of this connector. · Did you mean "flush.size"?",
      "connectors/bronze-s3.json:2:11 flush.size is missing. · Add to config: "flush.size": "…"",
      "connectors/bronze-s3.json:37:22 parquet.codec must be one of none, snappy, gzip, lzo, brotli, lz4, zstd, lz4_raw, not "zip".",
      "connectors/bronze-s3.json:41:26 partitioner.class needs timezone.",
      "connectors/bronze-s3.json:46:28 timestamp.extractor RecordField needs timestamp.field.",
      "connectors/bronze-s3.json:42:30 partition.duration.ms must be an integer, not "one day".",
    ]
  `)
})

test('a variable without a value is an error only if the connector is chosen', () => {
  const desired = desire(SHIPPED, {})
  const missing = desired[0]?.unresolved ?? []
  expect(missing.map((one) => [one.message, one.hint])).toEqual([
    [
      'The environment variable ICEBERG_CATALOG_URI is not set.',
      'Set it, or give it a fallback: ${ICEBERG_CATALOG_URI:-value}',
    ],
  ])
  expect(missing[0]?.location).toMatchObject({ file: 'connectors/bronze-iceberg.json' })
  expect(missing[0]?.location?.text).toContain('${ICEBERG_CATALOG_URI}')
  const faults = faultsOf(() => throwAll(chooseConnectors(desired, [ICEBERG_SINK]).faults))
  expect(faults).toHaveLength(2)
  expect(chooseConnectors(desired, [S3_SINK]).chosen).toHaveLength(2)
})

test('a connector is skipped if its class is missing or another replaces it', () => {
  const choose = (plugins: readonly string[]) => {
    const { chosen, skipped } = chooseConnectors(desire(SHIPPED), plugins)
    return [
      ...chosen.map((one) => one.name.replace('staging.', '')),
      ...skipped.map(({ connector, reason }) => `${connector.name}: ${reason}`),
    ]
  }
  expect(choose([ICEBERG_SINK, S3_SINK])).toEqual([
    'bronze-iceberg',
    'silver-iceberg',
    'staging.bronze-s3: staging.bronze-iceberg does the same.',
    'staging.silver-s3: staging.silver-iceberg does the same.',
  ])
  expect(choose([S3_SINK])).toEqual([
    'bronze-s3',
    'silver-s3',
    `staging.bronze-iceberg: The cluster has no ${ICEBERG_SINK}.`,
    `staging.silver-iceberg: The cluster has no ${ICEBERG_SINK}.`,
  ])
  const required = desire([connectorText(MINIMAL, { required: true })])
  expect(faultsOf(() => throwAll(chooseConnectors(required, []).faults))).toEqual([
    `connectors/one.json staging.one: the cluster has no ${ICEBERG_SINK}, its connector.class. · Put it into the plugin.path of the workers and restart them, or name another class.`,
  ])
  const transforms = 'org.apache.kafka.connect.transforms.InsertField$Value'
  const lacking = faultsOf(() =>
    throwAll(chooseConnectors(desire(SHIPPED), [S3_SINK, transforms]).faults),
  )
  expect(lacking.join('\n')).toMatch(
    /no io\.confluent\.connect\.avro\.AvroConverter, its value\.converter/,
  )
})

test('a value from outside is sent but displayed as its variable', () => {
  const secret = 'hunter2-hunter2'
  const file = connectorText({
    ...MINIMAL,
    'iceberg.catalog.s3.secret-access-key': '${KEY}',
    'iceberg.catalog.uri': 'http://u:${file:/etc/ccs/secrets:password}@catalog',
    'tasks.max': '${KEY}',
  })
  const files = new Map([['/etc/ccs/secrets', `# mine\npassword = ${secret}2\n`]])
  expect(listSecretFiles([file])).toEqual(['/etc/ccs/secrets'])
  const faults = faultsOf(() => renderConnectors([file], TARGET, { env: { KEY: secret }, files }))
  expect(faults).toEqual(['connectors/one.json:10:18 tasks.max must be an integer, not "${KEY}".'])
  const good = { ...file, text: file.text.replace(',\n    "tasks.max": "${KEY}"', '') }
  const [one] = renderConnectors([good], TARGET, { env: { KEY: secret }, files })
  if (!one) throw new Error('there is one')
  expect(one.config['iceberg.catalog.uri']).toBe(`http://u:${secret}2@catalog`)
  const { config: _sent, secrets: _values, ...rest } = one
  expect(JSON.stringify(rest)).not.toContain(secret)
  const actual = {
    ...one.config,
    'iceberg.catalog.uri': `http://u:${secret}3@catalog`,
    'x.password': 'p',
  }
  expect(diffConnector(one, actual)).toEqual([
    {
      key: 'iceberg.catalog.uri',
      wanted: 'http://u:${file:/etc/ccs/secrets:password}@catalog',
      found: '***',
    },
    { key: 'x.password', wanted: null, found: '***' },
  ])
  expect(redactSecrets(`401 for ${secret}2 and ${secret}`, one)).toBe('401 for *** and ***')
  const lost = renderConnectors([good], TARGET, { env: { KEY: secret }, files: new Map() })
  expect(lost[0]?.unresolved.map((fault) => fault.message)).toEqual([
    "The file /etc/ccs/secrets can't be read.",
  ])
})

test('settings with the same meaning are no difference', () => {
  const [one] = desire([
    connectorText({ ...MINIMAL, topics: 'a, b', 'tasks.max': 2, 'errors.log.enable': true }),
  ])
  if (!one) throw new Error('there is one')
  const back: Readonly<Record<string, string>> = {
    ...one.config,
    name: one.name,
    topics: 'a,b',
    'tasks.max': '02',
    'errors.log.enable': 'TRUE',
  }
  expect(diffConnector(one, back)).toEqual([])
  const { 'iceberg.catalog.uri': _gone, ...less } = back
  expect(diffConnector(one, { ...less, 'tasks.max': '3', extra: 'x' })).toEqual([
    { key: 'extra', wanted: null, found: 'x' },
    { key: 'iceberg.catalog.uri', wanted: 'http://catalog', found: null },
    { key: 'tasks.max', wanted: '2', found: '3' },
  ])
})

test('the stored content of a connector renders the same connector again', () => {
  const before = desire(SHIPPED)
  const again = desire(before.map((one) => ({ file: one.file, text: one.content })))
  expect(again).toEqual(before)
})

test('variables nest in defaults, empty means unset, and $${ is for Connect', () => {
  const render = (text: string, env: Readonly<Record<string, string>> = {}) => {
    const parts = parseTemplate(text)
    if ('wrong' in parts) return parts.wrong
    return renderTemplate(parts, { env, files: new Map() }, { prefix: 'p.' }).text
  }
  expect(render('s3://${B:-lake}/${ccs.prefix}x')).toBe('s3://lake/p.x')
  expect(render('${W:-s3://${B:-lake}/w}', { B: 'other' })).toBe('s3://other/w')
  expect(render('${W:-s3://${B:-lake}/w}', { W: 'file:///w' })).toBe('file:///w')
  expect(render('a${E:-}b', { E: '' })).toBe('ab')
  expect(render('$${file:/run/secrets:key} $1 {x}')).toBe('${file:/run/secrets:key} $1 {x}')
  expect(render('${no-name}')).toMatch(/is not a variable/)
  expect(render('${A:-${B}')).toMatch(/without its }/)
})
