/**
 * Reads the JSON of ksqlDB's answers into types. It differs between versions: unknown fields are
 * ignored, and missing ones become '', 0 or an empty list.
 */
import { asList, asObject } from '../../../domain/kernel/json.ts'

type Json = Readonly<Record<string, unknown>>

/** One column of a stream or table; struct fields and elements are part of `type`. */
export interface KsqlField {
  readonly name: string
  /** As ksqlDB writes it: `DECIMAL(18, 2)`, `ARRAY<STRING>`. */
  readonly type: string
  readonly isKey: boolean
}

/** A query, and what its tasks are doing. */
export interface KsqlQueryState {
  readonly id: string
  /** RUNNING, ERROR or UNRESPONSIVE; a paused query says RUNNING here too. */
  readonly state: string
  /** Number of tasks by state: the only place that shows PAUSED. */
  readonly counts: Readonly<Record<string, number>>
}

/** A stream or table as DESCRIBE … EXTENDED and LIST … EXTENDED describe it. */
export interface KsqlSource {
  readonly name: string
  readonly kind: 'STREAM' | 'TABLE'
  /** TUMBLING, HOPPING, SESSION; '' without windows. */
  readonly windowType: string
  readonly topic: string
  readonly keyFormat: string
  readonly valueFormat: string
  /** Of its topic; 0 if the answer has no such field. */
  readonly partitions: number
  readonly fields: readonly KsqlField[]
  /** The statement as the server prints it, with defaults added: never equal to what was sent. */
  readonly statement: string
  /** CREATE … AS SELECT; otherwise it is declared over a topic that something else fills. */
  readonly hasQuery: boolean
  /** Names of the streams and tables whose queries read it. */
  readonly readBy: readonly string[]
  readonly writers: readonly KsqlQueryState[]
  readonly readers: readonly KsqlQueryState[]
  /** By consumer group, topic and partition. */
  readonly lag: readonly {
    readonly group: string
    readonly topic: string
    readonly partition: number
    readonly end: number
    readonly committed: number
  }[]
}

/** A persistent query, or a push query that somebody reads. */
export interface KsqlQuery extends KsqlQueryState {
  readonly sql: string
  readonly kind: string
  readonly sinks: readonly string[]
  readonly sources: readonly string[]
  /** Properties that its statement was sent with. */
  readonly properties: Readonly<Record<string, string>>
}

/** The answer of /info. */
export interface KsqlInfo {
  readonly version: string
  readonly clusterId: string
  readonly serviceId: string
  readonly status: string
}

/** A statement that the server accepted. */
export interface CommandAnswer {
  readonly id: string
  /** QUEUED, PARSING, EXECUTING, RUNNING, TERMINATED, SUCCESS, ERROR */
  readonly status: string
  readonly message: string
  readonly queryId: string | undefined
  readonly sequence: number | undefined
}

/** Reads /info; undefined if the answer is not a ksqlDB's. */
export function readInfo(body: unknown): KsqlInfo | undefined {
  const info = asObject(asObject(body).KsqlServerInfo)
  if (typeof info.version !== 'string') return undefined
  return {
    version: info.version,
    clusterId: asText(info.kafkaClusterId),
    serviceId: asText(info.ksqlServiceId),
    status: asText(info.serverStatus),
  }
}

/** Reads an accepted statement; undefined for other entities, such as those of LIST. */
export function readCommand(entity: Json): CommandAnswer | undefined {
  if (typeof entity.commandId !== 'string') return undefined
  const status = asObject(entity.commandStatus)
  const sequence = entity.commandSequenceNumber
  return {
    id: entity.commandId,
    ...readStatus(status),
    sequence: typeof sequence === 'number' && sequence >= 0 ? sequence : undefined,
  }
}

/** Reads the status of a statement. */
export function readStatus(body: unknown): Pick<CommandAnswer, 'status' | 'message' | 'queryId'> {
  const { status, message, queryId } = asObject(body)
  return {
    status: asText(status),
    message: asText(message),
    queryId: typeof queryId === 'string' ? queryId : undefined,
  }
}

/** Reads a source description. */
export function readSource(one: Json): KsqlSource {
  const type = asText(one.type)
  return {
    name: unquote(asText(one.name)),
    kind: type === 'TABLE' ? 'TABLE' : 'STREAM',
    windowType: asText(one.windowType),
    topic: asText(one.topic),
    keyFormat: asText(one.keyFormat),
    valueFormat: asText(one.valueFormat),
    partitions: asNumber(one.partitions),
    fields: asObjects(one.fields).map(readField),
    statement: asText(one.statement),
    hasQuery: /\bAS SELECT\b/.test(asText(one.statement)),
    readBy: listReaders(one),
    writers: asObjects(one.writeQueries).map(readQueryState),
    readers: asObjects(one.readQueries).map(readQueryState),
    lag: asObjects(one.queryOffsetSummaries).flatMap(readLag),
  }
}

/** Statement and columns as one text, which tells whether a source was changed. */
export function printDefinition({ statement, fields }: KsqlSource): string {
  return JSON.stringify([statement, fields])
}

/** Some servers fill only one of the two lists. */
function listReaders({ sourceConstraints, readQueries }: Json): readonly string[] {
  const sinks = asObjects(readQueries).flatMap((query) => asList(query.sinks))
  return [...new Set([...asList(sourceConstraints), ...sinks].map((name) => unquote(String(name))))]
}

/** Reads a query description. */
export function readQuery(one: Json): KsqlQuery {
  const given = asObject(one.overriddenProperties)
  const states = Object.values(asObject(one.ksqlHostQueryStatus)).map(String)
  const names = (value: unknown) => asList(value).map((name) => unquote(String(name)))
  return {
    ...readQueryState(one),
    // LIST QUERIES gives a state for each server, DESCRIBE a count for each state.
    counts: Object.fromEntries(
      states.map((state) => [state, states.filter((other) => other === state).length]),
    ),
    sql: asText(one.statementText) || asText(one.queryString),
    kind: asText(one.queryType),
    sinks: names(one.sinks),
    sources: names(one.sources),
    properties: Object.fromEntries(Object.entries(given).map(([k, v]) => [k, String(v)])),
  }
}

function readQueryState(one: Json): KsqlQueryState {
  const counts = Object.entries(asObject(one.statusCount))
  return {
    id: asText(one.id),
    state: asText(one.state),
    counts: Object.fromEntries(counts.map(([state, count]) => [state, asNumber(count)])),
  }
}

function readField(one: Json): KsqlField {
  return {
    name: unquote(asText(one.name)),
    type: readType(asObject(one.schema)),
    isKey: one.type === 'KEY',
  }
}

function readType(schema: Json): string {
  const type = asText(schema.type)
  const inner = schema.memberSchema
  switch (type) {
    case 'DECIMAL': {
      const { precision, scale } = asObject(schema.parameters)
      return `DECIMAL(${asNumber(precision)}, ${asNumber(scale)})`
    }
    case 'ARRAY':
      return `ARRAY<${readType(asObject(inner))}>`
    case 'MAP':
      return `MAP<STRING, ${readType(asObject(inner))}>`
    case 'STRUCT': {
      const fields = asObjects(schema.fields).map(readField)
      return `STRUCT<${fields.map((one) => `${one.name} ${one.type}`).join(', ')}>`
    }
    default:
      return type
  }
}

function readLag(one: Json): KsqlSource['lag'] {
  return asObjects(one.topicSummaries).flatMap((topic) =>
    asObjects(topic.offsets).map((offset) => ({
      group: asText(one.groupId),
      topic: asText(topic.kafkaTopic),
      partition: asNumber(offset.partition),
      end: asNumber(offset.logEndOffset),
      committed: asNumber(offset.consumerOffset),
    })),
  )
}

/** Removes the back-ticks, which some names come in. */
function unquote(name: string): string {
  return /^`.*`$/.test(name) ? name.slice(1, -1).replaceAll('``', '`') : name
}

/** The elements of a list as objects; empty if it is not a list. */
export function asObjects(value: unknown): readonly Json[] {
  return asList(value).map(asObject)
}

/** The value if it is a text; otherwise ''. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function asNumber(value: unknown): number {
  return typeof value === 'number' ? value : Number(value) || 0
}
