/** What doctor says about ksqlDB servers, also with settings that no test server has. */
import { expect, test } from 'vitest'
import type { TopicState } from '../../../cli/domain/log/topic-admin.ts'
import {
  checkCommandTopic,
  checkKsqldb,
  type KsqldbQuery,
  type KsqldbState,
} from '../../../cli/engines/ksqldb/client/checks.ts'

const SOUND: KsqldbState = {
  url: 'http://ksqldb:8088',
  version: '7.9.9',
  clusterId: 'abc',
  serviceId: 'shop_',
  unhealthy: [],
  properties: {
    'ksql.streams.processing.guarantee': 'exactly_once_v2',
    'ksql.streams.shutdown.timeout.ms': '30000',
  },
  queries: [],
  log: { stream: 'KSQL_PROCESSING_LOG', topic: 'shop_ksql_processing_log', bytes: 'all' },
}

function query(id: string, more: Partial<KsqldbQuery> = {}): KsqldbQuery {
  return {
    id,
    state: 'RUNNING',
    counts: { RUNNING: 1 },
    kind: 'PERSISTENT',
    sinks: ['p_a'],
    ...more,
  }
}

function check(name: string, found: Partial<KsqldbState>) {
  return checkKsqldb({ ...SOUND, ...found }, 'p_').find((one) => one.name === name)
}

test('a well-configured ksqlDB has no warning', () => {
  expect(checkKsqldb(SOUND, '').map((one) => one.status)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok'])
})

test('8.0.0 fails for its bug, versions before 7.6 get a warning, others pass', () => {
  const statusOf = (version: string) => check('ksqldb', { version })?.status
  expect(['8.0.0', '8.0.0-ccs'].map(statusOf)).toEqual(['failed', 'failed'])
  expect(check('ksqldb', { version: '8.0.0' })?.detail).toContain('KAFKA-19668')
  expect(['7.5.9', '0.29.0', '6.2.0', 'nightly'].map(statusOf)).toEqual(Array(4).fill('warning'))
  expect(['7.6.0', '7.9.9', '8.0.1', '8.0.10', '8.2.0', '10.0.0'].map(statusOf)).toEqual(
    Array(6).fill('ok'),
  )
})

test('settings that double rows or delay statements are named with the right value', () => {
  const missing = { properties: {} }
  expect(check('exactly once', missing)).toMatchObject({ status: 'failed' })
  expect(check('exactly once', missing)?.hint).toContain(
    'ksql.streams.processing.guarantee=exactly_once_v2',
  )
  expect(check('shutdown', missing)).toMatchObject({
    status: 'warning',
    detail: expect.stringContaining('5 min'),
  })
})

test('only failed or paused queries of this target are named', () => {
  const queries = [
    query('CSAS_A_1'),
    query('CSAS_OTHER_2', { state: 'ERROR', sinks: ['q_a'] }),
    query('transient_3', { state: 'ERROR', kind: 'PUSH' }),
    query('CTAS_B_4', { counts: { PAUSED: 1 } }),
  ]
  expect(check('queries', { queries })).toMatchObject({
    status: 'warning',
    detail: 'Of 2 of this target, 1 is not running: CTAS_B_4 (PAUSED).',
  })
  const failed = [...queries, query('CTAS_C_5', { state: 'RUNNING', counts: { ERROR: 1 } })]
  expect(check('queries', { queries: failed })).toMatchObject({
    status: 'failed',
    detail: 'Of 3 of this target, 2 are not running: CTAS_C_5 (ERROR), CTAS_B_4 (PAUSED).',
  })
})

test('a processing log that is missing or lacks bytes is a warning', () => {
  const withBytes = (bytes: KsqldbState['log']['bytes'], stream: string | undefined = 'L') =>
    check('processing log', { log: { stream, topic: 't', bytes: bytes } })
  const gone = check('processing log', {
    log: { stream: undefined, topic: 't', bytes: undefined },
  })
  expect(gone).toMatchObject({
    status: 'warning',
    detail: expect.stringContaining('No stream reads t'),
  })
  for (const bytes of ['some', 'none'] as const)
    expect(withBytes(bytes)).toMatchObject({
      status: 'warning',
      hint: expect.stringContaining('rows.include=true'),
    })
  expect(withBytes(undefined)).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('it is not known whether'),
  })
})

test('a command topic that could lose statements or is elsewhere is reported', () => {
  const about = { cluster: 'abc', brokers: 'a:1,b:1,c:1' }
  const sound: TopicState = {
    name: '_confluent-ksql-shop__command_topic',
    partitions: 1,
    replication: 3,
    config: { 'retention.ms': '-1', 'cleanup.policy': 'delete' },
  }
  const told = (state: TopicState | undefined, of = about) =>
    checkCommandTopic({ about: of, state }, SOUND, { name: 'prod' }).map(
      ({ status, detail }) => `${status}: ${detail}`,
    )
  const name = sound.name
  expect(told(sound)).toEqual([`ok: ${name}, for ever, 3 copies.`])
  expect(told({ ...sound, replication: 1 })).toEqual([
    `warning: ${name} has one replica on 3 brokers: without its broker, all statements are unavailable.`,
  ])
  expect(told({ ...sound, replication: 1 }, { ...about, brokers: 'a:1' })[0]).toMatch(/^ok: /)
  expect(told({ ...sound, config: { 'retention.ms': '604800000' } })[0]).toMatch(
    /^failed: .*keeps statements for 7 d/,
  )
  expect(told({ ...sound, config: {} })[0]).toMatch(/^failed: .*broker's default/)
  expect(told({ ...sound, config: { ...sound.config, 'cleanup.policy': 'compact' } })[0]).toMatch(
    /^failed: .*is compact/,
  )
  expect(told(undefined)[0]).toMatch(/^failed: .*is gone/)
  expect(told(sound, { ...about, cluster: 'other' })[0]).toMatch(/^failed: .*cluster abc/)
})

test('unhealthy components are named', () => {
  expect(check('ksqldb health', { unhealthy: ['commandRunner'] })?.detail).toBe(
    'Not healthy: commandRunner.',
  )
})
