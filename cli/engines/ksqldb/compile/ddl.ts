/**
 * Builds ksqlDB's streams and tables. Key, partitions, retention and timestamp of each topic are
 * written out, since their defaults depend on the source that is read.
 */
import type { DialectJob } from '../../../domain/dialects/dialect-job.ts'
import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import { printType } from '../../../domain/dialects/idioms/types.ts'
import type { Printer } from '../../../domain/dialects/sql-print.ts'
import { inferType } from '../../../domain/sql/infer.ts'
import type { Expr, SelectItem } from '../../../domain/sql/tree.ts'
import { type Column, displayType, type LogicalType } from '../../../domain/sql/types.ts'
import {
  type Body,
  KEY,
  type KsqlColumn,
  RETENTION,
  type Relation,
  type TopicKeeping,
  type WithOption,
} from '../plan/relation.ts'

/** One day, ms. */
export const DAY_MS = 86_400_000

/** Reads topics from their beginning; by default, earlier records are skipped. */
const EARLIEST = { 'auto.offset.reset': 'earliest' }
/** A cache would merge changes of a key: a count could go from 0 to 2. */
const UNCACHED = { ...EARLIEST, 'cache.max.bytes.buffering': '0' }

/** One column of a SELECT. */
export interface Output {
  readonly sql: string
  readonly name: string
  readonly type: LogicalType
}

/**
 * CREATE STREAM … AS; it keeps the key unless `key` names another column. Its records carry the
 * time of arrival: by event time, the broker would delete an old event as soon as it is written.
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
  const first = key === undefined ? quoteName(KEY) : `${key} AS ${quoteName(KEY)}`
  return {
    name,
    model: job.input.model.name,
    kind: 'stream',
    topic,
    options: [...FORMATS, RETENTION],
    body: {
      items: [first, ...outputs.map(printItem)],
      from,
      ...(join === undefined ? {} : { join }),
      where,
      ...(key === undefined ? {} : { partitionBy: key }),
    },
    memory: 'none',
    columns: [KEY_COLUMN, ...outputs.map((one) => toKsqlColumn(job, one))],
    properties: EARLIEST,
  }
}

/**
 * CREATE TABLE … AS. Its topic is compacted, without a retention, unless `keeps` says otherwise.
 */
export function makeTable(
  job: DialectJob,
  given: {
    readonly name: string
    readonly topic: string
    readonly memory: Relation['memory']
    readonly keeps?: TopicKeeping
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
    body: { ...body, items: [...keys, ...outputs].map(printItem) },
    memory,
    columns: [
      ...keys.map((one) => ({ ...toKsqlColumn(job, one), isKey: true })),
      ...outputs.map((one) => toKsqlColumn(job, one)),
    ],
    properties: UNCACHED,
  }
}

/** CREATE STREAM over a topic that another relation or the gate fills. */
export function declareStream(
  job: DialectJob,
  given: {
    readonly name: string
    readonly topic: string
    readonly over?: string
    readonly keyFormat: 'KAFKA' | 'AVRO'
    readonly columns: readonly Column[]
    /** Column with the event time; absent: the time at which Kafka received the record. */
    readonly time?: string
    /** STRING by default. */
    readonly keyType?: string
  },
): Relation {
  const { name, topic, over, keyFormat, columns, time, keyType = 'STRING' } = given
  return {
    name,
    model: job.input.model.name,
    kind: 'stream',
    topic,
    options: [['KEY_FORMAT', keyFormat], ['VALUE_FORMAT', 'AVRO'], ...timestampOption(time)],
    ...(over === undefined ? {} : { over }),
    memory: 'none',
    columns: [{ ...KEY_COLUMN, type: keyType }, ...columns.map((one) => toKsqlColumn(job, one))],
    properties: {},
  }
}

const KEY_COLUMN: KsqlColumn = { name: KEY, type: 'STRING', isKey: true }

/** Prints the columns of a SELECT, with `*` expanded to `columns`, those of its source. */
export function printOutputs(
  job: DialectJob,
  items: readonly SelectItem[],
  columns: readonly Column[],
  printer: Printer,
): readonly Output[] {
  const own = new Map(job.input.columns.map((one) => [one.name, one.type]))
  return items.flatMap((item) =>
    item.expr.is === 'star'
      ? passColumns(columns)
      : [
          {
            sql: printer.print(item.expr),
            name: item.name,
            type: own.get(item.name) ?? inferOrText(item.expr, columns),
          },
        ],
  )
}

/** Selects columns unchanged. */
export function passColumns(columns: readonly Column[]): readonly Output[] {
  return columns.map(({ name, type }) => ({ sql: quoteName(name), name, type }))
}

/** The type of an expression; VARCHAR if it can't be inferred. */
export function inferOrText(expr: Expr, columns: readonly Column[]): LogicalType {
  return inferType(expr, { columns, aliases: new Map() }) ?? { is: 'VARCHAR' }
}

/** Copies key columns by AS_VALUE: ksqlDB does not allow a key among a table's values. */
export function copyKeys(outputs: readonly Output[], keys: readonly string[]): readonly Output[] {
  return outputs.map((one) =>
    keys.includes(one.sql) ? { ...one, sql: `AS_VALUE(${one.sql})` } : one,
  )
}

/** A table's key column, with a prefix: its copy among the values has the plain name. */
export function makeKey(sql: string, name: string, type: LogicalType): Output {
  return { sql, name: `${KEY}_${name}`, type }
}

const FORMATS: readonly WithOption[] = [
  ['KEY_FORMAT', 'AVRO'],
  ['VALUE_FORMAT', 'AVRO'],
]

function printItem({ sql, name }: Output): string {
  return sql === quoteName(name) ? sql : `${sql} AS ${quoteName(name)}`
}

function timestampOption(name: string | undefined): readonly WithOption[] {
  return name === undefined ? [] : [['TIMESTAMP', quoteName(name)]]
}

function toKsqlColumn(job: DialectJob, { name, type }: Pick<Column, 'name' | 'type'>): KsqlColumn {
  const written = printType(type, 'ksqldb')
  if (written === undefined)
    job.fault(
      undefined,
      `Column '${name}' has the type ${displayType(type)}, which ksqlDB lacks.`,
      'Cast it, for instance to BIGINT.',
    )
  return { name, type: written ?? 'STRING' }
}
