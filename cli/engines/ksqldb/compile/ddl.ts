/**
 * Streams and tables of ksqlDB, each over a topic with its key, partitions, retention and timestamp written
 * out, since the defaults differ with what is read.
 */
import type { DialectJob } from '../../../domain/dialects/dialect-job.ts'
import { quoted } from '../../../domain/dialects/dialect-syntax.ts'
import { typeName } from '../../../domain/dialects/idioms/types.ts'
import type { Printer } from '../../../domain/dialects/sql-print.ts'
import { inferType } from '../../../domain/sql/infer.ts'
import type { Expr, SelectItem } from '../../../domain/sql/tree.ts'
import { type Column, displayType, type LogicalType } from '../../../domain/sql/types.ts'
import {
  type Body,
  KEY,
  type Keeping,
  type KsqlColumn,
  type Option,
  RETENTION,
  type Relation,
} from '../plan/relation.ts'

export const DAY_MS = 86_400_000

/** From the beginning of its topic, or what came before the statement is never seen. */
const EARLIEST = { 'auto.offset.reset': 'earliest' }
/** A cache would keep changes of a key back and show only the last: a count could go from 0 to 2. */
const UNCACHED = { ...EARLIEST, 'cache.max.bytes.buffering': '0' }

/** A column as SELECT gives it: SQL, name, and type where it is known. */
export interface Output {
  readonly sql: string
  readonly name: string
  readonly type: LogicalType
}

/**
 * CREATE STREAM … AS, keeping the key unless `key` names another column. Its records keep Kafka's own time, when
 * the event came in: by event time, the broker would delete an old event as soon as it is written.
 */
export function makeStream(
  job: DialectJob,
  given: {
    readonly name: string
    readonly topic: string
    readonly outputs: readonly Output[]
    readonly from: string
    readonly join?: NonNullable<Body['join']>
    readonly where: readonly string[]
    readonly key?: string
  },
): Relation {
  const { name, topic, outputs, from, join, where, key } = given
  const first = key === undefined ? quoted(KEY) : `${key} AS ${quoted(KEY)}`
  return {
    name,
    model: job.input.model.name,
    kind: 'stream',
    topic,
    options: [...FORMATS, RETENTION],
    body: {
      items: [first, ...outputs.map(asItem)],
      from,
      ...(join === undefined ? {} : { join }),
      where,
      ...(key === undefined ? {} : { partitionBy: key }),
    },
    memory: 'none',
    columns: [KEY_COLUMN, ...outputs.map((one) => column(job, one))],
    properties: EARLIEST,
  }
}

/** CREATE TABLE … AS. Its topic is compacted, so it has no retention of its own, unless `keeps` says otherwise. */
export function makeTable(
  job: DialectJob,
  given: {
    readonly name: string
    readonly topic: string
    readonly memory: Relation['memory']
    readonly keeps?: Keeping
    readonly keys: readonly Output[]
    readonly outputs: readonly Output[]
    readonly body: Omit<Body, 'items'>
  },
): Relation {
  const { name, topic, memory, keeps, keys, outputs, body } = given
  return {
    name,
    model: job.input.model.name,
    kind: 'table',
    topic,
    ...(keeps === undefined ? {} : { keeps }),
    options: FORMATS,
    body: { ...body, items: [...keys, ...outputs].map(asItem) },
    memory,
    columns: [
      ...keys.map((one) => ({ ...column(job, one), isKey: true })),
      ...outputs.map((one) => column(job, one)),
    ],
    properties: UNCACHED,
  }
}

/** CREATE STREAM over a topic that another relation, or the gate, fills. */
export function declareStream(
  job: DialectJob,
  given: {
    readonly name: string
    readonly topic: string
    readonly over?: string
    readonly keyFormat: 'KAFKA' | 'AVRO'
    readonly columns: readonly Column[]
    /** Column that says when a row happened; without, it is when Kafka got the record. */
    readonly time?: string
    /** STRING unless told. */
    readonly keyType?: string
  },
): Relation {
  const { name, topic, over, keyFormat, columns, time, keyType = 'STRING' } = given
  return {
    name,
    model: job.input.model.name,
    kind: 'stream',
    topic,
    options: [['KEY_FORMAT', keyFormat], ['VALUE_FORMAT', 'AVRO'], ...timestamp(time)],
    ...(over === undefined ? {} : { over }),
    memory: 'none',
    columns: [{ ...KEY_COLUMN, type: keyType }, ...columns.map((one) => column(job, one))],
    properties: {},
  }
}

const KEY_COLUMN: KsqlColumn = { name: KEY, type: 'STRING', isKey: true }

/** Columns of a SELECT, stars written out. `columns` are those of what it reads. */
export function outputsOf(
  job: DialectJob,
  items: readonly SelectItem[],
  columns: readonly Column[],
  printer: Printer,
): readonly Output[] {
  const own = new Map(job.input.columns.map((one) => [one.name, one.type]))
  return items.flatMap((item) =>
    item.expr.is === 'star'
      ? passed(columns)
      : [
          {
            sql: printer.print(item.expr),
            name: item.name,
            type: own.get(item.name) ?? inferred(item.expr, columns),
          },
        ],
  )
}

/** Columns as they are. */
export function passed(columns: readonly Column[]): readonly Output[] {
  return columns.map(({ name, type }) => ({ sql: quoted(name), name, type }))
}

export function inferred(expr: Expr, columns: readonly Column[]): LogicalType {
  return inferType(expr, { columns, aliases: new Map() }) ?? { is: 'VARCHAR' }
}

/** Outputs of a table: what is a key of it can't be a value, so it is copied. */
export function withCopiedKeys(
  outputs: readonly Output[],
  keys: readonly string[],
): readonly Output[] {
  return outputs.map((one) =>
    keys.includes(one.sql) ? { ...one, sql: `AS_VALUE(${one.sql})` } : one,
  )
}

/** A key column of a table; the value's columns keep the plain names. */
export function keyOutput(sql: string, name: string, type: LogicalType): Output {
  return { sql, name: `${KEY}_${name}`, type }
}

const FORMATS: readonly Option[] = [
  ['KEY_FORMAT', 'AVRO'],
  ['VALUE_FORMAT', 'AVRO'],
]

function asItem({ sql, name }: Output): string {
  return sql === quoted(name) ? sql : `${sql} AS ${quoted(name)}`
}

function timestamp(name: string | undefined): readonly Option[] {
  return name === undefined ? [] : [['TIMESTAMP', quoted(name)]]
}

function column(job: DialectJob, { name, type }: Pick<Column, 'name' | 'type'>): KsqlColumn {
  const written = typeName(type, 'ksqldb')
  if (written === undefined)
    job.fault(
      undefined,
      `Column '${name}' is ${displayType(type)}, which ksqlDB lacks.`,
      'Cast it, for instance to BIGINT.',
    )
  return { name, type: written ?? 'STRING' }
}
