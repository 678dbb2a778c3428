/**
 * Streams and tables of ksqlDB, each over a topic with its key, partitions, retention and timestamp written
 * out, since the defaults differ with what is read.
 */
import { clauses, type Statement, withOptions } from '../../core/dialect.ts'
import type { DialectJob } from '../../core/dialect-job.ts'
import type { Printer } from '../../core/sql-print.ts'
import { quoted } from '../../core/sql-speech.ts'
import type { Item } from '../../core/sql-tree.ts'
import { type Column, shownType, typeName } from '../../core/sql-types.ts'

/** Key column of every stream; the value holds the same again under its own name. */
export const KEY = '_key'
export const DAY_MS = 86_400_000

/** CREATE STREAM … AS. `topic` is the model's own when absent; its timestamp is the project's event time. */
export function createStream(
  job: DialectJob,
  name: string,
  body: string,
  topic?: string,
): Statement {
  const time = job.input.project.time?.column
  const options = withOptions([
    ...topicOptions(topic ?? job.input.model.name),
    ['RETENTION_MS', { bare: String(7 * DAY_MS) }],
    ...timestamp(time),
  ])
  return { what: 'stream', sql: `CREATE STREAM ${quoted(name)} ${options} AS\n${body}` }
}

/** CREATE TABLE … AS. Its topic is compacted, so it has no retention of its own. */
export function createTable(name: string, body: string, topic: string): Statement {
  const options = withOptions(topicOptions(topic))
  return { what: 'table', sql: `CREATE TABLE ${quoted(name)} ${options} AS\n${body}` }
}

/** CREATE STREAM over a topic that another statement, or the gate, fills. */
export function declareStream(
  job: DialectJob,
  given: {
    readonly name: string
    readonly topic: string
    readonly keyFormat: 'KAFKA' | 'AVRO'
    readonly columns: readonly Column[]
    readonly time: string | undefined
  },
): Statement {
  const fields = [`${quoted(KEY)} STRING KEY`, ...given.columns.map((one) => field(job, one))]
  const options = withOptions([
    ['KAFKA_TOPIC', given.topic],
    ['KEY_FORMAT', given.keyFormat],
    ['VALUE_FORMAT', 'AVRO'],
    ...timestamp(given.time),
  ])
  const sql = `CREATE STREAM ${quoted(given.name)} (\n  ${fields.join(',\n  ')}\n) ${options}`
  return { what: 'source', sql }
}

/** A SELECT of a stream that keeps the key. */
export function streamBody(
  items: readonly Item[],
  printer: Printer,
  read: { readonly from: string; readonly where: readonly string[] },
): string {
  const key = items.some((one) => one.expr.is === 'star') ? [] : [quoted(KEY)]
  const columns = [...key, ...printedItems(items, printer)]
  return clauses({
    items: columns,
    from: quoted(read.from),
    where: read.where,
    end: 'EMIT CHANGES',
  })
}

/** Columns with their names; those that are keys of the table are copied into the value. */
export function printedItems(
  items: readonly Item[],
  printer: Printer,
  keys: readonly string[] = [],
): readonly string[] {
  return items.map((item) => {
    if (item.expr.is === 'star') return '*'
    const sql = printer.print(item.expr)
    if (keys.includes(sql)) return `AS_VALUE(${sql}) AS ${quoted(item.name)}`
    return sql === quoted(item.name) ? sql : `${sql} AS ${quoted(item.name)}`
  })
}

/** Key columns of a table; the value's columns keep the plain names. */
export function keyItems(keys: readonly string[]): readonly string[] {
  return keys.map((key) => `${key} AS ${quoted(`${KEY}_${key.replaceAll('`', '')}`)}`)
}

type Options = Parameters<typeof withOptions>[0]

function topicOptions(topic: string): Options {
  return [
    ['KAFKA_TOPIC', topic],
    ['KEY_FORMAT', 'AVRO'],
    ['VALUE_FORMAT', 'AVRO'],
    ['PARTITIONS', { bare: '${CCS_PARTITIONS}' }],
  ]
}

function timestamp(column: string | undefined): Options {
  return column === undefined ? [] : [['TIMESTAMP', quoted(column)]]
}

function field(job: DialectJob, column: Column): string {
  const type = typeName(column.type, 'ksqldb')
  if (type === undefined)
    job.fault(
      undefined,
      `Column '${column.name}' is ${shownType(column.type)}, which ksqlDB lacks.`,
      'Cast it, for instance to BIGINT.',
    )
  return `${quoted(column.name)} ${type ?? 'STRING'}`
}
