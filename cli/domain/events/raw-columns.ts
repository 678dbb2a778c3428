/** The table raw.events as SQL models see it: the contract's fields, and where each record came from. */
import { type AvroNode, parseRecordSchema, unwrapOptional } from '../avro/schema.ts'
import { CcsError } from '../kernel/errors.ts'
import { RAW_TOPIC } from '../log/topics.ts'

export interface RawEventsTable {
  /** Names and DuckDB's types, in order; enumerations are text. */
  readonly rawColumns: readonly { readonly name: string; readonly type: string }[]
  /** Greatest number of elements that the contract admits in a list. */
  readonly itemsMax: number
}

/** Reads the Avro text of events.raw. Throws CCS_SCHEMA_INVALID for a type that SQL models can't have. */
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
