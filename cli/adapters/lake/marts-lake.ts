/**
 * What the published marts were built from: the Silver of their own snapshot, Bronze of the last
 * commit pinned by hard links, and DuckDBs to read them with.
 */
import { makeAuditLogic } from '../../domain/audit/catalog.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import { layOutMarts } from '../../domain/marts/marts.ts'
import type { Logic } from '../../domain/models/logic.ts'
import { isNearDay, listComparedFiles, type SnapshotFile } from '../../domain/reconcile/files.ts'
import {
  type MartsLake,
  martsMissing,
  throwMartsLack,
} from '../../domain/reconcile/run-reconcile.ts'
import { type Duck, openDuck } from '../duckdb/duckdb.ts'
import { type Marts, openMarts } from '../duckdb/published-marts.ts'
import { largeDuck } from '../duckdb/with-duck.ts'
import { withScratch } from '../files/scratch-dir.ts'
import type { Store } from './data-store.ts'
import { EMPTY_FILE, inspectSilver, type SilverToInspect } from './inspect-silver.ts'
import { pinCommit } from './pin-commit.ts'

/** Which marts to read, and how. */
export interface MartsLakeOptions {
  readonly store: Store
  readonly logic: Logic
  readonly timezone: string
  readonly nowMs: number
  /** Only files near this shop day, YYYY-MM-DD. */
  readonly day?: string
  readonly memoryLimitBytes?: number
}

/** Throws CCS_MARTS_MISSING when there are none, or they are of another lake. */
export async function withMartsLake<T>(
  options: MartsLakeOptions,
  use: (lake: MartsLake<Marts>) => Promise<T>,
): Promise<T> {
  const { store, nowMs } = options
  const opened = await openMarts({ dataDir: store.root })
  if (!opened) throw martsMissing('There are no marts yet.')
  const marts: Marts = {
    get info() {
      return opened.info
    },
    query: (sql) => opened.query(sql).catch(throwMartsLack),
    close: () => opened.close(),
  }
  try {
    const manifest = await store.manifests.load()
    if (!manifest) throw martsMissing('Nothing was committed yet.')
    if (manifest.generation !== marts.info.generation)
      throw martsMissing('The marts were built from the lake before it was rebuilt.')
    const place = { parent: `${store.root}/tmp`, name: 'reconcile' }
    return await withScratch(store.files, place, nowMs, (dir) =>
      withPinned(options, { marts, manifest, dir }, use),
    )
  } finally {
    await opened.close()
  }
}

interface OpenedMarts {
  readonly marts: Marts
  readonly manifest: Manifest
  readonly dir: string
}

async function withPinned<T>(
  { store, logic, timezone, day, memoryLimitBytes }: MartsLakeOptions,
  { marts, manifest, dir }: OpenedMarts,
  use: (lake: MartsLake<Marts>) => Promise<T>,
): Promise<T> {
  const pinned = await pinFiles(store, { marts, manifest, dir }, day)
  const auditLogic = makeAuditLogic(logic, { timezone, nowMs: manifest.committedMs })
  const ducks: Duck[] = []
  const openPlain = async () => {
    const duck = await openDuck(largeDuck(`${dir}/spill-${ducks.length}`, memoryLimitBytes))
    ducks.push(duck)
    return duck.connect()
  }
  try {
    const plain = await openPlain()
    const tables = listComparedFiles(pinned)
    const inspect = () => inspectSilver({ ...pinned, store, plain })
    const lake = { marts, manifest, tables, plain, auditLogic, openPlain, inspect }
    return await use(lake).finally(() => plain.close())
  } finally {
    for (const duck of ducks) duck.close()
  }
}

/** The marts' own snapshot, and the last commit; near one day when only that one is compared. */
async function pinFiles(
  store: Store,
  { marts, manifest, dir }: OpenedMarts,
  day: string | undefined,
): Promise<Omit<SilverToInspect, 'store' | 'plain'>> {
  const snapshot = await listSnapshotFiles(store, marts.info.snapshot)
  const pinned = await pinCommit(store, manifest, {
    dir,
    isWanted: ({ table, partition }) =>
      /^(bronze|silver)\./.test(table) && isNearDay(day, partition),
  })
  const bronze = pinned.manifest.files.filter(({ table }) => table.startsWith('bronze.'))
  await store.checked.requireIntact(bronze, ({ name }) => pinned.paths.get(name) ?? '')
  return {
    snapshot: snapshot.filter(
      ({ partition, name }) => name === EMPTY_FILE || isNearDay(day, partition),
    ),
    snapshotDir: `marts/${marts.info.snapshot}`,
    lake: pinned.manifest.files,
    places: pinned.paths,
  }
}

/** Parquet files of the Silver in a snapshot, by its name below marts/. */
export async function listSnapshotFiles(
  { files, root }: Pick<Store, 'files' | 'root'>,
  snapshot: string | null,
): Promise<readonly SnapshotFile[]> {
  const silver = `${layOutMarts(root).root}/${snapshot}/silver`
  const found: SnapshotFile[] = []
  const gone = () => {
    throw martsMissing(`The Silver that the marts were built from is gone: ${silver}.`)
  }
  for (const table of await files.readdir(silver).catch(gone))
    for (const partition of await files.readdir(`${silver}/${table}`)) {
      const dir = `${silver}/${table}/${partition}`
      for (const name of await files.readdir(dir))
        if (name.endsWith('.parquet'))
          found.push({ table: `silver.${table}`, partition, name, path: `${dir}/${name}` })
    }
  return found
}
