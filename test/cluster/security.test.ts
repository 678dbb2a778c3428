/** A Kafka with TLS and credentials: each mechanism works, and no secret is shown anywhere. */
import { afterAll, expect } from 'vitest'
import { openKafka } from '../../cli/adapters/kafka/connection.ts'
import { openKafkaLog } from '../../cli/adapters/kafka/event-log.ts'
import { systemClock } from '../../cli/adapters/process/system-clock.ts'
import type { Sasl } from '../../cli/domain/config/target.ts'
import { OutageHandler } from '../../cli/domain/pipeline/outage-handler.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { kafkaSettings, withTopics } from '../fixtures/kafka-topics.ts'
import { createBatch, findFirstWrong, readBack } from '../fixtures/log-records.ts'
import { PASSWORDS, type SecuredBroker, startSecuredBroker } from '../fixtures/secured-broker.ts'

const TOPIC = 'events.raw'
/** Settings for `ccs` for this broker. */
const TOKEN = unsignedToken({ sub: 'ccs', exp: Math.floor(Date.now() / 1000) + 3600 })

let broker: SecuredBroker | undefined

afterAll(async () => {
  await broker?.stop()
})

function unsignedToken(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ iat: 0, ...claims })}.`
}

async function logWith(secured: SecuredBroker, prefix: string, sasl: Sasl) {
  const settings = { ...kafkaSettings(secured.brokers), tls: { ca: secured.ca }, sasl }
  // A broker that has just started gives no producer ids yet.
  const outage = new OutageHandler(systemClock(), () => {})
  const through = <T>(write: () => Promise<T>) => outage.retryWhileUnavailable('test', write)
  return openKafkaLog(await openKafka(settings, '.'), { prefix, withRetry: through })
}

const ways: readonly Sasl[] = [
  { mechanism: 'plain', username: 'ccs', password: PASSWORDS.plain },
  { mechanism: 'scram-sha-256', username: 'ccs', password: PASSWORDS['scram-sha-256'] },
  { mechanism: 'scram-sha-512', username: 'ccs', password: PASSWORDS['scram-sha-512'] },
  { mechanism: 'oauthbearer', token: TOKEN },
]

for (const sasl of ways)
  clusterTest(
    `${sasl.mechanism} over TLS writes and reads`,
    async (_cluster, prefix) => {
      broker ??= await startSecuredBroker()
      const secured = broker
      await withTopics(secured.open, [{ topic: `${prefix}${TOPIC}` }], async () => {
        const log = await logWith(secured, prefix, sasl)
        try {
          const writer = await log.writer(TOPIC, 0, 'test')
          await writer.append(createBatch(0, 100), 1)
          const { records, error } = await readBack(log, TOPIC)
          expect([error, records.length, findFirstWrong(records)]).toEqual([undefined, 100, -1])
        } finally {
          await log.close()
        }
      })
    },
    300_000,
  )

clusterTest(
  'wrong credentials, certificates and missing TLS are reported without secrets',
  async (_cluster, prefix) => {
    broker ??= await startSecuredBroker()
    const secured = broker
    const printed: string[] = []
    const failing = async (more: object) => {
      const kafka = await openKafka({ ...kafkaSettings(secured.brokers), ...more }, '.')
      const log = openKafkaLog(kafka, { prefix, withRetry: (write) => write() })
      const error: unknown = await log.partitions(TOPIC).catch((thrown: unknown) => thrown)
      await log.close()
      for (let one = error; one instanceof Error; one = one.cause)
        printed.push(`${one.message} ${one.stack} ${JSON.stringify(one)}`)
      return error
    }
    const tls = { ca: secured.ca }
    const denied = { code: 'CCS_KAFKA_DENIED', exit: 1 }
    const wrong = 'wrong-pass-4714'
    for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const)
      expect(
        await failing({ tls, sasl: { mechanism, username: 'ccs', password: wrong } }),
      ).toMatchObject(denied)
    const token = unsignedToken({ sub: 'ccs', exp: 1 })
    expect(await failing({ tls, sasl: { mechanism: 'oauthbearer', token } })).toMatchObject(denied)
    const [sasl] = ways
    expect(await failing({ tls: {}, sasl })).toMatchObject({
      code: 'CCS_KAFKA_DENIED',
      message: `TLS with ${secured.brokers} fails: self-signed certificate.`,
    })
    expect(await failing({ sasl })).toMatchObject({ code: 'CCS_KAFKA_UNREACHABLE', exit: 4 })
    for (const secret of [wrong, token, TOKEN, ...Object.values(PASSWORDS)])
      expect(printed.filter((text) => text.includes(secret))).toEqual([])
  },
  300_000,
)
