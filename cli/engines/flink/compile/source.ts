/**
 * Prints the table over events.valid. Its columns and its reader's schema are the contract's own:
 * Flink checks that both agree, also in what may be NULL, and does not read an enum as text
 * without the schema that says so.
 */

import { type AvroNode, parseRecordSchema, unwrapOptional } from '../../../domain/avro/schema.ts'
import type { DialectJob } from '../../../domain/dialects/dialect-job.ts'
import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import { isObject } from '../../../domain/kernel/json.ts'
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import { RAW_TOPIC } from '../../../domain/log/topics.ts'
import { printInterval } from './syntax.ts'

/** Columns of raw.events that are Kafka's metadata of a record. */
const COORDINATES: readonly string[] = [
  "`topic` STRING METADATA FROM 'topic' VIRTUAL",
  "`partition` INT METADATA FROM 'partition' VIRTUAL",
  "`offset` BIGINT METADATA FROM 'offset' VIRTUAL",
  "`ingest_time` TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL",
]

/**
 * Prints the columns, with event time and watermark. No clock moves the watermark beyond the time
 * at which an event was appended. It stays behind by as much as an event may be late, and still
 * join a session that has ended by then.
 */
export function printSourceColumns(job: DialectJob): readonly string[] {
  const { project } = job.input
  const { fields } = parseRecordSchema(project.rawSchema, RAW_TOPIC)
  const columns = fields.map((one) => `${quoteName(one.name)} ${printAvroType(one.type)}`)
  const { time } = project
  if (time === undefined) return [...columns, ...COORDINATES]
  const name = quoteName(time.column)
  const printer = job.printer(job.input.findColumns('raw.events'))
  const behind = printInterval(time.watermarkMs + project.sessionHoldMs)
  return [
    ...columns,
    ...COORDINATES,
    `${name} AS ${printer.print(time.expr)}`,
    `WATERMARK FOR ${name} AS LEAST(${name}, \`ingest_time\`) - ${behind}`,
  ]
}

/** Prints the contract as the reader's schema: without what only people and ccs read in it. */
export function printReaderSchema(rawSchema: string): string {
  return quoteText(JSON.stringify(pickAvro(JSON.parse(rawSchema)))).slice(1, -1)
}

const AVRO_KEYS: ReadonlySet<string> = new Set([
  ...['type', 'name', 'namespace', 'fields', 'items', 'symbols', 'logicalType', 'default'],
])

function pickAvro(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pickAvro)
  if (!isObject(value)) return value
  const kept = Object.entries(value).filter(([key]) => AVRO_KEYS.has(key))
  return Object.fromEntries(
    kept.map(([key, one]) => [key, key === 'default' ? one : pickAvro(one)]),
  )
}

/** Flink's type for a type of Avro, as its converter makes it: NOT NULL inside lists too. */
function printAvroType(given: AvroNode): string {
  const { node, isNullable } = unwrapOptional(given)
  return isNullable ? printRequired(node) : `${printRequired(node)} NOT NULL`
}

function printRequired(node: AvroNode): string {
  switch (node.kind) {
    case 'boolean':
      return 'BOOLEAN'
    case 'int':
      return node.logical === 'date' ? 'DATE' : 'INT'
    case 'long':
      return node.logical === 'timestamp-millis' ? 'TIMESTAMP(3)' : 'BIGINT'
    case 'float':
      return 'FLOAT'
    case 'double':
      return 'DOUBLE'
    case 'array':
      return `ARRAY<${printAvroType(node.items)}>`
    case 'record': {
      const fields = node.fields.map((one) => `${quoteName(one.name)} ${printAvroType(one.type)}`)
      return `ROW<${fields.join(', ')}>`
    }
    default:
      return 'STRING' // text, and enums; the contract has no others
  }
}
