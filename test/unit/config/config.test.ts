/** Reading ccs.yml: its settings, and the messages of its faults. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  type Config,
  type Env,
  parseConfig,
  requireTarget,
} from '../../../cli/domain/config/config.ts'
import { listSettings } from '../../../cli/domain/config/list-settings.ts'
import { PLACEHOLDER_IDS } from '../../../cli/domain/config/placeholder-ids.ts'
import { formatError, toErrorDocument } from '../../../cli/domain/console/text.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'

/** Each fault as `line:column message | hint`. */
function faultsOf(text: string, env: Env = {}): readonly string[] {
  try {
    parseConfig(text, env)
    return []
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    expect(error).toMatchObject({ code: 'CCS_CONFIG_INVALID', exit: 2 })
    return [error, ...error.others].map(
      ({ location, message, hint }) =>
        `${location?.line}:${location?.column} ${message}${hint === undefined ? '' : ` | ${hint}`}`,
    )
  }
}

describe('a sound ccs.yml', () => {
  test('an empty file gives the defaults', () => {
    const defaults: Config = {
      name: 'shop',
      timezone: 'UTC',
      data: 'data',
      dataMode: 'private',
      gate: { recordBytesMax: 1_048_576, futureToleranceMs: 3_600_000 },
      engine: { memoryLimitBytes: 536_870_912, checkpointEveryMs: 30_000, checkpointRows: 100_000 },
      query: {
        ...{ timeoutMs: 30_000, rowsMax: 1_000_000, concurrency: 2 },
        memoryLimitBytes: 768 * 1024 * 1024,
      },
      backup: { to: '', everyMs: 0 },
      lake: { keepMs: 86_400_000, s3: null, publish: [] },
      generator: { eps: 100, seed: 1 },
      http: { port: 8090 },
      collect: {
        ...{ host: '127.0.0.1', port: 8095, origins: [], keys: new Map(), cookie: 'ccs_id' },
        ...{ script: '/ccs.js', path: '/ccs/in', pixel: '/ccs.gif', missing: [] },
        secrets: { shopify: [], woocommerce: [] },
        headers: { address: '', country: '', city: '' },
        ...{ eventBytesMax: 32_768, requestBytesMax: 512_000, botViewsPerMinute: 120 },
        rate: { key: 10_000, network: 100 },
      },
      dbt: { everyMs: 900_000 },
      identity: { placeholderIds: PLACEHOLDER_IDS },
      log: { compression: 'brotli' },
      pii: { keysFile: null },
      retention: { rawMs: null, dlqMs: null },
      targets: { local: { name: 'local', engine: 'embedded', data: 'data', prefix: '' } },
    }
    expect(parseConfig('')).toEqual(defaults)
    expect(parseConfig('# only a comment\n')).toEqual(defaults)
    expect(parseConfig('gate:\nengine: {}\nname:\n')).toEqual(defaults)
  })

  test("the project's own is sound and says what it looks like", () => {
    const text = readFileSync(path.resolve(import.meta.dirname, '../../../ccs.yml'), 'utf8')
    expect(parseConfig(text)).toMatchObject({ name: 'shop', timezone: 'Europe/Berlin' })
  })

  test('sizes and lengths of time take the usual units', () => {
    const config = parseConfig(
      'gate: { record_bytes_max: 512KB, future_tolerance: 90 min }\nengine: { memory_limit: 1.5 GiB, checkpoint_every: 5s }\n',
    )
    expect(config.gate).toEqual({ recordBytesMax: 512_000, futureToleranceMs: 5_400_000 })
    expect(config.engine).toMatchObject({
      memoryLimitBytes: 1_610_612_736,
      checkpointEveryMs: 5000,
    })
  })

  test('the collector: senders with keys that are being exchanged, pages, limits', () => {
    const text = `collect:
  host: 0.0.0.0
  origins: [https://shop.example, "http://localhost:3000"]
  keys: { web: [0123456789ab, "\${NEXT_KEY}"], app: "\${APP_KEY}" }
  secrets: { shopify: [shpss_0123456789] }
  headers: { address: X-Forwarded-For }
  rate: { network: 7 }
`
    const { collect } = parseConfig(text, { NEXT_KEY: 'next-key-of-web' })
    expect(collect.origins).toEqual(['https://shop.example', 'http://localhost:3000'])
    expect([...collect.keys]).toEqual([
      ['web', ['0123456789ab', 'next-key-of-web']],
      ['app', []],
    ])
    expect(collect.missing).toEqual(['APP_KEY'])
    expect(collect.secrets).toEqual({ shopify: ['shpss_0123456789'], woocommerce: [] })
    expect(collect.headers.address).toBe('x-forwarded-for')
    expect(collect.rate).toEqual({ key: 10_000, network: 7 })
  })

  test('faults of the collector’s settings name their places, and no secret', () => {
    const text = `collect:
  prot: 1
  script: ccs.js
  origins: ['*']
  keys: { Web: 0123456789ab, app: secret9 }
  headers: { adress: x }
`
    const found = faultsOf(text).join('\n')
    expect(found).toContain('2:3 "prot" is not a setting of "collect". | Did you mean')
    expect(found).toContain('3:11 collect.script must be a path such as /ccs.js.')
    expect(found).toContain('4:12 collect.origins must be a list of addresses')
    expect(found).toContain('A name must be lower-case letters')
    expect(found).toContain('collect.keys.app must have at least 12 characters')
    expect(found).toContain('6:14 "adress" is not a setting of "collect.headers".')
    expect(found).not.toContain('secret9')
  })

  test('no line that is shown has a key of a sender, in whatever style it is written', () => {
    for (const text of [
      'collect:\n  keys: { app: secret9 }\n',
      'collect: { keys: { app: secret9 } }\n',
      'collect:\n  keys:\n    app: secret9\n',
      'collect:\n  keys:\n    app:\n      - secret9\n',
      'collect:\n  secrets:\n    shopify: secret9\n',
    ])
      try {
        parseConfig(text)
        expect.unreachable()
      } catch (error) {
        if (!(error instanceof CcsError)) throw error
        expect(error.code).toBe('CCS_CONFIG_INVALID')
        const shown = [
          ...formatError(error, (_, one) => one),
          JSON.stringify(toErrorDocument(error)),
        ]
        expect(shown.join('\n')).not.toContain('secret9')
      }
  })

  test('a next key that is not there yet is none', () => {
    const text = 'collect: { keys: { web: ["${KEY}", "${NEXT:-}"] } }\n'
    const { collect } = parseConfig(text, { KEY: '0123456789ab' })
    expect([...collect.keys]).toEqual([['web', ['0123456789ab']]])
    expect(collect.missing).toEqual([])
  })

  test('retention by topic is a length of time or forever; doctor prints it', () => {
    const config = parseConfig('retention: { events.raw: 30 days, events.dlq: 36 hours }\n')
    expect(config.retention).toEqual({ rawMs: 30 * 86_400_000, dlqMs: 36 * 3_600_000 })
    const settings = listSettings(config)
    expect(settings).toContainEqual({ setting: 'retention.events.raw', value: '30 days' })
    expect(settings).toContainEqual({ setting: 'retention.events.dlq', value: '1 d 12 h' })
    expect(settings).toContainEqual({ setting: 'retention.silver', value: 'forever' })
    const forever = 'retention: { events.raw: forever, events.dlq: forever, gold: forever }\n'
    expect(parseConfig(forever).retention).toEqual({ rawMs: null, dlqMs: null })
  })

  test('the lake has a copy on S3 if there is a bucket; nothing about keys stands in ccs.yml', () => {
    const text =
      'lake: { keep: 2 h, s3: { bucket: "${B:-}", prefix: /shop/live, region: eu-west-1 } }'
    expect(parseConfig(text).lake).toEqual({ keepMs: 7_200_000, s3: null, publish: [] })
    const { lake } = parseConfig(text, { B: 'shop-lake' })
    const s3 = { bucket: 'shop-lake', prefix: 'shop/live/', endpoint: '', region: 'eu-west-1' }
    expect(lake.s3).toEqual(s3)
    expect(listSettings(parseConfig(text, { B: 'shop-lake' }))).toContainEqual({
      setting: 'lake.s3',
      value: 's3://shop-lake/shop/live',
    })
    const wrong = 'lake:\n  s3:\n    bucket: Shop_Lake\n    prefix: ../up\n    secret: x\n'
    expect(faultsOf(wrong).map((one) => one.slice(0, 28))).toEqual([
      '5:5 "secret" is not a settin',
      '3:13 lake.s3.bucket must be ',
      '4:13 lake.s3.prefix must be ',
    ])
  })

  test('placeholder ids are texts, whatever YAML makes of them', () => {
    const text = 'identity: { placeholder_ids: [Undefined, null, 0, " guest ", ""] }\n'
    expect(parseConfig(text).identity.placeholderIds).toEqual([
      'undefined',
      'null',
      '0',
      'guest',
      '',
    ])
    expect(parseConfig('identity: { placeholder_ids: [] }').identity.placeholderIds).toEqual([])
  })

  test('variables are filled in, also for numbers, with a fallback where there is none', () => {
    const text = 'data: ${SHOP_DATA}/x\nhttp: { port: "${PORT:-9000}" }\n'
    expect(parseConfig(text, { SHOP_DATA: '/srv' })).toMatchObject({
      data: '/srv/x',
      http: { port: 9000 },
    })
    expect(parseConfig(text, { SHOP_DATA: '/srv', PORT: '80' }).http.port).toBe(80)
  })

  test('a target on Kafka has all that its servers need', () => {
    const text = `targets:
  staging:
    engine: embedded
    prefix: staging.
    kafka:
      brokers: a:9093, b:9093
      replication: 3
      retention: 30 days
      tls: { ca: ca.pem }
      sasl: { mechanism: scram-sha-512, username: shop, password: "\${KAFKA_PASSWORD}" }
    registry: { url: "https://registry:8081/", username: me, password: "\${REGISTRY_PASSWORD}" }
`
    const env = { KAFKA_PASSWORD: 'one', REGISTRY_PASSWORD: 'two' }
    expect(requireTarget(parseConfig(text, env), 'staging')).toEqual({
      name: 'staging',
      engine: 'embedded',
      data: 'data-staging',
      prefix: 'staging.',
      kafka: {
        brokers: ['a:9093', 'b:9093'],
        partitions: 3,
        replication: 3,
        retentionMs: 2_592_000_000,
        tls: { ca: 'ca.pem' },
        sasl: { mechanism: 'scram-sha-512', username: 'shop', password: 'one' },
      },
      registry: { url: 'https://registry:8081', username: 'me', password: 'two' },
    })
    // Who does not use the target does not need its secrets.
    expect(() => requireTarget(parseConfig(text), 'staging')).toThrow(/KAFKA_PASSWORD/)
    expect(() => requireTarget(parseConfig(text), 'stagin')).toThrow(/no target "stagin"/)
  })
})

test('a target on ksqlDB says where that is; its password is a variable', () => {
  const text = `targets:
  confluent:
    engine: ksqldb
    kafka: { brokers: "a:9092" }
    registry: { url: "http://registry:8081" }
    ksqldb: { url: "https://ksqldb:8088/", username: ada, password: "\${KSQLDB_PASSWORD}" }
`
  const target = requireTarget(parseConfig(text, { KSQLDB_PASSWORD: 'three' }), 'confluent')
  expect(target).toMatchObject({ engine: 'ksqldb', data: 'data-confluent', prefix: '' })
  expect(target.engineServers?.ksqldb).toEqual({
    url: 'https://ksqldb:8088',
    username: 'ada',
    password: 'three',
  })
  expect(() => requireTarget(parseConfig(text), 'confluent')).toThrow(/KSQLDB_PASSWORD/)
})

test('a target on Flink has the addresses of its gateway and its JobManager, and its job', () => {
  const text = `targets:
  cluster:
    engine: flink
    kafka: { brokers: "a:9092" }
    registry: { url: "http://registry:8081" }
    flink:
      url: http://gateway:8083
      username: ada
      jobmanager: { url: "https://jobs:8081/", username: bob, password: "\${JOBS_PASSWORD}" }
      parallelism: 4
      checkpoint_every: 1 minute
      without: [gold.right_now]
`
  const target = requireTarget(parseConfig(text, { JOBS_PASSWORD: 'four' }), 'cluster')
  expect(target.engineServers?.flink).toEqual({ url: 'http://gateway:8083', username: 'ada' })
  expect(target.jobs).toEqual({
    manager: { url: 'https://jobs:8081', username: 'bob', password: 'four' },
    parallelism: 4,
    checkpointMs: 60_000,
  })
  expect(target.excluded).toEqual(['gold.right_now'])
  const lacking = text.replace(/ +jobmanager.*\n/, '')
  expect(() => parseConfig(lacking)).toThrow(
    'Target "cluster" has no flink.jobmanager.url: where Flink manages its jobs.',
  )
})

describe('a wrong ccs.yml', () => {
  test('a target on ksqlDB without its address, or with a slip in it, is told so', () => {
    const at = 'targets:\n  confluent:\n    engine: ksqldb\n'
    const servers = '    kafka: { brokers: "a:9092" }\n    registry: { url: "http://r:8081" }\n'
    expect(faultsOf(at + servers)).toEqual([
      expect.stringContaining('Target "confluent" has no ksqldb.url: where its ksqlDB is.'),
    ])
    expect(faultsOf(`${at}${servers}    ksqldb: { url: "ksqldb:8088", usrname: ada }\n`)).toEqual([
      expect.stringContaining('targets.confluent.ksqldb.url'),
      expect.stringContaining('Did you mean "username"?'),
      expect.stringContaining('has no ksqldb.url'),
    ])
  })

  test('all faults come at once, each with its place and what was probably meant', () => {
    const text = `nmae: shop
timezone: Europe/Belin
gate:
  record_bytes_max: 1 parsec
  future_tolerence: 1 hour
engine: fast
http: { port: 70000 }
targets:
  local: { engine: embeded }
`
    expect(faultsOf(text)).toEqual([
      '1:1 "nmae" is not a setting. | Did you mean "name"?',
      '5:3 "future_tolerence" is not a setting of "gate". | Did you mean "future_tolerance"?',
      '6:9 engine must contain settings of its own, one per line.',
      '2:11 timezone is not a timezone: "Europe/Belin". Did you mean "Europe/Berlin"?',
      '4:21 gate.record_bytes_max must be a size such as 512 MiB, not "1 parsec".',
      '7:15 http.port must lie between 0 and 65535, not be 70000.',
      '9:20 targets.local.engine must be one of embedded, flink, ksqldb, not "embeded".',
    ])
  })

  test('a layer of the lake is kept forever, and the fault says why', () => {
    const text = 'retention:\n  events.raw: 5 minutes\n  silver: 30 days\n  events: {raw: 1 day}\n'
    const [unknown, short, silver] = faultsOf(text)
    expect(unknown).toContain('4:3 "events" is not a setting of "retention".')
    expect(short).toContain('2:15 retention.events.raw must be forever, or a length of time')
    expect(silver).toContain('3:11 retention.silver must be forever: dbt builds the daily marts')
  })

  test('the line is shown with the fault', () => {
    try {
      parseConfig('name: shop\nnope: 1 # what\n')
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({
        location: { file: 'ccs.yml', line: 2, column: 1, text: 'nope: 1 # what' },
        hint: 'Known: backup, collect, data, data_mode, dbt, engine, gate, generator, http, identity, lake, log, name, pii, query, retention, targets, timezone.',
      })
    }
  })

  test('a variable that ccs.yml cannot have is a fault; $${ is plain text', () => {
    expect(faultsOf('data: ${file:/secrets:key}\n')).toEqual([
      '1:7 data has a variable of a file or of ccs, which only connectors may use.',
    ])
    expect(faultsOf('data: ${DATA\n')).toEqual(['1:7 data has a ${ without its }.'])
    expect(parseConfig('data: $${DATA}\n').data).toBe('${DATA}')
    expect(parseConfig('data: ${A:-${B:-c}}/d\n', { B: 'b' }).data).toBe('b/d')
  })

  test('a variable that is not set is named', () => {
    expect(faultsOf('data: ${SHOP_DATA}\n')).toEqual([
      '1:7 data needs the environment variable SHOP_DATA, which is not set. | Set it, or give it a fallback: ${SHOP_DATA:-value}',
    ])
  })

  test('text that is no YAML, a key given twice, a list, and a bomb of aliases are faults with a place', () => {
    expect(faultsOf('name: [shop\n')[0]).toMatch(/^\d+:\d+ /)
    expect(faultsOf('name: a\nname: b\n')).toEqual(['2:1 Map keys must be unique.'])
    expect(faultsOf('- name\n')).toEqual([
      '1:1 ccs.yml must be keys and values. | Write it as "key: value", one on a line.',
    ])
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]']
    for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef'])
      bomb.push(`${to}: &${to} [${`*${from},`.repeat(9)}]`)
    expect(faultsOf(bomb.join('\n'))).toHaveLength(1)
  })

  test('keys that every object has are not settings', () => {
    expect(faultsOf('__proto__: { x: 1 }\n')).toHaveLength(1)
    expect(faultsOf('constructor: 1\n')).toHaveLength(1)
  })

  test.each(['+02:00', 'Mars/Phobos', '5', '""'])('%s is no timezone', (zone) => {
    expect(faultsOf(`timezone: ${zone}\n`)).toHaveLength(1)
  })
})
