/**
 * Checks the servers of a target. Each is asked separately, so that one that is down costs one
 * line of the answer. Credentials are reported as set or not set, never shown.
 */

import type { RemoteRegistry } from '../avro/schema-registry.ts'
import type { HttpServer, Target } from '../config/target.ts'
import type { ConnectCluster } from '../connectors/connect-cluster.ts'
import { chooseConnectors, type DesiredConnector } from '../connectors/desired-connectors.ts'
import { formatLocation } from '../console/text.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import type { TopicAdmin } from '../log/topic-admin.ts'
import type { Check } from './doctor.ts'
import { checkKafka } from './kafka-checks.ts'
import {
  checkCommandTopic,
  checkKsqldb,
  commandTopicName,
  type KsqldbState,
} from './ksqldb-checks.ts'
import { checkRegistry, type RegistryNeeds } from './registry-checks.ts'

/** How to reach the target's servers; undefined for one that the target doesn't have. */
export interface TargetServers extends RegistryNeeds {
  readonly target: Target
  readonly kafka?: () => Promise<TopicAdmin>
  readonly registry?: () => Promise<RemoteRegistry>
  readonly connect?: () => Promise<ConnectCluster>
  readonly ksqldb?: () => Promise<KsqldbServer>
  /** The connectors that the project would run there. */
  readonly connectors: () => Promise<readonly DesiredConnector[]>
}

/** How to ask a ksqlDB about itself. */
export interface KsqldbServer {
  inspect(): Promise<KsqldbState>
  /** How the names of the target's streams and tables begin. */
  readonly prefix: string
}

/** Never rejects for a server that can't be reached: that is a failed check. */
export async function examineTarget(servers: TargetServers): Promise<readonly Check[]> {
  const { target, kafka, registry, connect, ksqldb, connectors } = servers
  const settings = target.kafka
  const checks = await Promise.all([
    kafka === undefined || settings === undefined
      ? []
      : runChecks('kafka', async () => {
          const admin = await kafka()
          try {
            return await checkKafka(admin, target, settings)
          } finally {
            await admin.close()
          }
        }),
    registry === undefined
      ? []
      : runChecks('registry', async () => checkRegistry(await registry(), servers)),
    connect === undefined
      ? []
      : runChecks('connect', async () => checkConnect(await connect(), connectors)),
    ksqldb === undefined
      ? []
      : runChecks('ksqldb', async () => {
          const { inspect, prefix } = await ksqldb()
          const found = await inspect()
          const own = checkKsqldb(found, prefix)
          return [
            ...own,
            ...(kafka === undefined ? [] : await commandTopicChecks(kafka, found, target)),
          ]
        }),
  ])
  return [credentialsCheck(target), ...checks.flat()]
}

function commandTopicChecks(
  kafka: () => Promise<TopicAdmin>,
  found: KsqldbState,
  target: Target,
): Promise<readonly Check[]> {
  return runChecks('command topic', async () => {
    const admin = await kafka()
    try {
      const [state] = await admin.topics([commandTopicName(found)])
      return checkCommandTopic({ about: await admin.about(), state }, found, target)
    } finally {
      await admin.close()
    }
  })
}

/** An error becomes one failed check per fault, with the error's own hint. */
async function runChecks(
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

async function checkConnect(
  connect: ConnectCluster,
  connectors: TargetServers['connectors'],
): Promise<readonly Check[]> {
  const { version, url } = await connect.readServerInfo()
  const there: Check = {
    name: 'connect',
    status: 'ok',
    detail: `Kafka Connect ${version} at ${url}.`,
  }
  const sinks = await runChecks('connectors', async () => {
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
