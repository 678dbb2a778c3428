/** A ksqlDB as `ccs doctor` finds it: what it is, how it is set, what it runs, and whether it tells what it can't read. */

import type { KsqlClient } from './client.ts'
import { type KsqlInfo, type KsqlQuery, records, text } from './query-service.ts'
import { KsqlRefused } from './server-error.ts'

export interface KsqlLook extends KsqlInfo {
  readonly url: string
  readonly unhealthy: readonly string[]
  readonly properties: Readonly<Record<string, string>>
  readonly queries: readonly KsqlQuery[]
  readonly log: LogLook
}

/** Where ksqlDB tells what it could not read (docs.confluent.io, "ksqlDB processing log"). */
export interface LogLook {
  readonly stream: string | undefined
  readonly topic: string
  /** Records about what could not be read that have its bytes; undefined: none was found. */
  readonly bytes: 'all' | 'some' | 'none' | undefined
}

const PLAIN = 'ksql_processing_log'
/** A long log is read only so far. */
const READ_MS = 10_000
const DESERIALIZATION = 0

export async function lookAt(client: KsqlClient): Promise<KsqlLook> {
  const info = await client.info()
  const { isHealthy, ailing } = await client.health()
  return {
    ...info,
    url: client.url,
    unhealthy: isHealthy || ailing.length > 0 ? ailing : ['the server'],
    properties: await client.properties(),
    queries: await client.queries(),
    log: await lookIntoLog(client, info.serviceId),
  }
}

/** Its topic and, where the server made one, the stream over it. */
export async function processingLog(
  client: KsqlClient,
  serviceId: string,
): Promise<Pick<LogLook, 'stream' | 'topic'>> {
  const { entities } = await client.execute('LIST STREAMS')
  const streams = entities.flatMap((one) => records(one.streams))
  const topic = `${serviceId}${PLAIN}`
  const found =
    streams.find((one) => one.topic === topic) ??
    streams.find((one) => text(one.name).toLowerCase() === PLAIN)
  if (found === undefined) return { stream: undefined, topic }
  return { stream: text(found.name), topic: text(found.topic) }
}

/** Nothing on the server says how ksql.logging.processing.* is set, so its records are looked at. */
async function lookIntoLog(client: KsqlClient, serviceId: string): Promise<LogLook> {
  const log = await processingLog(client, serviceId)
  const { stream } = log
  return { ...log, bytes: stream === undefined ? undefined : await bytesIn(client, stream) }
}

async function bytesIn(client: KsqlClient, stream: string): Promise<LogLook['bytes']> {
  const field = 'MESSAGE->DESERIALIZATIONERROR->RECORDB64'
  const isThere = async (condition: string): Promise<boolean> => {
    const signal = AbortSignal.timeout(READ_MS)
    const sql = `SELECT TIME FROM \`${stream}\` WHERE MESSAGE->TYPE = ${DESERIALIZATION} AND ${field} IS ${condition} LIMIT 1`
    let count = 0
    try {
      const { rows } = await client.query(sql, { signal })
      for await (const _row of rows) count++
    } catch (error) {
      // In time or not: a server may be set to answer no such question.
      if (!signal.aborted && !(error instanceof KsqlRefused)) throw error
    }
    return count > 0
  }
  const [has, lacks] = [await isThere('NOT NULL'), await isThere('NULL')]
  if (has && lacks) return 'some'
  return has ? 'all' : lacks ? 'none' : undefined
}
