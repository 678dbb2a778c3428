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
import { type DialectJob, printWhere } from '../../../domain/dialects/dialect-job.ts'
import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import { printType } from '../../../domain/dialects/idioms/types.ts'
import type { Printer } from '../../../domain/dialects/sql-print.ts'
import { VALID_TOPIC } from '../../../domain/log/topics.ts'
import type { Model } from '../../../domain/models/model.ts'
import type { Expr, Select, SelectItem } from '../../../domain/sql/tree.ts'
import { type Column, displayType } from '../../../domain/sql/types.ts'
import { markPlace } from './places.ts'
import { printReaderSchema, printSourceColumns } from './source.ts'

/**
 * How long a transaction of a topic may stay open: longer than a checkpoint and an outage. Brokers
 * allow as much unless they are told otherwise.
 */
export const TRANSACTION_MS = 900_000

/** The table of all events, which models of Bronze read. */
export const RAW = 'raw.events'

/** Prints the session's settings and the table over events.valid, with event time and watermark. */
export function printSourceTable(job: DialectJob): readonly Statement[] {
  const { project } = job.input
  const options = printFlinkOptions([
    ['connector', 'kafka'],
    ['topic', `\${TOPIC_PREFIX}${VALID_TOPIC}`],
    ...kafka,
    ['properties.group.id', '${TOPIC_PREFIX}ccs-flink'],
    ['properties.isolation.level', 'read_committed'],
    ['scan.startup.mode', 'earliest-offset'],
    ['value.format', 'avro-confluent'],
    ['value.avro-confluent.url', '${SCHEMA_REGISTRY_URL}'],
    ['value.avro-confluent.schema', printReaderSchema(project.rawSchema)],
  ])
  const columns = printSourceColumns(job).join(',\n  ')
  return [
    ...printSettings(project),
    ...FUNCTIONS,
    { what: 'source', sql: `CREATE TABLE \`events_valid\` (\n  ${columns}\n) ${options}` },
  ]
}

/**
 * Functions that SQL can't express; their jar is beside the connectors'. What a function computes
 * never changes under its names: another version gets a class and a name of its own, such as
 * `ccs.v2.LinesUnits` and `lines_units_v2`. So an older jar is found, as it lacks the class, and a
 * state that has values of the function before is rebuilt.
 */
export const FUNCTIONS: readonly Statement[] = [
  ['lines_revenue', 'ccs.v1.LinesRevenue'],
  ['lines_units', 'ccs.v1.LinesUnits'],
].map(([name, of]) => ({
  what: 'function',
  sql: `CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS ${name} AS '${of}' LANGUAGE JAVA`,
}))

/**
 * Rows of keys are unique by construction, so Flink need not check them once more; plans that read
 * the same rows share them.
 */
function printSettings(project: DialectProject): Statement[] {
  const pairs = [
    ['table.local-time-zone', 'UTC'],
    ['table.exec.state.ttl', `${project.stateMs} ms`],
    // Only sessions wait for the watermark, hours anyway. A partition whose events come later than
    // that after those of others, as after an outage of the gate, would lose them from sessions.
    ['table.exec.source.idle-timeout', '5 min'],
    ['table.exec.sink.require-on-conflict', 'false'],
    ['table.exec.sink.upsert-materialize', 'NONE'],
    ['table.optimizer.reuse-optimize-block-with-digest-enabled', 'true'],
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
  const isUpsert = isUpserted(model)
  const fields = columns.map((one) => {
    const type = printType(one.type, 'flink')
    if (type === undefined)
      job.fault(
        undefined,
        `Column '${one.name}' has the type ${displayType(one.type)}, which Flink lacks.`,
        'Cast it, for instance to BIGINT.',
      )
    if (isUpsert && model.key.includes(one.name)) refuseNullKey(job, one)
    // An upsert's key must not be NULL; the columns of others are what the SELECT makes of them.
    const constraint = isUpsert && model.key.includes(one.name) ? ' NOT NULL' : ''
    return `${quoteName(one.name)} ${type ?? 'STRING'}${constraint}`
  })
  const key = model.key.map(quoteName).join(', ')
  if (isUpsert) fields.push(`PRIMARY KEY (${key}) NOT ENFORCED`)
  const keyOptions: readonly (readonly [string, string])[] = isUpsert
    ? [
        ['sink.buffer-flush.max-rows', '2000'],
        ['sink.buffer-flush.interval', '1 s'],
      ]
    : [
        ['key.fields', model.key.join(';')],
        ['sink.delivery-guarantee', 'exactly-once'],
        ['sink.transactional-id-prefix', `\${TOPIC_PREFIX}ccs-${model.name}`],
        ['properties.transaction.timeout.ms', String(TRANSACTION_MS)],
      ]
  const options = printFlinkOptions([
    ['connector', isUpsert ? 'upsert-kafka' : 'kafka'],
    ['topic', `\${TOPIC_PREFIX}${model.name}`],
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

/** Flink ends the whole job at the first row whose key is NULL, and would do so again for ever. */
function refuseNullKey(job: DialectJob, { name, type }: Column): void {
  const { model, select, project } = job.input
  const why = project.explainNull(model.name, name)
  if (why === undefined) return
  const at = select.items.find((one) => one.name === name)?.expr.at
  const instead = type.is === 'VARCHAR' ? "'(none)'" : '…'
  job.fault(
    at,
    `Key column '${name}' may be NULL (${why}): Flink's job fails at the first such row.`,
    `Write coalesce(…, ${instead}) AS ${name}, and the same in GROUP BY; or leave such rows out ` +
      'by WHERE … IS NOT NULL.',
  )
}

/** Whether rows of the model replace one another by its key. */
export function isUpserted(model: Model): boolean {
  return model.kind !== 'stream' && !isRowView(model)
}

function isRowView({ kind, time }: Model): boolean {
  return kind === 'view' && time !== undefined
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
  const isAlias = sql !== quoteName(item.name)
  return markPlace(item.expr, isAlias ? `${sql} AS ${quoteName(item.name)}` : sql)
}

/** Prints WHERE as a list of one condition or none. */
export function printMarkedWhere(select: Select, printer: Printer): readonly string[] {
  return printWhere(select, printer).map((one) => markPlace(select.where, one))
}

/** Prints the expressions of GROUP BY. */
export function printGroups(exprs: readonly Expr[], printer: Printer): readonly string[] {
  return exprs.map((one) => markPlace(one, printer.print(one)))
}
