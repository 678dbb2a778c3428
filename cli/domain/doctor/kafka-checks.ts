/** Checks a target's Kafka: its brokers, and the settings of the event topics. */

import { addPrefix, type KafkaSettings, type Target } from '../config/target.ts'
import { formatDuration } from '../kernel/units.ts'
import type { TopicAdmin, TopicState } from '../log/topic-admin.ts'
import { DLQ_TOPIC, RAW_TOPIC, VALID_TOPIC } from '../log/topics.ts'
import type { Check } from './doctor.ts'

const EVENT_TOPICS = [RAW_TOPIC, VALID_TOPIC, DLQ_TOPIC]

/** Never throws for a missing topic: that is a warning with the command that creates it. */
export async function checkKafka(
  admin: TopicAdmin,
  target: Pick<Target, 'name' | 'prefix'>,
  settings: KafkaSettings,
): Promise<readonly Check[]> {
  const about = await admin.about()
  const brokers = about.brokers?.split(',').length ?? 0
  const names = EVENT_TOPICS.map((name) => addPrefix(target, name))
  const topics = await admin.topics(names)
  const missing = names.filter((name) => !topics.some((one) => one.name === name))
  const valid = addPrefix(target, VALID_TOPIC)
  const faults = topics.flatMap((one) =>
    findTopicFaults(one, settings, { brokers, about, isOfGate: one.name === valid }),
  )
  const hint = `ccs plan --target ${target.name}`
  const checks = [...(missing.length > 0 ? [missingCheck(missing, target.name)] : []), ...faults]
  const fine = topics.map((one) => `${one.name} (${describeTopic(one)})`).join(', ')
  return [
    {
      name: 'kafka',
      status: 'ok',
      detail: `${brokers} ${brokers === 1 ? 'broker' : 'brokers'}, cluster ${about.cluster}.`,
    },
    ...checks.map((one) => ({ hint, ...one, name: 'topics' })),
    ...(checks.length === 0 ? [{ name: 'topics', status: 'ok' as const, detail: `${fine}.` }] : []),
  ]
}

type Finding = Omit<Check, 'name'>

function missingCheck(missing: readonly string[], target: string): Finding {
  return {
    status: 'warning',
    detail: `Not there: ${missing.join(', ')}.`,
    hint: `ccs deploy --target ${target}`,
  }
}

function findTopicFaults(
  { name, replication, config }: TopicState,
  settings: KafkaSettings,
  {
    brokers,
    about,
    isOfGate,
  }: {
    readonly brokers: number
    readonly about: Readonly<Record<string, string>>
    /** Its producer is the gate, whose records have the time of events.raw. */
    readonly isOfGate: boolean
  },
): readonly Finding[] {
  const findings: Finding[] = []
  const add = (status: Check['status'], detail: string, hint?: string) =>
    findings.push({ status, detail: `${name} ${detail}.`, ...(hint === undefined ? {} : { hint }) })
  const inSync = Number(config['min.insync.replicas'] ?? about['min.insync.replicas'] ?? 1)
  if (inSync > replication)
    add(
      'failed',
      `has replication ${replication} and wants ${inSync} in sync: nobody can write to it`,
      'Lower its min.insync.replicas, or give it more replicas.',
    )
  if (brokers > 1 && replication === 1)
    add('warning', `has one replica on ${brokers} brokers: without its broker, it is unavailable`)
  else if (replication !== settings.replication)
    add('warning', `has replication ${replication}, ccs.yml says ${settings.replication}`)
  const { 'retention.ms': kept } = config
  const isShort = kept !== undefined && Number(kept) >= 0
  if (kept !== undefined && Number(kept) !== settings.retentionMs)
    add(
      'warning',
      `keeps events ${formatRetention(Number(kept))}, ` +
        `ccs.yml says ${formatRetention(settings.retentionMs)}`,
    )
  if (isShort && !isOfGate && config['message.timestamp.type'] !== 'LogAppendTime')
    add(
      'warning',
      'ages records by the producer’s timestamps: imported history would be deleted at once',
    )
  return findings
}

function describeTopic({ partitions, replication, config }: TopicState): string {
  const kept =
    config['retention.ms'] === undefined
      ? ''
      : `, ${formatRetention(Number(config['retention.ms']))}`
  return `${partitions} × ${replication}${kept}`
}

function formatRetention(ms: number): string {
  return ms < 0 ? 'for ever' : `for ${formatDuration(ms)}`
}
