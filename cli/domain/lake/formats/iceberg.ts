/**
 * A table's next snapshot in Iceberg, version 2: a manifest of the files that came, manifests
 * without the files that went, the list of all of them, and the table's metadata.
 */
import type { ContainerFile } from '../../avro/object-reader.ts'
import { least } from '../../kernel/lists.ts'
import { fieldsAt, listVersions } from './columns.ts'
import {
  entrySchema,
  icebergField,
  LIST_SCHEMA,
  nameMapping,
  partitionSpec,
} from './iceberg-schemas.ts'
import { boundsById, partitionValue } from './iceberg-values.ts'
import {
  countFiles,
  filesAt,
  type IcebergManifest,
  type IcebergSnapshot,
  type IcebergTable,
  isLive,
  type OpenField,
  type OpenFile,
  type OpenSnapshot,
  type OpenTable,
} from './open-lake.ts'

/** Where a table lies and how its files are written. */
export interface IcebergPlace {
  /** Absolute; of the table's folder with `metadata`. */
  readonly location: string
  /** Absolute path of a data file. */
  readonly pathOf: (file: OpenFile) => string
  /** Ends the names of this attempt's files, so that none of them is ever written twice. */
  readonly attempt: string
  /** Writes a file into `metadata`; resolves to its size. */
  readonly write: (name: string, file: ContainerFile) => Promise<number>
}

/** Manifests that are this many become one. */
const MANIFESTS_MAX = 50
/** A manifest with this many files stays as it is. */
const FILES_MAX = 2_000
const EXISTING = 0
const ADDED = 1
const DELETED = 2

/** Writes what the snapshot changed; the same table if it changed nothing. */
export async function addIcebergSnapshot(
  table: OpenTable,
  { id: snapshot, publishedMs }: OpenSnapshot,
  place: IcebergPlace,
): Promise<OpenTable> {
  const before = table.iceberg ?? { version: 0, manifests: [], snapshots: [] }
  const shown = before.snapshots.at(-1)?.snapshot ?? 0
  const isAfter = (at: number | undefined) => at !== undefined && at > shown
  const isNew = listVersions(table.columns).some(isAfter)
  // Since the table was last shown, files may have come and gone again: nobody ever sees those.
  const live = filesAt(table, snapshot)
  const added = live.filter(({ begin }) => isAfter(begin))
  const listed = new Set(before.manifests.flatMap((one) => (isLive(one) ? one.files : [])))
  const removed = table.files.filter(({ id, end }) => end !== undefined && listed.has(id))
  if (!isNew && added.length === 0 && removed.length === 0 && before.version > 0) return table
  const writer = new ManifestWriter(table, snapshot, place)
  const manifests = await writer.change(before.manifests, added, removed)
  const list = `snap-${snapshot}-${place.attempt}.avro`
  const current = manifests.filter(isLive)
  await place.write(list, listFile(current, snapshot, place.location))
  const made: IcebergSnapshot = {
    ...{ snapshot, list, timeMs: publishedMs },
    ...{ added: countFiles(added), removed: countFiles(removed) },
  }
  const iceberg = { version: before.version + 1, manifests, snapshots: [...before.snapshots, made] }
  return { ...table, iceberg }
}

class ManifestWriter {
  readonly #table: OpenTable
  readonly #snapshot: number
  readonly #place: IcebergPlace
  readonly #partition: OpenField | undefined
  readonly #byId: ReadonlyMap<number, OpenFile>
  #count = 0

  constructor(table: OpenTable, snapshot: number, place: IcebergPlace) {
    this.#table = table
    this.#snapshot = snapshot
    this.#place = place
    this.#partition = findPartition(table)
    this.#byId = new Map(table.files.map((file) => [file.id, file]))
  }

  async change(
    manifests: readonly IcebergManifest[],
    added: readonly OpenFile[],
    removed: readonly OpenFile[],
  ): Promise<readonly IcebergManifest[]> {
    const gone = new Set(removed.map(({ id }) => id))
    const current = manifests.filter(isLive)
    const isSmall = ({ files }: IcebergManifest) => files.length < FILES_MAX
    const isMerging = current.filter(isSmall).length > MANIFESTS_MAX
    const isRewritten = (one: IcebergManifest) =>
      isLive(one) &&
      (one.files.length === 0 ||
        one.files.some((id) => gone.has(id)) ||
        (isMerging && isSmall(one)))
    const rewritten = manifests.filter(isRewritten)
    const kept = rewritten.flatMap(({ files }) => this.#files(files.filter((id) => !gone.has(id))))
    const all = manifests.map((one) => (isRewritten(one) ? { ...one, end: this.#snapshot } : one))
    if (kept.length + removed.length > 0) all.push(await this.#write([], kept, removed))
    if (added.length > 0) all.push(await this.#write(added, [], []))
    return all
  }

  #files(ids: readonly number[]): readonly OpenFile[] {
    return ids.flatMap((id) => this.#byId.get(id) ?? [])
  }

  async #write(
    added: readonly OpenFile[],
    existing: readonly OpenFile[],
    removed: readonly OpenFile[],
  ): Promise<IcebergManifest> {
    const snapshot = this.#snapshot
    const name = `m${snapshot}-${this.#count++}-${this.#place.attempt}.avro`
    const columns = fieldsAt(this.#table.columns, snapshot)
    const spec = partitionSpec(this.#partition)
    const version = schemaId(listVersions(this.#table.columns), snapshot)
    const bytes = await this.#place.write(name, {
      schema: entrySchema(this.#partition),
      header: {
        schema: JSON.stringify(printSchema(columns, version)),
        'schema-id': `${version}`,
        'partition-spec': JSON.stringify(spec),
        'partition-spec-id': '0',
        'format-version': '2',
        content: 'data',
      },
      records: [
        ...added.map((file) => this.#entry(file, ADDED)),
        ...existing.map((file) => this.#entry(file, EXISTING)),
        ...removed.map((file) => this.#entry(file, DELETED)),
      ],
    })
    const live = [...added, ...existing]
    return {
      ...{ name, bytes, snapshot, files: live.map(({ id }) => id) },
      minSnapshot: Math.min(snapshot, least([...live, ...removed].map(({ begin }) => begin))),
      added: countFiles(added),
      existing: countFiles(existing),
      removed: countFiles(removed),
    }
  }

  #entry(file: OpenFile, status: number): object {
    const { columns } = this.#table
    const partition = this.#partition
    const nulls = file.bounds.flatMap(({ column, nulls: value }) => {
      const field = columns.find(({ name }) => name === column)
      return field ? [{ key: field.id, value }] : []
    })
    return {
      status,
      snapshot_id: status === DELETED ? this.#snapshot : file.begin,
      sequence_number: file.begin,
      file_sequence_number: file.begin,
      data_file: {
        content: 0,
        file_path: this.#place.pathOf(file),
        file_format: 'PARQUET',
        partition: partition ? { [partition.name]: partitionValue(partition, file) } : {},
        record_count: file.rows,
        file_size_in_bytes: file.bytes,
        null_value_counts: nulls,
        lower_bounds: boundsById(file.bounds, columns, 'min'),
        upper_bounds: boundsById(file.bounds, columns, 'max'),
      },
    }
  }
}

function findPartition({ columns, partitionedBy }: OpenTable): OpenField | undefined {
  return columns.find(({ name }) => name === partitionedBy)
}

/** Number of the columns' version that a snapshot has. */
function schemaId(versions: readonly number[], snapshot: number): number {
  return versions.filter((begin) => begin <= snapshot).length - 1
}

function printSchema(columns: readonly OpenField[], id: number) {
  return { type: 'struct', 'schema-id': id, fields: columns.map(icebergField) }
}

function listFile(
  manifests: readonly IcebergManifest[],
  snapshot: number,
  location: string,
): ContainerFile {
  return {
    schema: LIST_SCHEMA,
    header: {
      'snapshot-id': `${snapshot}`,
      'sequence-number': `${snapshot}`,
      'format-version': '2',
    },
    records: manifests.map((one) => ({
      manifest_path: `${location}/metadata/${one.name}`,
      manifest_length: one.bytes,
      partition_spec_id: 0,
      content: 0,
      sequence_number: one.snapshot,
      min_sequence_number: one.minSnapshot,
      added_snapshot_id: one.snapshot,
      added_files_count: one.added.files,
      existing_files_count: one.existing.files,
      deleted_files_count: one.removed.files,
      added_rows_count: one.added.rows,
      existing_rows_count: one.existing.rows,
      deleted_rows_count: one.removed.rows,
    })),
  }
}

/** The metadata file of a table that has snapshots. */
export function printIcebergMetadata(
  table: OpenTable,
  iceberg: IcebergTable,
  location: string,
): object {
  const { columns, uuid, lastFieldId } = table
  const versions = listVersions(columns)
  const newest = iceberg.snapshots.at(-1)
  const mapping = JSON.stringify(nameMapping(columns))
  return {
    'format-version': 2,
    'table-uuid': uuid,
    location,
    'last-sequence-number': newest?.snapshot ?? 0,
    'last-updated-ms': newest?.timeMs ?? 0,
    'last-column-id': lastFieldId,
    'current-schema-id': versions.length - 1,
    schemas: versions.map((version, id) => printSchema(fieldsAt(columns, version), id)),
    'default-spec-id': 0,
    'partition-specs': [{ 'spec-id': 0, fields: partitionSpec(findPartition(table)) }],
    'last-partition-id': 1000,
    'default-sort-order-id': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    properties: { 'schema.name-mapping.default': mapping },
    'current-snapshot-id': newest?.snapshot ?? -1,
    refs: newest ? { main: { 'snapshot-id': newest.snapshot, type: 'branch' } } : {},
    snapshots: iceberg.snapshots.map((one, index) =>
      printSnapshot(table, one, { location, parent: iceberg.snapshots[index - 1], versions }),
    ),
    'snapshot-log': iceberg.snapshots.map(({ snapshot, timeMs }) => {
      return { 'snapshot-id': snapshot, 'timestamp-ms': timeMs }
    }),
    'metadata-log': [],
  }
}

function printSnapshot(
  table: OpenTable,
  { snapshot, list, timeMs, added, removed }: IcebergSnapshot,
  more: {
    readonly location: string
    readonly parent: IcebergSnapshot | undefined
    readonly versions: readonly number[]
  },
): object {
  const { location, parent, versions } = more
  const total = countFiles(filesAt(table, snapshot))
  const isSame = added.rows === removed.rows
  return {
    'snapshot-id': snapshot,
    ...(parent ? { 'parent-snapshot-id': parent.snapshot } : {}),
    'sequence-number': snapshot,
    'timestamp-ms': timeMs,
    'manifest-list': `${location}/metadata/${list}`,
    'schema-id': schemaId(versions, snapshot),
    summary: {
      operation: removed.files === 0 ? 'append' : isSame ? 'replace' : 'overwrite',
      'added-data-files': `${added.files}`,
      'added-records': `${added.rows}`,
      'deleted-data-files': `${removed.files}`,
      'deleted-records': `${removed.rows}`,
      'total-data-files': `${total.files}`,
      'total-records': `${total.rows}`,
    },
  }
}
