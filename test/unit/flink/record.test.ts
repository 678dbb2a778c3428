/** What the record of a Flink keeps, what its statements are filled with, and plans as lines. */
import { expect, test } from 'vitest'
import { splitJson } from '../../../cli/engines/flink/client/plan-files.ts'
import { fillStatement, hideSecrets } from '../../../cli/engines/flink/plan/names.ts'
import { printRecord, readRecord } from '../../../cli/engines/flink/plan/record.ts'
import { describeServers } from '../../../cli/engines/flink/plan/server-options.ts'

test('a record is read as it was written', () => {
  const sinks = [{ model: 'gold.sessions', topic: 'a.gold.sessions', fingerprint: 'f' }]
  const next = { version: 2, name: 'a.ccs-v2-x', sinks, plan: '{"nodes":[]}' }
  const deployed = { ...next, version: 1, id: 'j1', savepoint: 's3://x' }
  const record = { deployed, inProgress: [next] }
  expect(readRecord(printRecord(record))).toEqual(record)
  expect(readRecord(undefined)).toEqual({ deployed: undefined, inProgress: [] })
  for (const text of ['', '{}', '{"format":2,"inProgress":[]}'])
    expect(() => readRecord(text)).toThrow("record of its Flink can't be read")
})

test('statements get names by version, addresses and logins; the plan keeps no login', () => {
  const kafka = { brokers: ['a:1', 'b:2'], sasl: { mechanism: 'plain', username: 'u' } } as const
  const login = { url: 'http://r', username: 'ada', password: "it's" }
  const servers = describeServers({ ...kafka, tls: {} }, { ca: 'PEM' }, login)
  const naming = { ...servers, prefix: 'p.', version: 2 }
  const sql = `'topic' = '\${TOPIC_PREFIX}gold.x', 'from' = '\${TOPIC_PREFIX}events.valid',
'sink.transactional-id-prefix' = '\${TOPIC_PREFIX}ccs-gold.x',
'properties.bootstrap.servers' = '\${KAFKA_BOOTSTRAP_SERVERS}',
'key.avro-confluent.url' = '\${SCHEMA_REGISTRY_URL}'`
  const filled = fillStatement(sql, naming)
  expect(filled).toContain("'topic' = 'p.gold.x.v2', 'from' = 'p.events.valid'")
  expect(filled).toContain("'p.ccs-gold.x-v2'")
  expect(filled).toContain("= 'a:1,b:2',\n  'properties.security.protocol' = 'SASL_SSL'")
  expect(filled).toContain("'key.avro-confluent.basic-auth.user-info' = 'ada:it''s'")
  const plan = JSON.stringify({ options: Object.fromEntries(servers.brokerOptions), x: "ada:it's" })
  const hidden = hideSecrets(plan, naming)
  expect(hidden).not.toContain('LoginModule')
  expect(hidden).not.toContain('ada')
})

test('a login by oauthbearer is refused', () => {
  const kafka = { brokers: ['a:1'], sasl: { mechanism: 'oauthbearer' } } as const
  expect(() => describeServers(kafka, {}, { url: 'http://r' })).toThrow('oauthbearer')
})

test('a plan is split where JSON allows a line break', () => {
  const text = `a,"b\\${'\u00e4'.repeat(3)}`
  const plan = JSON.stringify(Array.from({ length: 2_000 }, (_, n) => ({ n, text, more: [n, n] })))
  const lines = splitJson(plan)
  expect(lines.length).toBeGreaterThan(5)
  expect(lines.join('')).toBe(plan)
  expect(JSON.parse(lines.join('\n'))).toEqual(JSON.parse(plan))
  expect(Math.max(...lines.map((one) => one.length))).toBeLessThan(9_000)
})
