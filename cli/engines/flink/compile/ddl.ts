/**
 * Prints Flink's settings and its tables over Kafka topics. Addresses and secrets stay
 * ${VARIABLES}, which whoever runs the SQL sets.
 */
import {
  type DialectProject,
  flattenName,
  printOptions,
  type Statement,
} from '../../../domain/dialects/dialect.ts'
import type { DialectJob } from '../../../domain/dialects/dialect-job.ts'
import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import { printType } from '../../../domain/dialects/idioms/types.ts'
import type { Printer } from '../../../domain/dialects/sql-print.ts'
import { VALID_TOPIC } from '../../../domain/log/topics.ts'
import type { SelectItem } from '../../../domain/sql/tree.ts'
import { displayType } from '../../../domain/sql/types.ts'
import { printInterval } from './syntax.ts'

/** Columns of raw.events that are Kafka's metadata of a record. */
const COORDINATES: Readonly<Record<string, string>> = {
  topic: "`topic` STRING METADATA FROM 'topic' VIRTUAL",
  partition: "`partition` INT METADATA FROM 'partition' VIRTUAL",
  offset: "`offset` BIGINT METADATA FROM 'offset' VIRTUAL",
  ingest_time: "`ingest_time` TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL",
}

/** The table of all events, which models of Bronze read. */
export const RAW = 'raw.events'

/** Prints the session's settings and the table over events.valid, with event time and watermark. */
export function printSourceTable(job: DialectJob): readonly Statement[] {
  const { project } = job.input
  const columns = job.input.findColumns(RAW)
  const printer = job.printer(columns)
  const fields = columns.flatMap((one) => {
    if (one.name === 'late_ms') return [] // computed in the view, from the watermark
    return [
      COORDINATES[one.name] ?? `${quoteName(one.name)} ${printType(one.type, 'flink') ?? 'STRING'}`,
    ]
  })
  const { time } = project
  if (time !== undefined) {
    const name = quoteName(time.column)
    const behind = printInterval(time.watermarkMs + project.sessionLatenessMs)
    fields.push(
      `${name} AS ${printer.print(time.expr)}`,
      `WATERMARK FOR ${name} AS ${name} - ${behind}`,
    )
  }
  const options = printFlinkOptions([
    ['connector', 'kafka'],
    ['topic', VALID_TOPIC],
    ...kafka,
    ['properties.group.id', 'ccs-flink'],
    ['properties.isolation.level', 'read_committed'],
    ['scan.startup.mode', 'earliest-offset'],
    ['value.format', 'avro-confluent'],
    ['value.avro-confluent.url', '${SCHEMA_REGISTRY_URL}'],
  ])
  return [
    ...printSettings(project),
    {
      what: 'source',
      sql: `CREATE TABLE \`events_valid\` (\n  ${fields.join(',\n  ')}\n) ${options}`,
    },
  ]
}

function printSettings(project: DialectProject): Statement[] {
  const pairs = [
    ['table.local-time-zone', 'UTC'],
    ['table.exec.state.ttl', `${project.stateMs} ms`],
    ['table.exec.source.idle-timeout', '5 s'],
    ['table.exec.sink.require-on-conflict', 'false'],
    ['table.exec.sink.upsert-materialize', 'NONE'],
  ] as const
  return pairs.map(([key, value]) => ({ what: 'setting', sql: `SET '${key}' = '${value}'` }))
}

const kafka: readonly (readonly [string, string])[] = [
  ['properties.bootstrap.servers', '${KAFKA_BOOTSTRAP_SERVERS}'],
]

function printFlinkOptions(options: readonly (readonly [string, string])[]): string {
  return printOptions(options, (name) => `'${name}'`)
}

/** Prints the table of a model's topic: append-only for streams, upserts by key for the others. */
export function printSinkTable(job: DialectJob): string {
  const { model, columns } = job.input
  const fields = columns.map((one) => {
    const type = printType(one.type, 'flink')
    if (type === undefined)
      job.fault(
        undefined,
        `Column '${one.name}' has the type ${displayType(one.type)}, which Flink lacks.`,
        'Cast it, for instance to BIGINT.',
      )
    const constraint = model.key.includes(one.name) ? ' NOT NULL' : ''
    return `${quoteName(one.name)} ${type ?? 'STRING'}${constraint}`
  })
  const isUpsert = model.kind !== 'stream'
  const key = model.key.map(quoteName).join(', ')
  if (isUpsert) fields.push(`PRIMARY KEY (${key}) NOT ENFORCED`)
  const keyOptions: readonly (readonly [string, string])[] = isUpsert
    ? []
    : [
        ['key.fields', model.key.join(';')],
        ['sink.delivery-guarantee', 'exactly-once'],
        ['sink.transactional-id-prefix', `ccs-${model.name}`],
      ]
  const options = printFlinkOptions([
    ['connector', isUpsert ? 'upsert-kafka' : 'kafka'],
    ['topic', model.name],
    ...kafka,
    ...keyOptions,
    ['key.format', 'avro-confluent'],
    ['key.avro-confluent.url', '${SCHEMA_REGISTRY_URL}'],
    ['value.format', 'avro-confluent'],
    ['value.avro-confluent.url', '${SCHEMA_REGISTRY_URL}'],
    ['value.fields-include', 'ALL'],
  ])
  const table = quoteName(`${flattenName(model.name)}_topic`)
  return `CREATE TABLE ${table} (\n  ${fields.join(',\n  ')}\n) ${options}`
}

/** The name of the table or view that a model reads. */
export function printTableName(name: string): string {
  return quoteName(name === RAW ? 'events_valid' : flattenName(name))
}

/** Prints a column of a SELECT with its name. */
export function printItem(item: SelectItem, printer: Printer): string {
  if (item.expr.is === 'star') {
    const { excluded } = item.expr
    const kept = printer.context.columns.filter((one) => !excluded.includes(one.name))
    return excluded.length === 0 ? '*' : kept.map((one) => quoteName(one.name)).join(',\n  ')
  }
  const sql = printer.print(item.expr)
  return sql === quoteName(item.name) ? sql : `${sql} AS ${quoteName(item.name)}`
}
