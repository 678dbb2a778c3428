/**
 * What doctor asks of a target's servers. Each is asked by itself, so that one that is down is one line of the
 * answer; credentials are told as set or not set, never as they are.
 */

import type { RemoteRegistry } from '../avro/schema-registry.ts'
import type { HttpServer, Target } from '../config/target.ts'
import type { ConnectCluster } from '../connectors/connect-cluster.ts'
import { chooseConnectors, type DesiredConnector } from '../connectors/desired-connectors.ts'
import { formatLocation } from '../console/text.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import type { TopicAdmin } from '../log/topic-admin.ts'
import type { Check } from './doctor.ts'
import { kafkaChecks } from './kafka.ts'
import { commandTopicChecks, commandTopicOf, type KsqldbFound, ksqldbChecks } from './ksqldb.ts'
import { type RegistryNeeds, registryChecks } from './registry.ts'

/** A server that the target does not have is left out. */
export interface TargetServers extends RegistryNeeds {
  readonly target: Target
  readonly kafka?: () => Promise<TopicAdmin>
  readonly registry?: () => Promise<RemoteRegistry>
  readonly connect?: () => Promise<ConnectCluster>
  readonly ksqldb?: () => Promise<KsqldbPart>
  /** What the project would run there. */
  readonly connectors: () => Promise<readonly DesiredConnector[]>
}

export interface KsqldbPart {
  look(): Promise<KsqldbFound>
  /** Of the names of the target's streams and tables. */
  readonly prefix: string
}

export async function examineTarget(servers: TargetServers): Promise<readonly Check[]> {
  const { target, kafka, registry, connect, ksqldb, connectors } = servers
  const settings = target.kafka
  const checks = await Promise.all([
    kafka === undefined || settings === undefined
      ? []
      : asked('kafka', async () => {
          const admin = await kafka()
          try {
            return await kafkaChecks(admin, target, settings)
          } finally {
            await admin.close()
          }
        }),
    registry === undefined
      ? []
      : asked('registry', async () => registryChecks(await registry(), servers)),
    connect === undefined
      ? []
      : asked('connect', async () => connectChecks(await connect(), connectors)),
    ksqldb === undefined
      ? []
      : asked('ksqldb', async () => {
          const { look, prefix } = await ksqldb()
          const found = await look()
          const own = ksqldbChecks(found, prefix)
          return [...own, ...(kafka === undefined ? [] : await topicChecks(kafka, found, target))]
        }),
  ])
  return [credentialsCheck(target), ...checks.flat()]
}

function topicChecks(
  kafka: () => Promise<TopicAdmin>,
  found: KsqldbFound,
  target: Target,
): Promise<readonly Check[]> {
  return asked('command topic', async () => {
    const admin = await kafka()
    try {
      const [state] = await admin.topics([commandTopicOf(found)])
      return commandTopicChecks({ about: await admin.about(), state }, found, target)
    } finally {
      await admin.close()
    }
  })
}

/** What can't be asked is a failed check for each fault, with the error's own hint. */
async function asked(
  name: string,
  ask: () => Promise<readonly Check[]>,
): Promise<readonly Check[]> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    return [error, ...error.others].map(({ message, hint, location }) => ({
      name,
      status: 'failed',
      detail: location === undefined ? message : `${formatLocation(location)}: ${message}`,
      ...(hint === undefined ? {} : { hint }),
    }))
  }
}

function credentialsCheck({ kafka, registry, connect, ksqldb }: Target): Check {
  const login = (name: string, server: HttpServer | undefined) =>
    server === undefined
      ? []
      : [`${name} ${server.username === undefined ? 'none' : 'user and password'}`]
  const parts = [
    ...(kafka === undefined
      ? []
      : [`kafka ${kafka.sasl?.mechanism ?? 'none'}${kafka.tls ? ', TLS' : ''}`]),
    ...login('registry', registry),
    ...login('connect', connect),
    ...login('ksqldb', ksqldb),
  ]
  return { name: 'credentials', status: 'ok', detail: `${parts.join('; ')}.` }
}

async function connectChecks(
  connect: ConnectCluster,
  connectors: TargetServers['connectors'],
): Promise<readonly Check[]> {
  const { version, url } = await connect.readServerInfo()
  const there: Check = {
    name: 'connect',
    status: 'ok',
    detail: `Kafka Connect ${version} at ${url}.`,
  }
  const sinks = await asked('connectors', async () => {
    const choice = chooseConnectors(await connectors(), await connect.plugins())
    throwAll(choice.faults)
    const { chosen, skipped } = choice
    const left = skipped.map(({ connector, reason }) => `${connector.name}: ${reason}`)
    const detail = [`Can run: ${chosen.map((one) => one.name).join(', ') || 'none'}.`, ...left]
    const isNone = chosen.length === 0 && skipped.length > 0
    return [{ name: 'connectors', status: isNone ? 'warning' : 'ok', detail: detail.join(' ') }]
  })
  return [there, ...sinks]
}
