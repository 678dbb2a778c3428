/** Reads from a ksqlDB what `ccs doctor` checks: version, settings, queries, processing log. */

import type { KsqlClient } from './client.ts'
import { asObjects, asText, type KsqlInfo, type KsqlQuery } from './server-answers.ts'
import { StatementRejected } from './server-error.ts'

/** What `ccs doctor` reads from a server. */
export interface InspectedServer extends KsqlInfo {
  readonly url: string
  readonly unhealthy: readonly string[]
  readonly properties: Readonly<Record<string, string>>
  readonly queries: readonly KsqlQuery[]
  readonly log: ProcessingLog
}

/** Where ksqlDB reports records that it could not read (docs.confluent.io, "processing log"). */
export interface ProcessingLog {
  /** Undefined if no stream reads the topic. */
  readonly stream: string | undefined
  readonly topic: string
  /** How many of the reports contain the record's bytes; undefined: there are no reports yet. */
  readonly bytes: 'all' | 'some' | 'none' | undefined
}

const PLAIN = 'ksql_processing_log'
/** A long log is read for this long only. */
const READ_MS = 10_000
/** The MESSAGE->TYPE of reports about records that could not be read. */
const DESERIALIZATION = 0

/** Reads a server; changes nothing. */
export async function inspectServer(client: KsqlClient): Promise<InspectedServer> {
  const info = await client.info()
  const { isHealthy, unhealthy } = await client.health()
  return {
    ...info,
    url: client.url,
    unhealthy: isHealthy || unhealthy.length > 0 ? unhealthy : ['the server'],
    properties: await client.properties(),
    queries: await client.queries(),
    log: await inspectLog(client, info.serviceId),
  }
}

/** Finds the topic of the processing log and, if the server made one, the stream over it. */
export async function findProcessingLog(
  client: KsqlClient,
  serviceId: string,
): Promise<Pick<ProcessingLog, 'stream' | 'topic'>> {
  const { entities } = await client.execute('LIST STREAMS')
  const streams = entities.flatMap((one) => asObjects(one.streams))
  const topic = `${serviceId}${PLAIN}`
  const found =
    streams.find((one) => one.topic === topic) ??
    streams.find((one) => asText(one.name).toLowerCase() === PLAIN)
  if (found === undefined) return { stream: undefined, topic }
  return { stream: asText(found.name), topic: asText(found.topic) }
}

/** No request returns the settings ksql.logging.processing.*, so some reports are read. */
async function inspectLog(client: KsqlClient, serviceId: string): Promise<ProcessingLog> {
  const log = await findProcessingLog(client, serviceId)
  const { stream } = log
  return { ...log, bytes: stream === undefined ? undefined : await countBytes(client, stream) }
}

async function countBytes(client: KsqlClient, stream: string): Promise<ProcessingLog['bytes']> {
  const field = 'MESSAGE->DESERIALIZATIONERROR->RECORDB64'
  const isThere = async (condition: string): Promise<boolean> => {
    const signal = AbortSignal.timeout(READ_MS)
    const sql =
      `SELECT TIME FROM \`${stream}\` WHERE MESSAGE->TYPE = ${DESERIALIZATION} ` +
      `AND ${field} IS ${condition} LIMIT 1`
    let count = 0
    try {
      const { rows } = await client.query(sql, { signal })
      for await (const _row of rows) count++
    } catch (error) {
      // Some servers are set to refuse pull queries on streams.
      if (!signal.aborted && !(error instanceof StatementRejected)) throw error
    }
    return count > 0
  }
  const [has, lacks] = [await isThere('NOT NULL'), await isThere('NULL')]
  if (has && lacks) return 'some'
  return has ? 'all' : lacks ? 'none' : undefined
}
