/**
 * What doctor asks of a target's ksqlDB: its version, whether it loses or doubles anything when it falls, whether
 * what it can't read is kept, and the queries that stand still.
 */

import type { Target } from '../../../domain/config/target.ts'
import type { Check } from '../../../domain/doctor/doctor.ts'
import type { EngineChecks } from '../../../domain/doctor/target.ts'
import { formatDuration } from '../../../domain/kernel/units.ts'
import type { TopicState } from '../../../domain/log/topic-admin.ts'
import { joinNames } from '../../../domain/schemas/describe.ts'
import { namesOf } from '../plan/actions.ts'
import type { KsqlClient } from './client.ts'
import { lookAt } from './inspect.ts'

/** A ksqlDB as it was found. */
export interface KsqldbFound {
  readonly url: string
  readonly version: string
  /** Of its Kafka. */
  readonly clusterId: string
  readonly serviceId: string
  /** Parts that are not healthy. */
  readonly ailing: readonly string[]
  /** Settings in force, by their names. */
  readonly properties: Readonly<Record<string, string>>
  /** All of the server. */
  readonly queries: readonly KsqldbQuery[]
  readonly log: ProcessingLog
}

export interface KsqldbQuery {
  readonly id: string
  readonly state: string
  /** Tasks by state: the only place that shows PAUSED. */
  readonly counts: Readonly<Record<string, number>>
  /** PERSISTENT, PUSH. */
  readonly kind: string
  /** Sources that it fills. */
  readonly sinks: readonly string[]
}

/** Where ksqlDB tells what it could not read. */
export interface ProcessingLog {
  readonly stream: string | undefined
  readonly topic: string
  /** Records about what could not be read that have its bytes; undefined: none was found. */
  readonly bytes: 'all' | 'some' | 'none' | undefined
}

const SHUTDOWN_MS = 30_000
const NAMES_MAX = 3
const PROPERTIES = 'ksql-server.properties'

/** `prefix`: of the names of the target's sources. */
export function ksqldbChecks(found: KsqldbFound, prefix: string): readonly Check[] {
  const { ailing } = found
  return [
    versionCheck(found),
    ...(ailing.length > 0 ? [sickCheck(ailing)] : []),
    ...settingChecks(found.properties),
    queriesCheck(found.queries, prefix),
    logCheck(found.log),
  ]
}

function sickCheck(ailing: readonly string[]): Check {
  return {
    name: 'ksqldb health',
    status: 'failed',
    detail: `Not healthy: ${joinNames(ailing, NAMES_MAX)}.`,
    hint: 'Look into its log; one that does not get over it carries out no statement.',
  }
}

/** https://issues.apache.org/jira/browse/KAFKA-19668 */
function versionCheck({ version, url }: KsqldbFound): Check {
  const name = 'ksqldb'
  const detail = `ksqlDB ${version} at ${url}`
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  if (/^8\.0\.0(?!\d)/.test(version))
    return {
      name,
      status: 'failed',
      detail: `${detail}: its Kafka Streams has KAFKA-19668, wrong rows where repartition topics are merged.`,
      hint: 'Take 8.0.1 or later, or 7.9.',
    }
  if (major < 7 || (major === 7 && minor < 6) || Number.isNaN(major + minor))
    return {
      name,
      status: 'warning',
      detail: `${detail}: ccs is made for 7.6 and later.`,
      hint: 'Versions 0.x ended with 0.29, which is 7.5: take a ksqlDB of Confluent Platform 7.6 or later.',
    }
  return { name, status: 'ok', detail: `${detail}.` }
}

function settingChecks(properties: Readonly<Record<string, string>>): readonly Check[] {
  const guarantee = properties['ksql.streams.processing.guarantee'] ?? 'at_least_once'
  // Confluent's default is five minutes.
  const shutdownMs = Number(properties['ksql.streams.shutdown.timeout.ms'] ?? 300_000)
  const exact: Check =
    guarantee === 'exactly_once_v2'
      ? { name: 'exactly once', status: 'ok', detail: `${guarantee}.` }
      : {
          name: 'exactly once',
          status: 'failed',
          detail: `The server works ${guarantee}: after a fall it counts rows twice.`,
          hint: `In ${PROPERTIES}: ksql.streams.processing.guarantee=exactly_once_v2`,
        }
  const shutdown: Check =
    shutdownMs <= SHUTDOWN_MS
      ? {
          name: 'shutdown',
          status: 'ok',
          detail: `A query has ${formatDuration(shutdownMs)} to end.`,
        }
      : {
          name: 'shutdown',
          status: 'warning',
          detail: `A query has ${formatDuration(shutdownMs)} to end, and one that does not holds up every statement so long.`,
          hint: `In ${PROPERTIES}: ksql.streams.shutdown.timeout.ms=${SHUTDOWN_MS}`,
        }
  return [exact, shutdown]
}

function queriesCheck(all: readonly KsqldbQuery[], prefix: string): Check {
  const name = 'queries'
  const own = all.filter(
    ({ kind, sinks }) => kind !== 'PUSH' && sinks.some((one) => one.startsWith(prefix)),
  )
  const stuck = own.filter(({ state, counts }) => ![state, ...Object.keys(counts)].every(isFine))
  const paused = own.filter((one) => !stuck.includes(one) && (one.counts.PAUSED ?? 0) > 0)
  const words = [
    ...stuck.map(
      (one) =>
        `${one.id} (${[one.state, ...Object.keys(one.counts)].find((state) => !isFine(state))})`,
    ),
    ...paused.map((one) => `${one.id} (PAUSED)`),
  ]
  if (words.length === 0)
    return { name, status: 'ok', detail: `${own.length} of this target, all at work.` }
  return {
    name,
    status: stuck.length > 0 ? 'failed' : 'warning',
    detail: `Of ${own.length} of this target, ${words.length} ${words.length === 1 ? 'stands' : 'stand'} still: ${joinNames(words, NAMES_MAX)}.`,
    hint:
      stuck.length > 0
        ? 'Its error: EXPLAIN and the id of the query, in ksqlDB.'
        : 'RESUME and the id of the query, in ksqlDB; ccs plan says what else differs.',
  }
}

function isFine(state: string): boolean {
  return state === 'RUNNING' || state === 'PAUSED' || state === ''
}

function logCheck({ stream, topic, bytes }: ProcessingLog): Check {
  const name = 'processing log'
  const setting = 'ksql.logging.processing.rows.include=true'
  if (stream === undefined)
    return {
      name,
      status: 'warning',
      detail: `There is no stream over ${topic}: what ksqlDB can't read, it leaves out without a trace.`,
      hint: `In ${PROPERTIES}: ksql.logging.processing.topic.auto.create=true, ….stream.auto.create=true and ${setting}, and an appender for its logger "processing". Or read behind the gate: ccs gate --help`,
    }
  if (bytes === 'some' || bytes === 'none')
    return {
      name,
      status: 'warning',
      detail: `${stream} over ${topic} has ${bytes === 'some' ? 'some records' : 'records'} without the bytes of what could not be read.`,
      hint: `In ${PROPERTIES}: ${setting}`,
    }
  const rows = bytes
    ? 'with the bytes of what could not be read'
    : 'in which no record of such bytes was found, and only one would show whether rows are included: the server does not tell'
  return {
    name,
    status: 'ok',
    detail: `${stream} over ${topic}, ${rows}.`,
    ...(bytes ? {} : { hint: `To be sure, in ${PROPERTIES}: ${setting}` }),
  }
}

export interface CommandTopic {
  /** As its Kafka says of itself. */
  readonly about: Readonly<Record<string, string>>
  readonly state: TopicState | undefined
}

/** Name of the topic that holds all statements: nothing else knows them, but the project. */
export function commandTopicOf({ serviceId }: Pick<KsqldbFound, 'serviceId'>): string {
  return `_confluent-ksql-${serviceId}_command_topic`
}

export function commandTopicChecks(
  { about, state }: CommandTopic,
  found: KsqldbFound,
  target: Pick<Target, 'name'>,
): readonly Check[] {
  const { clusterId } = found
  if (about.cluster !== clusterId)
    return [
      {
        name: 'command topic',
        status: 'failed',
        detail: `The ksqlDB works on the Kafka cluster ${clusterId}, kafka.brokers of ${target.name} are of ${about.cluster}.`,
        hint: `Look at kafka.brokers and ksqldb.url of the target in ccs.yml.`,
      },
    ]
  if (state === undefined)
    return [
      {
        name: 'command topic',
        status: 'failed',
        detail: `${commandTopicOf(found)} is gone: the server forgets all streams, tables and queries when it ends.`,
        hint: `Restart it, then make all anew from the project: ccs deploy --target ${target.name}`,
      },
    ]
  return commandTopicFaults(state, about.brokers?.split(',').length ?? 1)
}

function commandTopicFaults(
  { name, partitions, replication, config }: TopicState,
  brokers: number,
): readonly Check[] {
  const keptMs = Number(config['retention.ms'] ?? Number.NaN)
  const policy = config['cleanup.policy'] ?? 'delete'
  const faults: Check[] = []
  const add = (status: Check['status'], detail: string, hint: string) =>
    faults.push({ name: 'command topic', status, detail: `${name} ${detail}.`, hint })
  if (keptMs !== -1 || policy !== 'delete')
    add(
      'failed',
      policy !== 'delete'
        ? `is ${policy}: statements are lost`
        : `keeps statements ${Number.isNaN(keptMs) ? "as long as the broker's default says" : `for ${formatDuration(keptMs)}`}, then a restart forgets what they made`,
      `kafka-configs --alter --entity-type topics --entity-name ${name} --add-config retention.ms=-1,cleanup.policy=delete`,
    )
  if (partitions !== 1)
    add('failed', `has ${partitions} partitions: statements lose their order`, 'It must have one.')
  if (brokers > 1 && replication < 2)
    add(
      'warning',
      `has one replica on ${brokers} brokers: with its broker, all statements are away`,
      'Give it more replicas: kafka-reassign-partitions; for a new server ksql.internal.topic.replicas',
    )
  if (faults.length > 0) return faults
  const copies = replication === 1 ? 'one copy, for one broker' : `${replication} copies`
  return [{ name: 'command topic', status: 'ok', detail: `${name}, for ever, ${copies}.` }]
}

/** Asks a server; what its command topic says is asked of Kafka afterwards. */
export async function checkServer(client: KsqlClient, target: Target): Promise<EngineChecks> {
  const found = await lookAt(client)
  return {
    checks: ksqldbChecks(found, namesOf(target.prefix).source('', 1)),
    onKafka: {
      name: 'command topic',
      check: async (admin) => {
        const [state] = await admin.topics([commandTopicOf(found)])
        return commandTopicChecks({ about: await admin.about(), state }, found, target)
      },
    },
  }
}
