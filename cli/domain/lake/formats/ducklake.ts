/**
 * The tables of a DuckLake catalogue, version 1.0, and their rows for an open lake:
 * https://ducklake.select/docs/stable/specification/
 */
import { displayType } from '../../sql/types.ts'
import { innerFields, listVersions, unknownType } from './columns.ts'
import {
  countFiles,
  type FieldType,
  isLive,
  type OpenField,
  type OpenLake,
  type OpenTable,
} from './open-lake.ts'

/** Columns of each table of the catalogue. */
const TABLES = {
  metadata: '"key" VARCHAR NOT NULL, "value" VARCHAR NOT NULL, "scope" VARCHAR, scope_id BIGINT',
  snapshot:
    'snapshot_id BIGINT PRIMARY KEY, snapshot_time TIMESTAMPTZ, schema_version BIGINT, ' +
    'next_catalog_id BIGINT, next_file_id BIGINT',
  snapshot_changes:
    'snapshot_id BIGINT PRIMARY KEY, changes_made VARCHAR, author VARCHAR, ' +
    'commit_message VARCHAR, commit_extra_info VARCHAR',
  schema:
    'schema_id BIGINT PRIMARY KEY, schema_uuid UUID, begin_snapshot BIGINT, ' +
    'end_snapshot BIGINT, schema_name VARCHAR, path VARCHAR, path_is_relative BOOLEAN',
  schema_versions: 'begin_snapshot BIGINT, schema_version BIGINT, table_id BIGINT',
  table:
    'table_id BIGINT, table_uuid UUID, begin_snapshot BIGINT, end_snapshot BIGINT, ' +
    'schema_id BIGINT, table_name VARCHAR, path VARCHAR, path_is_relative BOOLEAN',
  column:
    'column_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, table_id BIGINT, ' +
    'column_order BIGINT, column_name VARCHAR, column_type VARCHAR, initial_default VARCHAR, ' +
    'default_value VARCHAR, nulls_allowed BOOLEAN, parent_column BIGINT, ' +
    'default_value_type VARCHAR, default_value_dialect VARCHAR',
  column_mapping: 'mapping_id BIGINT, table_id BIGINT, "type" VARCHAR',
  name_mapping:
    'mapping_id BIGINT, column_id BIGINT, source_name VARCHAR, target_field_id BIGINT, ' +
    'parent_column BIGINT, is_partition BOOLEAN',
  partition_info:
    'partition_id BIGINT, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT',
  partition_column:
    'partition_id BIGINT, table_id BIGINT, partition_key_index BIGINT, column_id BIGINT, ' +
    '"transform" VARCHAR',
  data_file:
    'data_file_id BIGINT PRIMARY KEY, table_id BIGINT, begin_snapshot BIGINT, ' +
    'end_snapshot BIGINT, file_order BIGINT, path VARCHAR, path_is_relative BOOLEAN, ' +
    'file_format VARCHAR, record_count BIGINT, file_size_bytes BIGINT, footer_size BIGINT, ' +
    'row_id_start BIGINT, partition_id BIGINT, encryption_key VARCHAR, mapping_id BIGINT, ' +
    'partial_max BIGINT',
  file_partition_value:
    'data_file_id BIGINT, table_id BIGINT, partition_key_index BIGINT, partition_value VARCHAR',
  file_column_stats:
    'data_file_id BIGINT, table_id BIGINT, column_id BIGINT, column_size_bytes BIGINT, ' +
    'value_count BIGINT, null_count BIGINT, min_value VARCHAR, max_value VARCHAR, ' +
    'contains_nan BOOLEAN, extra_stats VARCHAR',
  table_stats: 'table_id BIGINT, record_count BIGINT, next_row_id BIGINT, file_size_bytes BIGINT',
  // Empty: ccs has no use for them, and readers expect them.
  column_tag:
    'table_id BIGINT, column_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, ' +
    '"key" VARCHAR, "value" VARCHAR',
  delete_file:
    'delete_file_id BIGINT PRIMARY KEY, table_id BIGINT, begin_snapshot BIGINT, ' +
    'end_snapshot BIGINT, data_file_id BIGINT, path VARCHAR, path_is_relative BOOLEAN, ' +
    'format VARCHAR, delete_count BIGINT, file_size_bytes BIGINT, footer_size BIGINT, ' +
    'encryption_key VARCHAR, partial_max BIGINT',
  file_variant_stats:
    'data_file_id BIGINT, table_id BIGINT, column_id BIGINT, variant_path VARCHAR, ' +
    'shredded_type VARCHAR, column_size_bytes BIGINT, value_count BIGINT, null_count BIGINT, ' +
    'min_value VARCHAR, max_value VARCHAR, contains_nan BOOLEAN, extra_stats VARCHAR',
  files_scheduled_for_deletion:
    'data_file_id BIGINT, path VARCHAR, path_is_relative BOOLEAN, schedule_start TIMESTAMPTZ',
  inlined_data_tables: 'table_id BIGINT, table_name VARCHAR, schema_version BIGINT',
  macro:
    'schema_id BIGINT, macro_id BIGINT, macro_name VARCHAR, begin_snapshot BIGINT, ' +
    'end_snapshot BIGINT',
  macro_impl: 'macro_id BIGINT, impl_id BIGINT, dialect VARCHAR, "sql" VARCHAR, "type" VARCHAR',
  macro_parameters:
    'macro_id BIGINT, impl_id BIGINT, column_id BIGINT, parameter_name VARCHAR, ' +
    'parameter_type VARCHAR, default_value VARCHAR, default_value_type VARCHAR',
  sort_expression:
    'sort_id BIGINT, table_id BIGINT, sort_key_index BIGINT, expression VARCHAR, ' +
    'dialect VARCHAR, sort_direction VARCHAR, null_order VARCHAR',
  sort_info: 'sort_id BIGINT, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT',
  table_column_stats:
    'table_id BIGINT, column_id BIGINT, contains_null BOOLEAN, contains_nan BOOLEAN, ' +
    'min_value VARCHAR, max_value VARCHAR, extra_stats VARCHAR',
  tag:
    'object_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, "key" VARCHAR, ' +
    '"value" VARCHAR',
  view:
    'view_id BIGINT, view_uuid UUID, begin_snapshot BIGINT, end_snapshot BIGINT, ' +
    'schema_id BIGINT, view_name VARCHAR, dialect VARCHAR, "sql" VARCHAR, column_aliases VARCHAR',
} as const

/** Names of its tables, without `ducklake_`. */
export type CatalogTable = keyof typeof TABLES
type Value = string | number | boolean | null
/** Rows in the order of the table's columns. */
export type CatalogRows = ReadonlyMap<CatalogTable, readonly (readonly Value[])[]>

/** Statements that create the tables in the attached database `catalog`. */
export function printCatalogTables(catalog: string): readonly string[] {
  return Object.entries(TABLES).map(
    ([name, columns]) => `CREATE TABLE ${catalog}.ducklake_${name} (${columns})`,
  )
}

const SIMPLE: Readonly<Record<string, string>> = {
  BOOLEAN: 'boolean',
  INTEGER: 'int32',
  BIGINT: 'int64',
  DOUBLE: 'float64',
  // As DuckDB stores it in Parquet.
  HUGEINT: 'float64',
  VARCHAR: 'varchar',
  DATE: 'date',
  TIMESTAMP: 'timestamp',
}

function ducklakeType(type: FieldType): string {
  if (type.is === 'LIST') return 'list'
  if (type.is === 'STRUCT') return 'struct'
  if (type.is === 'DECIMAL') return `decimal(${type.width},${type.scale})`
  const name = SIMPLE[type.is]
  if (name === undefined) throw unknownType(displayType(type), 'DuckLake')
  return name
}

/** All rows of the catalogue; `dataPath`: the folder of the files, absolute, ending in `/`. */
export function listCatalogRows(lake: OpenLake, dataPath: string, uuid: string): CatalogRows {
  const rows = new Map<CatalogTable, Value[][]>()
  const add = (table: CatalogTable, ...values: Value[]) => {
    const list = rows.get(table)
    if (list) list.push(values)
    else rows.set(table, [values])
  }
  for (const [key, value] of [
    ['version', '1.0'],
    ['created_by', 'ccs'],
    ['data_path', dataPath],
    ['encrypted', 'false'],
  ] as const)
    add('metadata', key, value, null, null)
  const catalogIds = lake.nextTable + lake.tables.length
  const time = (ms: number) => new Date(ms).toISOString()
  const first = lake.snapshots[0]
  if (first?.id === 1) {
    add('snapshot', 0, time(first.publishedMs), 0, catalogIds, 0)
    add('snapshot_changes', 0, 'created_schema:"main"', null, null, null)
  }
  for (const { id, publishedMs, schemaVersion, serial } of lake.snapshots) {
    add('snapshot', id, time(publishedMs), schemaVersion, catalogIds, lake.nextFile)
    add('snapshot_changes', id, listChanges(lake, id), 'ccs', `commit ${serial}`, null)
  }
  add('schema', 0, uuid, 0, null, 'main', 'main/', true)
  const schemas = new Map(lake.schemas.map(({ name, id }) => [name, id]))
  for (const schema of lake.schemas)
    add('schema', schema.id, schema.uuid, 1, null, schema.name, `${schema.name}/`, true)
  for (const table of lake.tables) addTable(table, lake, schemas, add)
  return rows
}

type Add = (table: CatalogTable, ...values: Value[]) => void

function addTable(
  table: OpenTable,
  lake: OpenLake,
  schemas: ReadonlyMap<string, number>,
  add: Add,
): void {
  const { id, uuid, begin, end = null, columns, partitionedBy, files } = table
  const [schema = '', name = ''] = table.name.split('.')
  add('table', id, uuid, begin, end, schemas.get(schema) ?? 0, name, `${name}/`, true)
  for (const at of listVersions(columns)) {
    const shown = lake.snapshots.find((one) => one.id >= at) ?? lake.snapshots.at(-1)
    add('schema_versions', at, shown?.schemaVersion ?? 1, id)
  }
  addColumns(table, columns, null, add)
  const by = columns.find((one) => one.name === partitionedBy)
  const partition = by ? lake.nextTable + lake.tables.indexOf(table) : null
  if (by) {
    add('partition_info', partition, id, begin, null)
    add('partition_column', partition, id, 0, by.id, 'identity')
  }
  add('column_mapping', id, id, 'map_by_name')
  addNames(table, columns, null, add)
  let rowId = 0
  for (const file of files) {
    const path = file.partition === '' ? file.name : `${file.partition}/${file.name}`
    add(
      'data_file',
      ...[file.id, id, file.begin, file.end ?? null, null, path, true, 'parquet'],
      ...[file.rows, file.bytes, file.footerBytes, rowId, partition, null, id, null],
    )
    rowId += file.rows
    if (by) {
      const value = file.partition.slice(by.name.length + 1)
      add('file_partition_value', file.id, id, 0, decodeURIComponent(value))
    }
    for (const { column, min, max, nulls } of file.bounds) {
      const field = columns.find((one) => one.name === column)
      const count = file.rows - nulls
      if (field)
        add('file_column_stats', file.id, id, field.id, null, count, nulls, min, max, null, null)
    }
  }
  const live = files.filter(isLive)
  const bytes = live.reduce((total, one) => total + one.bytes, 0)
  add('table_stats', id, countFiles(live).rows, rowId, bytes)
}

function addColumns(
  table: OpenTable,
  fields: readonly OpenField[],
  parent: number | null,
  add: Add,
): void {
  for (const { id, name, type, begin } of fields) {
    const inner = innerFields(type)
    const kind = inner.length > 0 ? '' : 'literal'
    const about = [name, ducklakeType(type), null, 'NULL', true, parent, kind, 'duckdb']
    add('column', id, begin, null, table.id, id, ...about)
    addColumns(table, inner, id, add)
  }
}

/** `column_id` of a mapping is its own number; its parent is one too. */
function addNames(
  table: OpenTable,
  fields: readonly OpenField[],
  parent: number | null,
  add: Add,
): void {
  for (const { id, name, type } of fields) {
    add('name_mapping', table.id, id, name, id, parent, false)
    addNames(table, innerFields(type), id, add)
  }
}

/** As DuckLake words them. */
function listChanges({ tables }: OpenLake, snapshot: number): string {
  const changes = tables.flatMap((table) => {
    const { id, name, begin, end, files } = table
    const quoted = name
      .split('.')
      .map((part) => `"${part}"`)
      .join('.')
    const isNewer = table.columns.some((one) => one.begin === snapshot && begin !== snapshot)
    return [
      ...(begin === snapshot ? [`created_table:${quoted}`] : []),
      ...(isNewer ? [`altered_table:${id}`] : []),
      ...(end === snapshot ? [`dropped_table:${id}`] : []),
      ...(files.some((file) => file.begin === snapshot) ? [`inserted_into_table:${id}`] : []),
      ...(end === undefined && files.some((file) => file.end === snapshot)
        ? [`deleted_from_table:${id}`]
        : []),
    ]
  })
  return changes.join(',')
}
