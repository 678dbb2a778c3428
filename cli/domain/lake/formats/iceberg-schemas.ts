/**
 * Iceberg's names of types, and the Avro schemas of its manifests and lists of manifests: version 2
 * of https://iceberg.apache.org/spec/, with the fields that it requires and those written here.
 */

import { displayType } from '../../sql/types.ts'
import { unknownType } from './columns.ts'
import type { FieldType, OpenField } from './open-lake.ts'

const SIMPLE: Readonly<Record<string, string>> = {
  BOOLEAN: 'boolean',
  INTEGER: 'int',
  BIGINT: 'long',
  DOUBLE: 'double',
  // As DuckDB stores it in Parquet.
  HUGEINT: 'double',
  VARCHAR: 'string',
  DATE: 'date',
  TIMESTAMP: 'timestamp',
}

/** A type in Iceberg's JSON. CCS_OPEN_LAKE_TYPE for one that it does not have. */
export function icebergType(type: FieldType): unknown {
  if (type.is === 'LIST')
    return {
      type: 'list',
      'element-id': type.of.id,
      'element-required': false,
      element: icebergType(type.of.type),
    }
  if (type.is === 'STRUCT') return { type: 'struct', fields: type.fields.map(icebergField) }
  if (type.is === 'DECIMAL') return `decimal(${type.width}, ${type.scale})`
  const name = SIMPLE[type.is]
  if (name === undefined) throw unknownType(displayType(type), 'Iceberg')
  return name
}

/** A field in Iceberg's JSON. */
export function icebergField({ id, name, type }: OpenField) {
  return { id, name, required: false, type: icebergType(type) }
}

/** By which names readers find the fields in files without ids. */
export function nameMapping(fields: readonly OpenField[]): unknown {
  return fields.map(({ id, name, type }) => {
    const inner = type.is === 'LIST' ? [type.of] : type.is === 'STRUCT' ? type.fields : undefined
    return { 'field-id': id, names: [name], ...(inner ? { fields: nameMapping(inner) } : {}) }
  })
}

const PARTITION_ID = 1000

/** By what a table is partitioned; no column: not at all. */
export function partitionSpec(column: OpenField | undefined) {
  const source = column && { 'source-id': column.id, 'field-id': PARTITION_ID }
  return column ? [{ name: column.name, transform: 'identity', ...source }] : []
}

function optional(name: string, type: unknown, id: number) {
  return { name, type: ['null', type], default: null, 'field-id': id }
}

function required(name: string, type: unknown, id: number) {
  return { name, type, 'field-id': id }
}

/** Maps by field id are arrays of pairs, since Avro's maps have keys of text. */
function byField(valueType: string, key: number, value: number) {
  const fields = [required('key', 'int', key), required('value', valueType, value)]
  const items = { type: 'record', name: `k${key}_v${value}`, fields }
  return { type: 'array', logicalType: 'map', items }
}

/** Of an entry of a manifest; `partition`: the column that the table is partitioned by. */
export function entrySchema(partition: OpenField | undefined) {
  const value = partition && optional(partition.name, avroPartition(partition), PARTITION_ID)
  const dataFile = [
    required('content', 'int', 134),
    required('file_path', 'string', 100),
    required('file_format', 'string', 101),
    required('partition', { type: 'record', name: 'r102', fields: value ? [value] : [] }, 102),
    required('record_count', 'long', 103),
    required('file_size_in_bytes', 'long', 104),
    optional('null_value_counts', byField('long', 121, 122), 110),
    optional('lower_bounds', byField('bytes', 126, 127), 125),
    optional('upper_bounds', byField('bytes', 129, 130), 128),
  ]
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      required('status', 'int', 0),
      optional('snapshot_id', 'long', 1),
      optional('sequence_number', 'long', 3),
      optional('file_sequence_number', 'long', 4),
      required('data_file', { type: 'record', name: 'r2', fields: dataFile }, 2),
    ],
  }
}

function avroPartition({ type }: OpenField): unknown {
  if (type.is === 'DATE') return { type: 'int', logicalType: 'date' }
  if (type.is === 'VARCHAR') return 'string'
  if (type.is === 'INTEGER') return 'int'
  if (type.is === 'BIGINT') return 'long'
  throw unknownType(displayType(type as Exclude<FieldType, { is: 'LIST' | 'STRUCT' }>), 'A folder')
}

const COUNTS = [
  ['added', 504, 512],
  ['existing', 505, 513],
  ['deleted', 506, 514],
] as const

/** Of a list of manifests. */
export const LIST_SCHEMA = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    required('manifest_path', 'string', 500),
    required('manifest_length', 'long', 501),
    required('partition_spec_id', 'int', 502),
    required('content', 'int', 517),
    required('sequence_number', 'long', 515),
    required('min_sequence_number', 'long', 516),
    required('added_snapshot_id', 'long', 503),
    ...COUNTS.map(([name, id]) => required(`${name}_files_count`, 'int', id)),
    ...COUNTS.map(([name, , id]) => required(`${name}_rows_count`, 'long', id)),
  ],
}
