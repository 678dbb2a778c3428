/**
 * The table raw.events that SQL models read: the contract's fields, and where each record comes
 * from.
 */
import { type AvroNode, parseRecordSchema, unwrapOptional } from '../avro/schema.ts'
import { CcsError } from '../kernel/errors.ts'
import { RAW_TOPIC } from '../log/topics.ts'

/** What engines need to build the table. */
export interface RawEventsTable {
  /** Columns in order, with DuckDB's types; enums are text. */
  readonly rawColumns: readonly { readonly name: string; readonly type: string }[]
  /** Most elements that the contract allows in a list; 0 if it sets no bound. */
  readonly itemsMax: number
}

/**
 * Derives the columns from the Avro schema of events.raw. Throws CCS_SCHEMA_INVALID for other
 * types.
 */
export function deriveRawColumns(schema: string): RawEventsTable {
  const { fields } = parseRecordSchema(schema, RAW_TOPIC)
  return {
    rawColumns: [
      ...fields.map((one) => ({ name: one.name, type: sqlType(one.name, one.type) })),
      { name: 'topic', type: 'VARCHAR' },
      { name: 'partition', type: 'INTEGER' },
      { name: 'offset', type: 'BIGINT' },
      { name: 'ingest_time', type: 'TIMESTAMP' },
      { name: 'late_ms', type: 'BIGINT' },
    ],
    itemsMax: Math.max(0, ...fields.map((one) => one.rules.maxItems ?? 0)),
  }
}

function sqlType(name: string, given: AvroNode): string {
  const { node } = unwrapOptional(given)
  switch (node.kind) {
    case 'string':
    case 'enum':
      return 'VARCHAR'
    case 'boolean':
      return 'BOOLEAN'
    case 'int':
      return node.logical === 'date' ? 'DATE' : 'INTEGER'
    case 'long':
      return node.logical === 'timestamp-millis' ? 'TIMESTAMP' : 'BIGINT'
    case 'float':
    case 'double':
      return 'DOUBLE'
    case 'array':
      return `${sqlType(name, node.items)}[]`
    case 'record': {
      const fields = node.fields.map((one) => `"${one.name}" ${sqlType(one.name, one.type)}`)
      return `STRUCT(${fields.join(', ')})`
    }
    default:
      throw new CcsError(
        'CCS_SCHEMA_INVALID',
        `Field '${name}' has no column type in SQL models.`,
        {
          hint: 'Use string, enum, boolean, int, long, float, double, or an array of records.',
        },
      )
  }
}
