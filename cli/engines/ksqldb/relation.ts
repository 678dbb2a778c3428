/**
 * A stream or table of ksqlDB as data, before it has its final names: what a deployment compares with what was
 * deployed, and can write again under another version. Names are those of the models, without prefix.
 */
import { clauses, withOptions } from '../../core/dialect.ts'
import { quoted } from '../../core/sql-speech.ts'

/** Key column of every stream; the value holds the same again under its own name. */
export const KEY = '_key'

export interface KsqlColumn {
  readonly name: string
  /** As ksqlDB writes it. */
  readonly type: string
  readonly isKey?: boolean
}

export type Option = readonly [name: string, value: string | { readonly bare: string }]

/** SELECT … EMIT CHANGES over one other relation. */
export interface Body {
  readonly items: readonly string[]
  /** Name of the relation that it reads. */
  readonly from: string
  readonly window?: string
  readonly where: readonly string[]
  readonly groupBy?: readonly string[]
}

export interface Relation {
  /** `silver_events`, `silver_events_seen` */
  readonly name: string
  /** The model that it belongs to. */
  readonly model: string
  readonly kind: 'stream' | 'table'
  readonly topic: string
  /** Of WITH, beside topic and partitions. */
  readonly options: readonly Option[]
  /** Given: CREATE … AS. Absent: declared over a topic that something else fills. */
  readonly body?: Body
  /** The relation whose topic it is declared over, where that is one of ours. */
  readonly over?: string
  /** What the server has to remember for it. */
  readonly memory: 'none' | 'table' | 'window' | 'session'
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
}

/** As written, for people to read and for goldens. */
export const plainNaming: Naming = {
  source: (name) => name,
  topic: ({ topic }) => topic,
  partitions: '${CCS_PARTITIONS}',
}

/** The relation that it reads, by query or by topic; undefined: a topic from outside. */
export function readsOf({ body, over }: Relation): string | undefined {
  return body?.from ?? over
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
    ...relation.options,
    ...(body ? [['PARTITIONS', { bare: naming.partitions }] as const] : []),
  ])
  if (body) return `${head} ${options} AS\n${bodyText(body, naming)}`
  const fields = columns.map((one) => `${quoted(one.name)} ${one.type}${keyMark(relation, one)}`)
  return `${head} (\n  ${fields.join(',\n  ')}\n) ${options}`
}

/** The SELECT alone, as EXPLAIN takes it. */
export function bodyText(body: Body, naming: Naming): string {
  return clauses({ ...body, from: quoted(naming.source(body.from)), end: 'EMIT CHANGES' })
}

function keyMark({ kind }: Relation, { isKey }: KsqlColumn): string {
  if (!isKey) return ''
  return kind === 'table' ? ' PRIMARY KEY' : ' KEY'
}
