/** The only place that imports kafkajs: clients from a target's settings, closed together. */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type {
  Admin,
  ISocketFactory,
  Kafka,
  KafkaConfig,
  Message,
  Producer,
  SASLOptions,
  Transaction,
} from 'kafkajs'
import type { KafkaSettings, Sasl } from '../../domain/config/target.ts'
import { fetchBearerToken } from '../http/bearer-token.ts'
import { toKafkaFault } from './fault.ts'
import { type Cluster, type Fetched, type FetchOptions, fetchOnce, openCluster } from './fetch.ts'
import { GroupMember, type MemberOptions } from './member.ts'
import { type KafkaStream, openStream } from './stream.ts'
import { readTlsFiles } from './tls-files.ts'

export type { Admin, GroupMember, Kafka, Message, Producer, Transaction }

/** How a producer writes. */
export interface ProducerOptions {
  readonly transactionalId?: string
  /** Per request; unlimited by default. After a failure with a limit, a new producer is needed. */
  readonly retries?: number
}

/** A connection to one cluster; closing it closes everything that it opened. */
export interface KafkaConnection {
  /** The configured brokers, for messages. */
  readonly brokers: string
  /** Resolves when it is connected. */
  admin(): Promise<Admin>
  /** A connected producer: idempotent, transactional with an id. All acks; order is kept. */
  producer(options?: ProducerOptions): Promise<Producer>
  /** A member of a consumer group, on its own connection; it fetches nothing. */
  member(options: MemberOptions): GroupMember
  /** Committed records of a partition from `offset` on. Throws CCS_KAFKA_OFFSET out of range. */
  fetch(topic: string, partition: number, offset: number, options: FetchOptions): Promise<Fetched>
  /** Partitions as streams of packed records, for the event log. */
  readonly stream: KafkaStream
  close(): Promise<void>
}

/** Limit of connecting and authenticating. */
export const CONNECT_MS = 5_000
/** Limit of one request, unless another one is given. */
export const REQUEST_MS = 30_000

/** Connects when first used. Certificates are named relative to `dir`, the project's folder. */
export async function openKafka(
  settings: KafkaSettings,
  dir: string,
  requestMs = REQUEST_MS,
): Promise<KafkaConnection> {
  const [{ default: kafkajs }, { default: snappy }, { default: queue }] = await Promise.all([
    import('kafkajs'),
    import('kafkajs-snappy'),
    import('kafkajs/src/network/requestQueue/index.js'),
  ])
  stopIdlePolling(queue.prototype)
  const { AssignerProtocol, CompressionCodecs, CompressionTypes, Kafka } = kafkajs
  CompressionCodecs[CompressionTypes.Snappy] = snappy
  const config = { ...(await readConfig(settings, dir)), requestTimeout: requestMs }
  const kafka = new Kafka(config)
  const brokers = settings.brokers.join(',')
  const stream = openStream({
    brokers,
    connect: (sockets) =>
      openCluster(
        new Kafka({ ...config, retry: STREAM_RETRY, socketFactory: collectSockets(sockets) }),
      ),
    snappy: (bytes) => snappy().decompress(bytes),
  })
  const closers: (() => Promise<void>)[] = []
  const opened = async <T extends Admin | Producer>(client: T): Promise<T> => {
    closers.push(() => client.disconnect())
    await client.connect().catch((error) => {
      throw toKafkaFault(error, brokers)
    })
    return client
  }
  let reading: Promise<Cluster> | undefined
  const cluster = () => {
    reading ??= openCluster(kafka).catch((error) => {
      reading = undefined
      throw toKafkaFault(error, brokers)
    })
    return reading
  }
  let admin: Promise<Admin> | undefined
  return {
    brokers,
    admin: () => {
      admin ??= opened(kafka.admin()).catch((error) => {
        admin = undefined
        throw error
      })
      return admin
    },
    producer: ({ transactionalId, retries = Number.MAX_SAFE_INTEGER } = {}) =>
      opened(
        kafka.producer({
          idempotent: true,
          allowAutoTopicCreation: false,
          // kafkajs numbers idempotent batches by the order of their answers: one at a time.
          maxInFlightRequests: 1,
          // Only kafkajs's own retries keep the numbers by which brokers find duplicates.
          // A transaction right after another waits for its markers.
          retry: {
            initialRetryTime: transactionalId === undefined ? 100 : 20,
            maxRetryTime: 2_000,
            retries,
          },
          ...(transactionalId === undefined ? {} : { transactionalId, transactionTimeout: 60_000 }),
        }),
      ),
    member: (options) => new GroupMember(options, () => openCluster(kafka), AssignerProtocol),
    fetch: async (topic, partition, offset, options) => {
      const source = await cluster()
      try {
        return await fetchOnce(source, { topic, partition, offset, ...options })
      } catch (error) {
        // The next attempt looks up the partition's leader again.
        await source.refreshMetadata().catch(() => undefined)
        throw toKafkaFault(error, brokers, { topic, partition, offset })
      }
    },
    stream,
    close: async () => {
      await stream.close()
      const open = await reading?.catch(() => undefined)
      const ends = closers.splice(0).map((end) => end().catch(() => undefined))
      await Promise.all([...ends, open?.disconnect().catch(() => undefined)])
    },
  }
}

const patched = new WeakSet<object>()

/**
 * kafkajs 2.2.4 checks every millisecond, for ever, whether a request waits, on each connection
 * that was used once (its issue 1751). This checks only while one does.
 */
function stopIdlePolling(queue: {
  readonly pending: readonly unknown[]
  scheduleCheckPendingRequests(): void
}) {
  if (patched.has(queue)) return
  patched.add(queue)
  const schedule = queue.scheduleCheckPendingRequests
  queue.scheduleCheckPendingRequests = function (this: typeof queue) {
    if (this.pending.length > 0) schedule.call(this)
  }
}

/** Callers of streams repeat by themselves and know when to stop. */
const STREAM_RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 1 }
const KEEP_ALIVE_MS = 60_000

/** Sockets as kafkajs opens them, collected so that they can be closed without waiting. */
function collectSockets(sockets: Set<Socket>): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const name = isIP(host) ? {} : { servername: host }
    const socket = ssl
      ? connectTls({ host, port, ...name, ...ssl }, onConnect)
      : connect({ host, port }, onConnect)
    socket.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true)
    sockets.add(socket.on('close', () => sockets.delete(socket)))
    return socket
  }
}

async function readConfig(settings: KafkaSettings, dir: string): Promise<KafkaConfig> {
  const { tls, sasl } = settings
  const { ca, cert, key } = await readTlsFiles(tls, dir)
  return {
    clientId: 'ccs',
    brokers: [...settings.brokers],
    connectionTimeout: CONNECT_MS,
    authenticationTimeout: CONNECT_MS,
    retry: { initialRetryTime: 100, retries: 5, maxRetryTime: 2_000 },
    // Faults arrive as errors; kafkajs's own log would write them to the terminal as well.
    logLevel: 0,
    logCreator: () => () => undefined,
    ...(tls
      ? { ssl: { ...(ca ? { ca: [ca] } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) } }
      : {}),
    ...(sasl ? { sasl: toSaslOptions(sasl) } : {}),
  }
}

function toSaslOptions(sasl: Sasl): SASLOptions {
  const { mechanism, username = '', password = '' } = sasl
  if (mechanism !== 'oauthbearer') return { mechanism, username, password }
  return { mechanism, oauthBearerProvider: async () => ({ value: await fetchBearerToken(sasl) }) }
}
