/** Makes a commit of the lake the newest snapshot, and forgets those that are older than wanted. */
import type { LakeFile, Manifest } from '../manifest.ts'
import { addColumns } from './columns.ts'
import {
  type FileFacts,
  type IcebergTable,
  isLive,
  OPEN_LAKE_FORMAT,
  type OpenFile,
  type OpenLake,
  type OpenSnapshot,
  type OpenTable,
} from './open-lake.ts'

/** The commit and when it is published. */
export interface NextSnapshot {
  readonly manifest: Pick<Manifest, 'files' | 'serial' | 'generation' | 'committedMs'>
  /** By name, of the files that were not published before. */
  readonly facts: ReadonlyMap<string, FileFacts>
  readonly nowMs: number
  readonly newUuid: () => string
}

/** What was never published. */
export const EMPTY_OPEN_LAKE: OpenLake = {
  format: OPEN_LAKE_FORMAT,
  nextSnapshot: 1,
  nextTable: 1,
  nextFile: 0,
  schemas: [],
  snapshots: [],
  tables: [],
}

/** Files of a manifest that no table has yet. */
export function listNewFiles(
  lake: OpenLake,
  { files }: Pick<Manifest, 'files'>,
): readonly LakeFile[] {
  const known = new Set(
    lake.tables.flatMap((table) =>
      table.files.filter(isLive).map(({ name }) => `${table.name} ${name}`),
    ),
  )
  return files.filter(({ table, name }) => !known.has(`${table} ${name}`))
}

/** The lake with the commit as its newest snapshot. */
export function addSnapshot(lake: OpenLake, next: NextSnapshot): OpenLake {
  const { manifest, nowMs, newUuid } = next
  const snapshot = lake.nextSnapshot
  const counters = { table: lake.nextTable, file: lake.nextFile }
  const byTable = groupByTable(manifest.files)
  const schemas = [...lake.schemas]
  for (const name of byTable.keys()) {
    const schema = name.slice(0, name.indexOf('.'))
    if (schemas.every((one) => one.name !== schema))
      schemas.push({ name: schema, id: counters.table++, uuid: newUuid() })
  }
  const tables: OpenTable[] = []
  for (const table of lake.tables) {
    const files = isLive(table) ? byTable.get(table.name) : undefined
    if (!isLive(table)) tables.push(table)
    else if (files === undefined) tables.push(endTable(table, snapshot))
    else {
      const changed = changeTable(table, files, next, snapshot, counters)
      tables.push(changed ?? endTable(table, snapshot))
      if (changed) byTable.delete(table.name)
    }
  }
  for (const [name, files] of byTable) {
    const empty = { id: counters.table++, uuid: newUuid(), name, begin: snapshot }
    const fields = { columns: [], lastFieldId: 0, files: [] }
    const made = changeTable({ ...empty, ...fields }, files, next, snapshot, counters)
    if (made) tables.push(made)
  }
  return {
    ...lake,
    nextSnapshot: snapshot + 1,
    nextTable: counters.table,
    nextFile: counters.file,
    schemas,
    snapshots: [
      ...lake.snapshots,
      {
        id: snapshot,
        serial: manifest.serial,
        generation: manifest.generation,
        committedMs: manifest.committedMs,
        publishedMs: nowMs,
        schemaVersion: nextSchemaVersion(lake, tables, snapshot),
      },
    ],
    tables,
  }
}

function groupByTable(files: readonly LakeFile[]): Map<string, LakeFile[]> {
  const groups = new Map<string, LakeFile[]>()
  for (const file of files) {
    const group = groups.get(file.table)
    if (group) group.push(file)
    else groups.set(file.table, [file])
  }
  return groups
}

/** undefined: its columns have other types than before. */
function changeTable(
  table: OpenTable,
  files: readonly LakeFile[],
  { facts }: NextSnapshot,
  snapshot: number,
  counters: { file: number },
): OpenTable | undefined {
  const live = new Map(table.files.filter(isLive).map((file) => [file.name, file]))
  let fields: Pick<OpenTable, 'columns' | 'lastFieldId'> = table
  const added: OpenFile[] = []
  for (const file of files) {
    const known = facts.get(file.name)
    if (live.delete(file.name) || known === undefined) continue
    const wider = addColumns(fields, known.columns, snapshot)
    if (wider === undefined) return undefined
    fields = wider
    const { partition, name, rows, bytes } = file
    const { footerBytes, bounds } = known
    const id = counters.file++
    added.push({ id, partition, name, rows, bytes, footerBytes, bounds, begin: snapshot })
  }
  const kept = table.files.map((file) =>
    isLive(file) && live.has(file.name) ? { ...file, end: snapshot } : file,
  )
  const partition = files[0]?.partition ?? ''
  const by = partition === '' ? {} : { partitionedBy: partition.slice(0, partition.indexOf('=')) }
  return { ...table, ...by, ...fields, files: [...kept, ...added] }
}

function endTable(table: OpenTable, snapshot: number): OpenTable {
  const files = table.files.map((file) => ({ ...file, end: file.end ?? snapshot }))
  return { ...table, files, end: snapshot }
}

function nextSchemaVersion(lake: OpenLake, tables: readonly OpenTable[], snapshot: number): number {
  const before = lake.snapshots.at(-1)?.schemaVersion ?? 0
  const ids = new Map(lake.tables.map((table) => [table.id, table]))
  const hasChanged = tables.some((table) => {
    const old = ids.get(table.id)
    return old === undefined || old.lastFieldId !== table.lastFieldId || table.end === snapshot
  })
  return hasChanged ? before + 1 : before
}

/** The lake without snapshots that were published before `beforeMs`; the newest stays. */
export function forgetSnapshots(lake: OpenLake, beforeMs: number): OpenLake {
  const newest = lake.snapshots.at(-1)
  const snapshots = lake.snapshots.filter(
    (one: OpenSnapshot) => one === newest || one.publishedMs >= beforeMs,
  )
  const oldest = snapshots[0]?.id ?? 0
  const isLeft = lastsBeyond(oldest)
  const tables = lake.tables.filter(isLeft).map((table) => {
    const { iceberg } = table
    const left = iceberg && forgetIceberg(iceberg, oldest)
    // A file that Iceberg was shown is needed until Iceberg was told that it is gone.
    const listed = new Set(left?.manifests.flatMap((one) => one.files))
    const files = table.files.filter((file) => isLeft(file) || listed.has(file.id))
    return { ...table, files, ...(left ? { iceberg: left } : {}) }
  })
  return { ...lake, snapshots, tables }
}

/** Whether something is in this snapshot of those that it began before, or in a later one. */
function lastsBeyond(snapshot: number) {
  return ({ end }: { readonly end?: number }) => end === undefined || end > snapshot
}

/** The newest one that a snapshot `oldest` of the lake shows stays, with what came later. */
function forgetIceberg(iceberg: IcebergTable, oldest: number): IcebergTable {
  const snapshots = iceberg.snapshots.filter(
    (_, index, all) => (all[index + 1]?.snapshot ?? Number.POSITIVE_INFINITY) > oldest,
  )
  const first = snapshots[0]?.snapshot ?? oldest
  const manifests = iceberg.manifests.filter(lastsBeyond(first))
  return { ...iceberg, snapshots, manifests }
}
