/**
 * Checks a target's ksqlDB: its version, whether a crash can lose or double rows, whether records
 * that it can't read are kept, and whether all queries run.
 */

import type { Target } from '../../../domain/config/target.ts'
import type { Check } from '../../../domain/doctor/doctor.ts'
import type { EngineChecks } from '../../../domain/doctor/examine-target.ts'
import { formatDuration } from '../../../domain/kernel/units.ts'
import type { TopicState } from '../../../domain/log/topic-admin.ts'
import { joinNames } from '../../../domain/schemas/describe.ts'
import { createNames } from '../plan/actions.ts'
import type { KsqlClient } from './client.ts'
import { inspectServer, type ProcessingLog } from './inspect.ts'

/** What a ksqlDB server says about itself. */
export interface KsqldbState {
  readonly url: string
  readonly version: string
  /** Cluster id of its Kafka. */
  readonly clusterId: string
  readonly serviceId: string
  /** Components that are not healthy. */
  readonly unhealthy: readonly string[]
  /** Settings in force by name. */
  readonly properties: Readonly<Record<string, string>>
  /** All queries on the server, also those of others. */
  readonly queries: readonly KsqldbQuery[]
  readonly log: ProcessingLog
}

/** One query on the server. */
export interface KsqldbQuery {
  readonly id: string
  readonly state: string
  /** Number of tasks by state: the only place that shows PAUSED. */
  readonly counts: Readonly<Record<string, number>>
  /** PERSISTENT or PUSH. */
  readonly kind: string
  /** Streams and tables that it writes. */
  readonly sinks: readonly string[]
}

const SHUTDOWN_MS = 30_000
const NAMES_MAX = 3
const PROPERTIES = 'ksql-server.properties'

/** `prefix` is how the names of the target's streams and tables begin. */
export function checkKsqldb(found: KsqldbState, prefix: string): readonly Check[] {
  const { unhealthy } = found
  return [
    versionCheck(found),
    ...(unhealthy.length > 0 ? [healthCheck(unhealthy)] : []),
    ...settingChecks(found.properties),
    queriesCheck(found.queries, prefix),
    logCheck(found.log),
  ]
}

function healthCheck(unhealthy: readonly string[]): Check {
  return {
    name: 'ksqldb health',
    status: 'failed',
    detail: `Not healthy: ${joinNames(unhealthy, NAMES_MAX)}.`,
    hint: "See the server's log. If it does not recover, it runs no statements: restart it.",
  }
}

/** 8.0.0 has https://issues.apache.org/jira/browse/KAFKA-19668. */
function versionCheck({ version, url }: KsqldbState): Check {
  const name = 'ksqldb'
  const detail = `ksqlDB ${version} at ${url}`
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  if (/^8\.0\.0(?!\d)/.test(version))
    return {
      name,
      status: 'failed',
      detail: `${detail}: KAFKA-19668 makes rows wrong where repartition topics are merged.`,
      hint: 'Use 8.0.1 or later, or 7.9.',
    }
  if (major < 7 || (major === 7 && minor < 6) || Number.isNaN(major + minor))
    return {
      name,
      status: 'warning',
      detail: `${detail}: ccs needs 7.6 or later.`,
      hint: 'Use ksqlDB of Confluent Platform 7.6 or later; 0.29, the last 0.x, is 7.5.',
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
          detail: `The server works ${guarantee}: after a crash it counts rows twice.`,
          hint: `In ${PROPERTIES}: ksql.streams.processing.guarantee=exactly_once_v2`,
        }
  const shutdown: Check =
    shutdownMs <= SHUTDOWN_MS
      ? {
          name: 'shutdown',
          status: 'ok',
          detail: `A query may take ${formatDuration(shutdownMs)} to end.`,
        }
      : {
          name: 'shutdown',
          status: 'warning',
          detail:
            `A query may take ${formatDuration(shutdownMs)} to end, ` +
            'and a hanging one delays every statement that long.',
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
    return { name, status: 'ok', detail: `${own.length} of this target, all running.` }
  return {
    name,
    status: stuck.length > 0 ? 'failed' : 'warning',
    detail:
      `Of ${own.length} of this target, ${words.length} ` +
      `${words.length === 1 ? 'is' : 'are'} not running: ${joinNames(words, NAMES_MAX)}.`,
    hint:
      stuck.length > 0
        ? 'To see its error, run in ksqlDB: EXPLAIN and the id of the query.'
        : 'To resume it, run in ksqlDB: RESUME and the id of the query. Other changes: ccs plan',
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
      detail: `No stream reads ${topic}: records that ksqlDB can't read are lost silently.`,
      hint:
        `In ${PROPERTIES}: ksql.logging.processing.topic.auto.create=true, ` +
        `….stream.auto.create=true and ${setting}, and an appender for its logger ` +
        '"processing". Or let ksqlDB read validated records: ccs gate --help',
    }
  if (bytes === 'some' || bytes === 'none')
    return {
      name,
      status: 'warning',
      detail:
        `${stream} over ${topic} has ${bytes === 'some' ? 'some records' : 'records'} ` +
        'without the bytes of what could not be read.',
      hint: `In ${PROPERTIES}: ${setting}`,
    }
  const rows = bytes
    ? 'with the bytes of what could not be read'
    : 'without a report so far, so it is not known whether reports contain the bytes'
  return {
    name,
    status: 'ok',
    detail: `${stream} over ${topic}, ${rows}.`,
    ...(bytes ? {} : { hint: `To be sure, in ${PROPERTIES}: ${setting}` }),
  }
}

/** The topic in which ksqlDB stores its statements. */
export interface CommandTopic {
  /** Kafka's description of itself. */
  readonly about: Readonly<Record<string, string>>
  readonly state: TopicState | undefined
}

/** Name of the topic with all statements: apart from the project, the only copy. */
export function commandTopicName({ serviceId }: Pick<KsqldbState, 'serviceId'>): string {
  return `_confluent-ksql-${serviceId}_command_topic`
}

/** Checks that ksqlDB uses the target's Kafka, and that its statements survive. */
export function checkCommandTopic(
  { about, state }: CommandTopic,
  found: KsqldbState,
  target: Pick<Target, 'name'>,
): readonly Check[] {
  const { clusterId } = found
  if (about.cluster !== clusterId)
    return [
      {
        name: 'command topic',
        status: 'failed',
        detail:
          `ksqlDB uses the Kafka cluster ${clusterId}, ` +
          `but kafka.brokers of ${target.name} belong to ${about.cluster}.`,
        hint: 'Compare kafka.brokers and ksqldb.url of the target in ccs.yml.',
      },
    ]
  if (state === undefined)
    return [
      {
        name: 'command topic',
        status: 'failed',
        detail:
          `${commandTopicName(found)} is gone: ` +
          'the server forgets all streams, tables and queries when it ends.',
        hint: `Restart it, then recreate everything: ccs deploy --target ${target.name}`,
      },
    ]
  return findCommandTopicFaults(state, about.brokers?.split(',').length ?? 1)
}

function findCommandTopicFaults(
  { name, partitions, replication, config }: TopicState,
  brokers: number,
): readonly Check[] {
  const keptMs = Number(config['retention.ms'] ?? Number.NaN)
  const policy = config['cleanup.policy'] ?? 'delete'
  const faults: Check[] = []
  const add = (status: Check['status'], detail: string, hint: string) =>
    faults.push({ name: 'command topic', status, detail: `${name} ${detail}.`, hint })
  if (keptMs !== -1 || policy !== 'delete') {
    const kept = Number.isNaN(keptMs)
      ? "as long as the broker's default says"
      : `for ${formatDuration(keptMs)}`
    add(
      'failed',
      policy !== 'delete'
        ? `is ${policy}: statements are lost`
        : `keeps statements ${kept}, then a restart forgets what they made`,
      `kafka-configs --alter --entity-type topics --entity-name ${name} ` +
        '--add-config retention.ms=-1,cleanup.policy=delete',
    )
  }
  if (partitions !== 1)
    add('failed', `has ${partitions} partitions: statements lose their order`, 'It must have one.')
  if (brokers > 1 && replication < 2)
    add(
      'warning',
      `has one replica on ${brokers} brokers: without its broker, all statements are unavailable`,
      'Add replicas: kafka-reassign-partitions; a new server: ksql.internal.topic.replicas',
    )
  if (faults.length > 0) return faults
  const copies = replication === 1 ? 'one copy, for one broker' : `${replication} copies`
  return [{ name: 'command topic', status: 'ok', detail: `${name}, for ever, ${copies}.` }]
}

/** Checks a server; its command topic is then checked on Kafka. */
export async function checkServer(client: KsqlClient, target: Target): Promise<EngineChecks> {
  const found = await inspectServer(client)
  return {
    checks: checkKsqldb(found, createNames(target.prefix).source('', 1)),
    onKafka: {
      name: 'command topic',
      check: async (admin) => {
        const [state] = await admin.topics([commandTopicName(found)])
        return checkCommandTopic({ about: await admin.about(), state }, found, target)
      },
    },
  }
}
