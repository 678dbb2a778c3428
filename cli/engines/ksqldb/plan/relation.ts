/**
 * A stream or table of ksqlDB as data, before it has its final names: what a deployment compares with what was
 * deployed, and can write again under another version. Names are those of the models, without prefix.
 */
import { clauses, withOptions } from '../../../domain/dialects/dialect.ts'
import { quoted } from '../../../domain/dialects/dialect-syntax.ts'

/** Key column of every stream; the value holds the same again under its own name. */
export const KEY = '_key'

export interface KsqlColumn {
  readonly name: string
  /** As ksqlDB writes it. */
  readonly type: string
  readonly isKey?: boolean
}

export type Option = readonly [name: string, value: string | { readonly bare: string }]

/** What the sides of a join are called in it. */
export const JOINED = { left: '`l`', seed: '`s`' } as const

/** SELECT … EMIT CHANGES over one other relation. */
export interface Body {
  readonly items: readonly string[]
  /** Name of the relation that it reads. */
  readonly from: string
  /** LEFT JOIN with a table; columns of both stand behind JOINED. */
  readonly join?: { readonly table: string; readonly on: string }
  readonly window?: string
  readonly where: readonly string[]
  readonly groupBy?: readonly string[]
  /** The column that becomes the key. */
  readonly partitionBy?: string
}

/**
 * records: each one counts, for whoever reads the topic as a stream; none may be compacted away. windows: for ever,
 * though the server remembers them no longer than `retentionMs`, and insists on that as the topic's own retention.
 * rows: the last of each key, with the time that their writer gives them.
 */
export type Keeping =
  | { readonly of: 'records' }
  | { readonly of: 'rows' }
  | { readonly of: 'windows'; readonly retentionMs: number }

export interface Relation {
  /** `silver_events`, `silver_events_seen` */
  readonly name: string
  /** The model that it belongs to. */
  readonly model: string
  readonly kind: 'stream' | 'table'
  readonly topic: string
  /**
   * How its topic is kept where no statement can say so: the topic has to be there first, with topicConfigOf().
   */
  readonly keeps?: Keeping
  /** Of WITH, beside topic and partitions. */
  readonly options: readonly Option[]
  /** Given: CREATE … AS. Absent: declared over a topic that something else fills. */
  readonly body?: Body
  /** The relation whose topic it is declared over, where that is one of ours. */
  readonly over?: string
  /** Fingerprint of the seed whose rows ccs fills its topic with. */
  readonly seed?: string
  /** What the server has to remember for it. */
  readonly memory: 'none' | 'join' | 'table' | 'window' | 'session'
  /** Key columns first. */
  readonly columns: readonly KsqlColumn[]
  /** streamsProperties that the statement is sent with. */
  readonly properties: Readonly<Record<string, string>>
}

/** What a relation and its topic are called in the cluster. */
export interface Naming {
  source(name: string): string
  topic(relation: Relation): string
  /** Of topics that the statement makes. */
  readonly partitions: string
  /** How long topics of streams are kept: as long as events.valid, or what reads it would see less. */
  readonly retentionMs: string
}

/** Stands for Naming.retentionMs in an option. */
export const RETENTION: Option = ['RETENTION_MS', { bare: '${CCS_RETENTION_MS}' }]

/** As written, for people to read and for goldens. */
export const plainNaming: Naming = {
  source: (name) => name,
  topic: ({ topic }) => topic,
  partitions: '${CCS_PARTITIONS}',
  retentionMs: '${CCS_RETENTION_MS}',
}

/** What its topic has to be made with before its statement is sent; undefined: the statement makes it. */
export function topicConfigOf(
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

/** The relation that it reads, by query or by topic; undefined: a topic from outside. */
export function readsOf({ body, over }: Relation): string | undefined {
  return body?.from ?? over
}

/** All relations that it reads. */
export function inputsOf(relation: Relation): readonly string[] {
  return [readsOf(relation), relation.body?.join?.table].filter((one) => one !== undefined)
}

/** Whether its topic comes and goes with it. */
export function ownsTopic({ body, seed }: Pick<Relation, 'body' | 'seed'>): boolean {
  return body !== undefined || seed !== undefined
}

/** Its statement, without the closing semicolon. */
export function statementOf(
  relation: Relation,
  naming: Naming,
  verb: 'CREATE' | 'CREATE OR REPLACE' = 'CREATE',
): string {
  const { name, kind, body, columns } = relation
  const head = `${verb} ${kind.toUpperCase()} ${quoted(naming.source(name))}`
  const options = withOptions([
    ['KAFKA_TOPIC', naming.topic(relation)],
    ...relation.options.map((one) =>
      one[0] === RETENTION[0] ? ([one[0], { bare: naming.retentionMs }] as const) : one,
    ),
    ...(body ? [['PARTITIONS', { bare: naming.partitions }] as const] : []),
  ])
  if (body) return `${head} ${options} AS\n${bodyText(body, naming)}`
  const fields = columns.map((one) => `${quoted(one.name)} ${one.type}${keyMark(relation, one)}`)
  return `${head} (\n  ${fields.join(',\n  ')}\n) ${options}`
}

/** The SELECT alone, as EXPLAIN takes it. */
export function bodyText(body: Body, naming: Naming): string {
  const { partitionBy, join } = body
  const end = `${partitionBy === undefined ? '' : `PARTITION BY ${partitionBy}\n`}EMIT CHANGES`
  const from = quoted(naming.source(body.from))
  const joined = join
    ? `${from} ${JOINED.left}\nLEFT JOIN ${quoted(naming.source(join.table))} ${JOINED.seed} ON ${join.on}`
    : from
  return clauses({ ...body, from: joined, end })
}

function keyMark({ kind }: Relation, { isKey }: KsqlColumn): string {
  if (!isKey) return ''
  return kind === 'table' ? ' PRIMARY KEY' : ' KEY'
}
