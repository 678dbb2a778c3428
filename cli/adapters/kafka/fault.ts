/** Translates kafkajs's errors: what is wrong, at which brokers, and what to do about it. */
import { CcsError, type ExitCode } from '../../domain/kernel/errors.ts'
import { DamagedBatchError } from '../../domain/log/kafka-batch.ts'

/** What a failed call was about, for its message. */
export interface FaultPlace {
  readonly topic?: string
  readonly partition?: number
  readonly offset?: number
}

/** A CcsError for any error; those of ccs pass through. None contains credentials. */
export function toKafkaFault(error: unknown, brokers: string, place: FaultPlace = {}): CcsError {
  if (error instanceof CcsError) return error
  const { name = '', type = '', message = String(error) } = error as Partial<KafkaJsError>
  const cause = findRootCause(error)
  const topic = place.topic ?? ''
  if (/(LZ4|ZSTD|Snappy) compression not implemented/.test(`${message} ${cause.message}`)) {
    const codec = /(LZ4|ZSTD|Snappy)/.exec(`${message} ${cause.message}`)?.[1] ?? ''
    return unsupportedCodec(topic, codec.toLowerCase(), error)
  }
  const kind = type || cause.type || ''
  if (error instanceof DamagedBatchError)
    return new CcsError('CCS_LOG_CORRUPT', `${topic}-${place.partition}: ${message}`, {
      hint: 'Check the broker’s disk and log.',
    })
  if (kind === 'OFFSET_OUT_OF_RANGE')
    return new CcsError(
      'CCS_KAFKA_OFFSET',
      `Partition ${place.partition} of ${topic} does not have offset ${place.offset}.`,
      { cause: error },
    )
  if (kind === 'UNKNOWN_TOPIC_ID' || kind === 'INCONSISTENT_TOPIC_ID')
    return new CcsError('CCS_KAFKA_TOPIC', `Topic ${topic} at ${brokers} was deleted.`, {
      hint: 'Create it again: ccs deploy --target NAME',
      cause: error,
    })
  if (/^(MESSAGE|RECORD_LIST)_TOO_LARGE$/.test(kind))
    return new CcsError('CCS_LOG_RECORD_TOO_LARGE', `A record is too large for ${topic}.`, {
      hint: `Raise its max.message.bytes: ccs deploy --target NAME`,
      cause: error,
    })
  if (kind === 'UNKNOWN_TOPIC_OR_PARTITION')
    return missingTopic(`topic ${topic}`, brokers, { cause: error })
  if (/AUTHORIZATION_FAILED/.test(kind))
    return new CcsError('CCS_KAFKA_DENIED', `${brokers} denies${topic && ` ${topic}`}: ${kind}.`, {
      hint: 'Give this user the permission, or use another user in ccs.yml.',
      cause: error,
    })
  if (/SASL/.test(`${name} ${cause.name} ${kind}`))
    return new CcsError('CCS_KAFKA_DENIED', `${brokers} rejects these credentials.`, {
      hint: 'Check username, password and mechanism of the target in ccs.yml.',
      cause: error,
    })
  if (typeof cause.code === 'string' && UNTRUSTED.test(cause.code))
    return new CcsError(
      'CCS_KAFKA_DENIED',
      `TLS with ${brokers} fails: ${cause.message?.replace(/^Connection error: /, '')}.`,
      {
        hint: 'In ccs.yml, set tls: { ca: FILE } to its authority’s certificate, and a TLS port.',
        cause: error,
      },
    )
  if (NOT_READY.test(kind) || (cause.retriable === true && kind !== ''))
    return new CcsError('CCS_KAFKA_UNREACHABLE', `Kafka at ${brokers} is not ready: ${kind}.`, {
      hint: 'Are all its brokers up? Try again in a moment.',
      cause: error,
    })
  // System errors have a name as code, those of Kafka's protocol a number.
  if (UNREACHABLE.test(`${name} ${cause.name} ${kind}`) || typeof cause.code === 'string')
    return new CcsError('CCS_KAFKA_UNREACHABLE', `No Kafka answers at ${brokers}.`, {
      hint: 'Is it running? On this machine: ccs stack up',
      cause: error,
    })
  const said = cause.message ?? message
  return new CcsError('CCS_KAFKA_REFUSED', `Kafka reports${topic && ` for ${topic}`}: ${said}`, {
    hint: 'Check the broker’s log.',
    cause: error,
  })
}

/** Whether a broker answered with an error, so that it is reachable. */
export function isBrokerError(error: unknown): boolean {
  const { type } = error as Partial<KafkaJsError>
  return Boolean(type || findRootCause(error).type)
}

/** The error of `what` that doesn't exist: a topic or one of its partitions. */
export function missingTopic(
  what: string,
  brokers: string,
  more: { readonly exit?: ExitCode; readonly cause?: unknown } = {},
): CcsError {
  return new CcsError('CCS_KAFKA_TOPIC', `There is no ${what} at ${brokers}.`, {
    hint: 'Create what the project needs: ccs deploy --target NAME',
    ...more,
  })
}

/** The error of records that ccs can't decompress. */
export function unsupportedCodec(topic: string, codec: string, cause?: unknown): CcsError {
  return new CcsError('CCS_KAFKA_CODEC', `${topic} holds records compressed with ${codec}.`, {
    hint: `ccs reads none, gzip and snappy: set compression.type=gzip for ${topic}.`,
    cause,
  })
}

/** Codes of OpenSSL and of Node's tls. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|^ERR_(TLS|SSL)/
const NOT_READY = /^(RETRIABLE|NOT_LEADER|NOT_ENOUGH_REPLICAS)/

interface KafkaJsError extends Error {
  readonly type: string
  readonly code: unknown
  readonly retriable: boolean
  readonly errors: readonly unknown[]
}

const UNREACHABLE = new RegExp(
  'Connection|Timeout|BrokerNotFound|NumberOfRetriesExceeded|NoBrokerAvailable|' +
    'MetadataNotLoaded|LEADER_NOT_AVAILABLE',
)

function findRootCause(error: unknown): Partial<KafkaJsError> {
  let root = error as Partial<KafkaJsError>
  for (;;) {
    // The error of many requests at once contains the errors of each.
    const next = root.cause ?? root.errors?.[0]
    if (!(next instanceof Error)) break
    root = next
  }
  return root ?? {}
}
