/** `ccs load redshift`: from the manifest of the lake's copy to rows in the warehouse. */

import type { Clock } from '../kernel/clock.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import {
  COPY_FOLDERS,
  COPY_MANIFEST,
  type CopyManifest,
  parseCopyManifest,
} from '../lake/s3/copy-manifest.ts'
import { listBelow, type ObjectStore, wholeBody } from '../lake/s3/object-store.ts'
import type { DuckColumn } from '../models/bind-models.ts'
import { describeFileFaults, type FoundFile, type FoundFiles } from './check-files.ts'
import { listStages, loadGroup, pickFiles, readLedgerRow } from './load-group.ts'
import { type LoadGroup, type LoadPlan, listFiles, planLoad } from './load-plan.ts'
import {
  LEDGER,
  prepareWarehouse,
  removeDays,
  renderFileList,
  type Stage,
  selectLedger,
} from './load-statements.ts'
import { createEmptyTable, readStoredTable, selectColumns } from './table-columns.ts'
import type { FooterReader, Warehouse } from './warehouse.ts'
import { displayTable, findWarehouseTable, type WarehouseSchemas } from './warehouse-table.ts'

/** Lists of files for COPY lie below this, each while the load that wrote it runs. */
const LISTS = 'load/'

/** A list that is older was left by a load that was killed: none takes so long. */
const LIST_MS = 86_400_000

/** What a load stands on. */
export interface LoadParts {
  readonly store: ObjectStore
  readonly footers: FooterReader
  readonly clock: Clock
  /** CRC-32 of bytes. */
  readonly crc32: (bytes: Uint8Array) => number
  readonly schemas: WarehouseSchemas
  /** Tables of the lake, also those without a row yet, and their columns with types of DuckDB. */
  readonly describeTables: () => Promise<ReadonlyMap<string, readonly DuckColumn[]>>
}

/** How a load goes. */
export interface LoadOptions {
  readonly day?: string | undefined
  readonly isTakenOver?: boolean
  readonly role: string
  readonly ccsVersion: string
  /** Told apart from other loads by it. */
  readonly runId: string
  readonly onProgress: (done: number, total: number) => void
}

/** What was loaded of one table. */
export interface LoadedTable {
  readonly table: string
  readonly days: number
  readonly removedDays: number
  readonly files: number
  readonly rows: number
}

/** The document of `ccs load redshift`. */
export interface LoadResult {
  readonly address: string
  /** Of the commit that the copy shows. */
  readonly serial: number
  readonly tables: readonly LoadedTable[]
  readonly unchangedDays: number
  /** Table and day: on S3 otherwise than in the warehouse, and not loaded by this run. */
  readonly notLoaded: readonly string[]
  /** Folders on S3 with files that no commit names: they are not part of the lake. */
  readonly strangeFolders: readonly string[]
}

/** The manifest of the copy. CCS_S3_INVALID: there is none. */
export async function readManifest(store: ObjectStore): Promise<CopyManifest> {
  const found = await store.load(COPY_MANIFEST)
  if (found) return parseCopyManifest(found.body, store.address)
  throw new CcsError('CCS_S3_INVALID', `${store.address} has no copy of the lake yet.`, {
    hint: 'Upload it: ccs lake push',
  })
}

/** What has to be loaded. Makes schemas, ledger and tables where they are missing, if it may. */
export async function readLoadPlan(
  { schemas, describeTables }: LoadParts,
  warehouse: Warehouse,
  manifest: CopyManifest,
  options: Pick<LoadOptions, 'day' | 'isTakenOver'> & { readonly mayPrepare: boolean },
): Promise<LoadPlan> {
  const { mayPrepare } = options
  const isThere = async (table: { readonly schema: string; readonly name: string }) =>
    readStoredTable(await warehouse.run(selectColumns(table))) !== undefined
  if (mayPrepare) for (const one of prepareWarehouse(schemas)) await warehouse.run(one)
  const hasLedger = mayPrepare || (await isThere({ schema: schemas.raw, name: LEDGER }))
  const rows = hasLedger ? await warehouse.run(selectLedger(schemas)) : []
  const ledger = rows.map(readLedgerRow)
  const known = await describeTables()
  const present = new Set<string>()
  for (const source of new Set([...known.keys(), ...ledger.map((row) => row.source)])) {
    const table = findWarehouseTable(source, schemas)
    if (!table) continue
    if (await isThere(table)) present.add(source)
    else if (mayPrepare)
      for (const one of createEmptyTable(table, known.get(source) ?? [])) await warehouse.run(one)
  }
  return planLoad({ ...options, manifest, schemas, present, ledger })
}

/** Loads what the plan says, and tells what is left. */
export async function runLoad(
  parts: LoadParts,
  warehouse: Warehouse,
  options: LoadOptions,
): Promise<LoadResult> {
  const { store, schemas, clock } = parts
  const { role, ccsVersion } = options
  const manifest = await readManifest(store)
  const plan = await readLoadPlan(parts, warehouse, manifest, { ...options, mayPrepare: true })
  const found = await readFooters(parts.footers, plan.groups)
  throwAll(findFaults(plan.groups, found))
  const loadedMs = clock.nowMs()
  await removeOldLists(store, loadedMs)
  const { lake, generation, serial } = manifest
  const origin = { lake, generation, serial, ccsVersion, loadedMs }
  const loaded = new Map<string, LoadedTable>()
  const add = (table: string, more: Partial<LoadedTable>) => {
    const none = { table, days: 0, removedDays: 0, files: 0, rows: 0 }
    const old = loaded.get(table) ?? none
    loaded.set(table, {
      table,
      days: old.days + (more.days ?? 0),
      removedDays: old.removedDays + (more.removedDays ?? 0),
      files: old.files + (more.files ?? 0),
      rows: old.rows + (more.rows ?? 0),
    })
  }
  let done = 0
  for (const group of plan.groups) {
    const files = pickFiles(group, found)
    const stages = listStages(files)
    const lists: string[] = []
    const writeList = async (stage: Stage) => {
      const key = `${LISTS}${loadedMs}-${options.runId}-${displayTable(group.table)}-${stage.name}`
      lists.push(key)
      const list = Buffer.from(renderFileList(stage.files, store.address))
      await store.write(key, wholeBody(list, parts.crc32(list)))
      return `${store.address}/${key}`
    }
    const context = { warehouse, schemas, role, manifest, origin, writeList }
    const isLoaded = await loadGroup(group, stages, context)
    for (const key of lists) await store.remove(key)
    options.onProgress(++done, plan.groups.length)
    const rows = group.days.reduce((sum, day) => sum + day.rows, 0)
    if (isLoaded)
      add(displayTable(group.table), { days: group.days.length, files: files.length, rows })
  }
  for (const { table, days } of plan.removals) {
    for (const statement of removeDays(schemas, table, days)) await warehouse.run(statement)
    add(displayTable(table), { removedDays: days.length })
  }
  return {
    ...{ address: store.address, serial, unchangedDays: plan.unchangedDays },
    tables: [...loaded.values()],
    notLoaded: plan.otherDays,
    strangeFolders: await findStrangeFolders(store, manifest, schemas),
  }
}

/** Whether the files that would be loaded can be. */
export async function checkFiles(
  parts: LoadParts,
  manifest: CopyManifest,
  options: Pick<LoadOptions, 'day'>,
): Promise<{ readonly files: number; readonly faults: readonly CcsError[] }> {
  const { schemas } = parts
  const present = new Set<string>()
  const plan = planLoad({ ...options, manifest, schemas, present, ledger: [] })
  const found = await readFooters(parts.footers, plan.groups)
  return { files: found.size, faults: findFaults(plan.groups, found) }
}

/** Of all files of the groups, some at a time. */
export async function readFooters(
  footers: FooterReader,
  groups: readonly LoadGroup[],
): Promise<FoundFiles> {
  const files = groups.flatMap(listFiles)
  const found = new Map<string, FoundFile>()
  const AT_A_TIME = 8
  for (let at = 0; at < files.length; at += AT_A_TIME)
    for (const one of await Promise.all(
      files.slice(at, at + AT_A_TIME).map((file) => footers.read(file)),
    ))
      found.set(one.file.key, one)
  return found
}

function findFaults(groups: readonly LoadGroup[], found: FoundFiles): readonly CcsError[] {
  return groups.flatMap((group) => describeFileFaults(group.table, pickFiles(group, found)))
}

/** Lists of loads that were killed; those of another load that runs stay. */
async function removeOldLists(store: ObjectStore, nowMs: number): Promise<void> {
  for (const { key } of await store.list(LISTS)) {
    const writtenMs = Number.parseInt(key.slice(LISTS.length), 10)
    if (nowMs - writtenMs > LIST_MS) await store.remove(key)
  }
}

/** Folders of loaded tables with files, none of which any commit names or has named. */
async function findStrangeFolders(
  store: ObjectStore,
  manifest: CopyManifest,
  schemas: WarehouseSchemas,
): Promise<readonly string[]> {
  const folderOf = (key: string) => key.slice(0, key.lastIndexOf('/'))
  const known = new Set([...manifest.files, ...manifest.replaced].map(({ key }) => folderOf(key)))
  const objects = await listBelow(store, COPY_FOLDERS, (call) => call())
  const folders = new Set(objects.map(({ key }) => folderOf(key)))
  return [...folders]
    .filter((folder) => {
      const [layer = '', name = ''] = folder.split('/')
      return !known.has(folder) && findWarehouseTable(`${layer}.${name}`, schemas) !== undefined
    })
    .sort()
}
