/**
 * What `open-lake/` of a data directory offers to other programs: the lake's own Parquet files as
 * tables with snapshots, one a published commit. Catalogues of every format are written from this.
 */
import type { LogicalType } from '../../sql/types.ts'

/** Newest version of the file; a reader rejects newer ones. */
export const OPEN_LAKE_FORMAT = 1

type Simple = Exclude<LogicalType, { readonly is: 'LIST' | 'STRUCT' }>

/** A type in which each nested field has an id of its own. */
export type FieldType =
  | Simple
  | { readonly is: 'LIST'; readonly of: OpenField }
  | { readonly is: 'STRUCT'; readonly fields: readonly OpenField[] }

/** A column, or a field within one; readers find it in a file by its name. */
export interface OpenField {
  /** Unique within the table, and never used again. */
  readonly id: number
  readonly name: string
  readonly type: FieldType
  /** Number of the first snapshot that has it. */
  readonly begin: number
}

/** Least and greatest value of a column in a file, as DuckDB prints them, and how many are NULL. */
export interface ColumnBounds {
  readonly column: string
  readonly min: string
  readonly max: string
  readonly nulls: number
}

/** What a file's footer says. */
export interface FileFacts {
  readonly columns: readonly { readonly name: string; readonly type: LogicalType }[]
  readonly footerBytes: number
  /** Of dates, times and whole numbers. */
  readonly bounds: readonly ColumnBounds[]
}

/** A file of a table. */
export interface OpenFile {
  readonly id: number
  /** `event_date=2026-11-22`; '' for a table without partitions. */
  readonly partition: string
  /** File name without directory. */
  readonly name: string
  readonly rows: number
  readonly bytes: number
  readonly footerBytes: number
  readonly bounds: readonly ColumnBounds[]
  /** Number of the first snapshot that has it. */
  readonly begin: number
  /** Number of the first snapshot that has it no more. */
  readonly end?: number
}

/** A manifest of Iceberg: a file that lists data files, live and just removed ones. */
export interface IcebergManifest {
  /** Name in the table's `metadata`. */
  readonly name: string
  readonly bytes: number
  /** Snapshot that wrote it, and the least that added one of its live files. */
  readonly snapshot: number
  readonly minSnapshot: number
  /** Snapshot of the table that no longer lists it. */
  readonly end?: number
  /** Ids of its live files. */
  readonly files: readonly number[]
  readonly added: FileCount
  readonly existing: FileCount
  readonly removed: FileCount
}

/** Files and the rows in them. */
export interface FileCount {
  readonly files: number
  readonly rows: number
}

/** What a snapshot of a table is in Iceberg. */
export interface IcebergSnapshot {
  readonly snapshot: number
  /** Name of its list of manifests. */
  readonly list: string
  readonly timeMs: number
  readonly added: FileCount
  readonly removed: FileCount
}

/** What of a table is needed to write its next version in Iceberg. */
export interface IcebergTable {
  /** Of the metadata file: v<version>.metadata.json. */
  readonly version: number
  /** Those of the newest snapshot, and those that only older ones list. */
  readonly manifests: readonly IcebergManifest[]
  /** Ascending. */
  readonly snapshots: readonly IcebergSnapshot[]
}

/** A table of the lake. */
export interface OpenTable {
  readonly id: number
  readonly uuid: string
  /** Such as `silver.events`. */
  readonly name: string
  readonly begin: number
  /** Number of the first snapshot without it. */
  readonly end?: number
  readonly columns: readonly OpenField[]
  readonly lastFieldId: number
  /** The column that the folders are named after. */
  readonly partitionedBy?: string
  readonly files: readonly OpenFile[]
  readonly iceberg?: IcebergTable
}

/** A published commit. */
export interface OpenSnapshot {
  /** From 1, without gaps. */
  readonly id: number
  readonly serial: number
  readonly generation: number
  readonly committedMs: number
  readonly publishedMs: number
  /** Grows when a table comes, goes or changes its columns. */
  readonly schemaVersion: number
}

/** All of it. */
export interface OpenLake {
  readonly format: typeof OPEN_LAKE_FORMAT
  readonly nextSnapshot: number
  readonly nextTable: number
  readonly nextFile: number
  /** Name of a schema, such as `silver`, with its id and UUID in catalogues. */
  readonly schemas: readonly { readonly name: string; readonly id: number; readonly uuid: string }[]
  /** Ascending; the last is the newest. */
  readonly snapshots: readonly OpenSnapshot[]
  readonly tables: readonly OpenTable[]
}

/** Whether the newest snapshot has it. */
export function isLive({ end }: { readonly end?: number }): boolean {
  return end === undefined
}

/** Files of a table that a snapshot has. */
export function filesAt(table: OpenTable, snapshot: number): readonly OpenFile[] {
  return table.files.filter(
    ({ begin, end }) => begin <= snapshot && (end === undefined || end > snapshot),
  )
}

/** Counts files and their rows. */
export function countFiles(files: readonly OpenFile[]): FileCount {
  return { files: files.length, rows: files.reduce((sum, { rows }) => sum + rows, 0) }
}
