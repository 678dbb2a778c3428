/** What doctor says about topics whose settings would lose records. */
import { expect, test } from 'vitest'
import type { KafkaSettings } from '../../../cli/domain/config/target.ts'
import { checkKafka } from '../../../cli/domain/doctor/kafka-checks.ts'
import type { TopicAdmin, TopicState } from '../../../cli/domain/log/topic-admin.ts'

const WEEK_MS = 7 * 86_400_000
const NAMES = ['events.raw', 'events.valid', 'events.dlq']

test('only the gate may give records of a limited retention their time', async () => {
  const topics: readonly TopicState[] = NAMES.map((name) => ({
    name,
    partitions: 1,
    replication: 1,
    config: { 'retention.ms': String(WEEK_MS), 'message.timestamp.type': 'CreateTime' },
  }))
  const admin: Pick<TopicAdmin, 'about' | 'topics'> = {
    about: async () => ({ brokers: '1', cluster: 'abc' }),
    topics: async () => topics,
  }
  const settings: Partial<KafkaSettings> = { replication: 1, retentionMs: WEEK_MS }
  const checks = await checkKafka(
    admin as TopicAdmin, // all that it calls
    { name: 'kafka', prefix: '' },
    settings as KafkaSettings, // all that it reads
  )
  const warned = checks.filter((one) => one.status === 'warning').map((one) => one.detail)
  expect(warned).toEqual(
    ['events.raw', 'events.dlq'].map(
      (name) =>
        `${name} ages records by the producer’s timestamps: ` +
        'imported history would be deleted at once.',
    ),
  )
})
