/**
 * Flink's settings and tables over Kafka topics. Addresses and secrets stay ${VARIABLES} until deploy.
 */
import {
  type DialectProject,
  flatName,
  type Statement,
  withOptions,
} from '../../../domain/dialects/dialect.ts'
import type { DialectJob } from '../../../domain/dialects/dialect-job.ts'
import { quoted } from '../../../domain/dialects/dialect-syntax.ts'
import { typeName } from '../../../domain/dialects/idioms/types.ts'
import type { Printer } from '../../../domain/dialects/sql-print.ts'
import { VALID_TOPIC } from '../../../domain/log/topics.ts'
import type { SelectItem } from '../../../domain/sql/tree.ts'
import { displayType } from '../../../domain/sql/types.ts'
import { intervalText } from './syntax.ts'

/** Columns of raw.events that Kafka keeps beside the record. */
const COORDINATES: Readonly<Record<string, string>> = {
  topic: "`topic` STRING METADATA FROM 'topic' VIRTUAL",
  partition: "`partition` INT METADATA FROM 'partition' VIRTUAL",
  offset: "`offset` BIGINT METADATA FROM 'offset' VIRTUAL",
  ingest_time: "`ingest_time` TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL",
}

/** The table of all events, which comes from Kafka. */
export const RAW = 'raw.events'

/** Settings of the session, and the table over events.valid with event time and watermark. */
export function sourceTable(job: DialectJob): readonly Statement[] {
  const { project } = job.input
  const columns = job.input.columnsOf(RAW)
  const printer = job.printer(columns)
  const fields = columns.flatMap((one) => {
    if (one.name === 'late_ms') return [] // made in the view: it needs the watermark
    return [
      COORDINATES[one.name] ?? `${quoted(one.name)} ${typeName(one.type, 'flink') ?? 'STRING'}`,
    ]
  })
  const { time } = project
  if (time !== undefined) {
    const name = quoted(time.column)
    const behind = intervalText(time.watermarkMs + project.sessionLatenessMs)
    fields.push(
      `${name} AS ${printer.print(time.expr)}`,
      `WATERMARK FOR ${name} AS ${name} - ${behind}`,
    )
  }
  const options = flinkOptions([
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
    ...settings(project),
    {
      what: 'source',
      sql: `CREATE TABLE \`events_valid\` (\n  ${fields.join(',\n  ')}\n) ${options}`,
    },
  ]
}

function settings(project: DialectProject): Statement[] {
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

function flinkOptions(options: readonly (readonly [string, string])[]): string {
  return withOptions(options, (name) => `'${name}'`)
}

/** The topic a model is written to: append-only for streams, compacted by its key for all that is corrected. */
export function sinkTable(job: DialectJob): string {
  const { model, columns } = job.input
  const fields = columns.map((one) => {
    const type = typeName(one.type, 'flink')
    if (type === undefined)
      job.fault(
        undefined,
        `Column '${one.name}' of ${model.name} is ${displayType(one.type)}, which Flink lacks.`,
        'Cast it, for instance to BIGINT.',
      )
    return `${quoted(one.name)} ${type ?? 'STRING'}${model.key.includes(one.name) ? ' NOT NULL' : ''}`
  })
  const isUpsert = model.kind !== 'stream'
  const key = model.key.map(quoted).join(', ')
  if (isUpsert) fields.push(`PRIMARY KEY (${key}) NOT ENFORCED`)
  const keyOptions: readonly (readonly [string, string])[] = isUpsert
    ? []
    : [
        ['key.fields', model.key.join(';')],
        ['sink.delivery-guarantee', 'exactly-once'],
        ['sink.transactional-id-prefix', `ccs-${model.name}`],
      ]
  const options = flinkOptions([
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
  return `CREATE TABLE ${quoted(`${flatName(model.name)}_topic`)} (\n  ${fields.join(',\n  ')}\n) ${options}`
}

export function tableName(name: string): string {
  return quoted(name === RAW ? 'events_valid' : flatName(name))
}

/** A column of a SELECT with its name. */
export function printedItem(item: SelectItem, printer: Printer): string {
  if (item.expr.is === 'star') {
    const { excluded } = item.expr
    const kept = printer.context.columns.filter((one) => !excluded.includes(one.name))
    return excluded.length === 0 ? '*' : kept.map((one) => quoted(one.name)).join(',\n  ')
  }
  const sql = printer.print(item.expr)
  return sql === quoted(item.name) ? sql : `${sql} AS ${quoted(item.name)}`
}
