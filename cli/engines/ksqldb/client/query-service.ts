/**
 * What a ksqlDB server answers, read into types: its JSON has classes of many versions, so what is not looked
 * at may be anything, and what is missing is empty.
 */
import { asObject } from '../../../domain/kernel/json.ts'

type Json = Readonly<Record<string, unknown>>

/** One column of a stream or table; struct fields and elements are part of `type`. */
export interface KsqlField {
  readonly name: string
  /** As ksqlDB writes it: `DECIMAL(18, 2)`, `ARRAY<STRING>`. */
  readonly type: string
  readonly isKey: boolean
}

export interface KsqlQueryState {
  readonly id: string
  /** RUNNING, ERROR, UNRESPONSIVE, or what most of its tasks are; a paused one still says RUNNING here. */
  readonly state: string
  /** Tasks by state: the only place that shows PAUSED. */
  readonly counts: Readonly<Record<string, number>>
}

/** A stream or table as DESCRIBE … EXTENDED and LIST … EXTENDED tell it. */
export interface KsqlSource {
  readonly name: string
  readonly kind: 'STREAM' | 'TABLE'
  /** TUMBLING, HOPPING, SESSION; '' for rows that are no windows. */
  readonly windowType: string
  readonly topic: string
  readonly keyFormat: string
  readonly valueFormat: string
  /** 0 where the answer has no say on the topic. */
  readonly partitions: number
  readonly fields: readonly KsqlField[]
  /** The server's own wording of what made it: defaults written out, so never equal to what was sent. */
  readonly statement: string
  /** Made by a query of its own; else declared over a topic that something else fills. */
  readonly isMade: boolean
  /** Names of the streams and tables that were made of it. */
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
  /** Properties that were given with it. */
  readonly properties: Readonly<Record<string, string>>
}

export interface KsqlInfo {
  readonly version: string
  readonly clusterId: string
  readonly serviceId: string
  readonly status: string
}

/** What the server says of a statement that it took. */
export interface CommandAnswer {
  readonly id: string
  /** QUEUED, PARSING, EXECUTING, RUNNING, TERMINATED, SUCCESS, ERROR */
  readonly status: string
  readonly message: string
  readonly queryId: string | undefined
  readonly sequence: number | undefined
}

export function readInfo(body: unknown): KsqlInfo | undefined {
  const info = asObject(asObject(body).KsqlServerInfo)
  if (typeof info.version !== 'string') return undefined
  return {
    version: info.version,
    clusterId: text(info.kafkaClusterId),
    serviceId: text(info.ksqlServiceId),
    status: text(info.serverStatus),
  }
}

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

export function readStatus(body: unknown): Pick<CommandAnswer, 'status' | 'message' | 'queryId'> {
  const { status, message, queryId } = asObject(body)
  return {
    status: text(status),
    message: text(message),
    queryId: typeof queryId === 'string' ? queryId : undefined,
  }
}

export function readSource(one: Json): KsqlSource {
  const type = text(one.type)
  return {
    name: unquoted(text(one.name)),
    kind: type === 'TABLE' ? 'TABLE' : 'STREAM',
    windowType: text(one.windowType),
    topic: text(one.topic),
    keyFormat: text(one.keyFormat),
    valueFormat: text(one.valueFormat),
    partitions: whole(one.partitions),
    fields: records(one.fields).map(readField),
    statement: text(one.statement),
    isMade: /\bAS SELECT\b/.test(text(one.statement)),
    readBy: readersOf(one),
    writers: records(one.writeQueries).map(readQueryState),
    readers: records(one.readQueries).map(readQueryState),
    lag: records(one.queryOffsetSummaries).flatMap(readLag),
  }
}

/** A server may leave one of the two lists empty. */
function readersOf({ sourceConstraints, readQueries }: Json): readonly string[] {
  const sinks = records(readQueries).flatMap((query) => list(query.sinks))
  return [...new Set([...list(sourceConstraints), ...sinks].map((name) => unquoted(String(name))))]
}

export function readQuery(one: Json): KsqlQuery {
  const given = asObject(one.overriddenProperties)
  const states = Object.values(asObject(one.ksqlHostQueryStatus)).map(String)
  const names = (value: unknown) => list(value).map((name) => unquoted(String(name)))
  return {
    ...readQueryState(one),
    // Here by server, where DESCRIBE has a count of each state.
    counts: Object.fromEntries(
      states.map((state) => [state, states.filter((other) => other === state).length]),
    ),
    sql: text(one.statementText) || text(one.queryString),
    kind: text(one.queryType),
    sinks: names(one.sinks),
    sources: names(one.sources),
    properties: Object.fromEntries(Object.entries(given).map(([k, v]) => [k, String(v)])),
  }
}

function readQueryState(one: Json): KsqlQueryState {
  const counts = Object.entries(asObject(one.statusCount))
  return {
    id: text(one.id),
    state: text(one.state),
    counts: Object.fromEntries(counts.map(([state, count]) => [state, whole(count)])),
  }
}

function readField(one: Json): KsqlField {
  return {
    name: unquoted(text(one.name)),
    type: typeText(asObject(one.schema)),
    isKey: one.type === 'KEY',
  }
}

function typeText(schema: Json): string {
  const type = text(schema.type)
  const inner = schema.memberSchema
  switch (type) {
    case 'DECIMAL': {
      const { precision, scale } = asObject(schema.parameters)
      return `DECIMAL(${whole(precision)}, ${whole(scale)})`
    }
    case 'ARRAY':
      return `ARRAY<${typeText(asObject(inner))}>`
    case 'MAP':
      return `MAP<STRING, ${typeText(asObject(inner))}>`
    case 'STRUCT': {
      const fields = records(schema.fields).map(readField)
      return `STRUCT<${fields.map((one) => `${one.name} ${one.type}`).join(', ')}>`
    }
    default:
      return type
  }
}

function readLag(one: Json): KsqlSource['lag'] {
  return records(one.topicSummaries).flatMap((topic) =>
    records(topic.offsets).map((offset) => ({
      group: text(one.groupId),
      topic: text(topic.kafkaTopic),
      partition: whole(offset.partition),
      end: whole(offset.logEndOffset),
      committed: whole(offset.consumerOffset),
    })),
  )
}

/** Names come as they are, or in back-ticks where they are not plain. */
function unquoted(name: string): string {
  return /^`.*`$/.test(name) ? name.slice(1, -1).replaceAll('``', '`') : name
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function records(value: unknown): readonly Json[] {
  return list(value).map(asObject)
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function whole(value: unknown): number {
  return typeof value === 'number' ? value : Number(value) || 0
}
