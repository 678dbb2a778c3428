/**
 * A stream or table of ksqlDB as data, without prefix and version. A deployment compares it with
 * the deployed one, and prints its statement for any version. The deployment record stores it, so
 * its keys are a file format.
 */
import { printClauses, printOptions } from '../../../domain/dialects/dialect.ts'
import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'

/** Key column of every stream; the value has the key again, under its own name. */
export const KEY = '_key'

/** A column of a stream or table. */
export interface KsqlColumn {
  readonly name: string
  /** As ksqlDB writes it. */
  readonly type: string
  readonly isKey?: boolean
}

/** An option of WITH (…); `bare` values are not quoted. */
export type WithOption = readonly [name: string, value: string | { readonly bare: string }]

/** Aliases of the two sides of a join. */
export const JOIN_ALIASES = { left: '`l`', seed: '`s`' } as const

/** SELECT … EMIT CHANGES over one other relation. */
export interface Body {
  readonly items: readonly string[]
  /** Name of the relation that it reads. */
  readonly from: string
  /** LEFT JOIN with a table; columns are qualified by JOIN_ALIASES. */
  readonly join?: { readonly table: string; readonly on: string }
  readonly window?: string
  readonly where: readonly string[]
  readonly groupBy?: readonly string[]
  /** The column that becomes the key. */
  readonly partitionBy?: string
}

/**
 * What a topic must keep. records: every record, since streams read it; it is not compacted.
 * windows: the last row of each window for ever, although the server remembers windows for
 * `retentionMs` only, and requires this as the topic's retention. rows: the last row of each key,
 * with the time that its writer gives it.
 */
export type TopicKeeping =
  | { readonly of: 'records' }
  | { readonly of: 'rows' }
  | { readonly of: 'windows'; readonly retentionMs: number }

/** A stream or table. */
export interface Relation {
  /** `silver_events`, `silver_events_seen` */
  readonly name: string
  /** The model that it belongs to. */
  readonly model: string
  readonly kind: 'stream' | 'table'
  readonly topic: string
  /**
   * What its topic must keep, where no statement can say so: the topic is then created first, with
   * planTopicConfig().
   */
  readonly keeps?: TopicKeeping
  /** Options of WITH besides topic and partitions. */
  readonly options: readonly WithOption[]
  /** Of CREATE … AS; absent: declared over a topic that something else fills. */
  readonly body?: Body
  /** The relation whose topic it is declared over; absent: a topic from outside. */
  readonly over?: string
  /** Fingerprint of the seed whose rows ccs fills its topic with. */
  readonly seed?: string
  /** The state that the server keeps for it. */
  readonly memory: 'none' | 'join' | 'table' | 'window' | 'session'
  /** Key columns first. */
  readonly columns: readonly KsqlColumn[]
  /** streamsProperties that the statement is sent with. */
  readonly properties: Readonly<Record<string, string>>
}

/** Names and settings of the cluster that a statement is printed with. */
export interface Naming {
  source(name: string): string
  topic(relation: Relation): string
  /** Of topics that the statement creates. */
  readonly partitions: string
  /** Retention of streams' topics: that of events.valid, or their readers would see less. */
  readonly retentionMs: string
}

/** Stands for Naming.retentionMs in an option. */
export const RETENTION: WithOption = ['RETENTION_MS', { bare: '${CCS_RETENTION_MS}' }]

/** Names without prefix and version, for `ccs compile`. */
export const PLAIN_NAMING: Naming = {
  source: (name) => name,
  topic: ({ topic }) => topic,
  partitions: '${CCS_PARTITIONS}',
  retentionMs: '${CCS_RETENTION_MS}',
}

/**
 * Settings of a topic that is created before its statement; undefined: the statement creates it.
 */
export function planTopicConfig(
  { keeps }: Relation,
  { retentionMs }: Pick<Naming, 'retentionMs'>,
): Readonly<Record<string, string>> | undefined {
  if (keeps === undefined) return undefined
  switch (keeps.of) {
    case 'records':
      return { 'cleanup.policy': 'delete', 'retention.ms': retentionMs }
    case 'rows':
      return { 'cleanup.policy': 'compact', 'message.timestamp.type': 'CreateTime' }
    case 'windows':
      return { 'cleanup.policy': 'compact', 'retention.ms': String(keeps.retentionMs) }
  }
}

/** The relation that it reads, by its query or topic; undefined: a topic from outside. */
export function findInput({ body, over }: Relation): string | undefined {
  return body?.from ?? over
}

/** All relations that it reads, joined tables too. */
export function listInputs(relation: Relation): readonly string[] {
  return [findInput(relation), relation.body?.join?.table].filter((one) => one !== undefined)
}

/** Whether its topic is created and removed with it. */
export function ownsTopic({ body, seed }: Pick<Relation, 'body' | 'seed'>): boolean {
  return body !== undefined || seed !== undefined
}

/** Prints its statement, without the closing semicolon. */
export function printStatement(
  relation: Relation,
  naming: Naming,
  verb: 'CREATE' | 'CREATE OR REPLACE' = 'CREATE',
): string {
  const { name, kind, body, columns } = relation
  const head = `${verb} ${kind.toUpperCase()} ${quoteName(naming.source(name))}`
  const options = printOptions([
    ['KAFKA_TOPIC', naming.topic(relation)],
    ...relation.options.map((one) =>
      one[0] === RETENTION[0] ? ([one[0], { bare: naming.retentionMs }] as const) : one,
    ),
    ...(body ? [['PARTITIONS', { bare: naming.partitions }] as const] : []),
  ])
  if (body) return `${head} ${options} AS\n${printBody(body, naming)}`
  const fields = columns.map(
    (one) => `${quoteName(one.name)} ${one.type}${printKeyMark(relation, one)}`,
  )
  return `${head} (\n  ${fields.join(',\n  ')}\n) ${options}`
}

/** Prints the SELECT alone, for EXPLAIN. */
export function printBody(body: Body, naming: Naming): string {
  const { partitionBy, join } = body
  const end = `${partitionBy === undefined ? '' : `PARTITION BY ${partitionBy}\n`}EMIT CHANGES`
  const from = quoteName(naming.source(body.from))
  const joined = join
    ? `${from} ${JOIN_ALIASES.left}\n` +
      `LEFT JOIN ${quoteName(naming.source(join.table))} ${JOIN_ALIASES.seed} ON ${join.on}`
    : from
  return printClauses({ ...body, from: joined, end })
}

function printKeyMark({ kind }: Relation, { isKey }: KsqlColumn): string {
  if (!isKey) return ''
  return kind === 'table' ? ' PRIMARY KEY' : ' KEY'
}
