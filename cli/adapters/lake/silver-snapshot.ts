/**
 * The snapshot that dbt reads: committed Silver as hard links, and for each Silver table an empty
 * Parquet file with its columns, so that a table without rows exists too.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { quoteText } from '../../domain/kernel/sql-text.ts'
import { EMPTY_MANIFEST } from '../../domain/lake/empty-manifest.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import { layOutMarts, readWatermark } from '../../domain/marts/marts.ts'
import type { SilverSnapshot } from '../../domain/marts/run-dbt.ts'
import { findWatermarkDelay, type Logic } from '../../domain/models/logic.ts'
import type { Store } from './data-store.ts'

const NAME = /^snapshot-(\d+)$/
const ROUNDS_MAX = 5
/** Describes a snapshot; written last, so a snapshot with it is complete. */
const NOTE = 'snapshot.json'

/** What a snapshot is made for. */
export interface SilverOptions {
  readonly logic: Logic
  readonly timezone: string
  /** Hash of what the marts depend on. */
  readonly hash: string
}

/** Links the current commit's Silver into a new directory. */
export async function takeSilverSnapshot(
  store: Store,
  options: SilverOptions,
): Promise<SilverSnapshot> {
  const { linkSilver } = await import('./link-silver.ts')
  const { files, root } = store
  const marts = layOutMarts(root)
  await files.mkdir(marts.root)
  const name = `snapshot-${Math.max(0, ...(await listSnapshotNumbers(root))) + 1}`
  const dir = `${marts.root}/${name}`
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const manifest = (await store.manifests.load()) ?? { ...EMPTY_MANIFEST, generation: 0 }
    const paths = await store.lake.locate(manifest)
    await requireSilver(store, manifest, paths)
    const tables = await linkSilver({ files, manifest, paths, dir })
    if (!tables) continue
    await writeEmptyTables(store, dir, options)
    const delayMs = findWatermarkDelay(options.logic)
    const { serial, generation } = manifest
    const snapshot: SilverSnapshot = {
      dir,
      name,
      serial,
      generation,
      committedMs: serial === 0 ? null : manifest.committedMs,
      watermarkMs: readWatermark(manifest, delayMs),
      input: { format: 1, generation, logic: options.hash, tables },
    }
    await files.writeFile(`${dir}/${NOTE}`, Buffer.from(JSON.stringify(snapshot)))
    return snapshot
  }
  throw new CcsError('CCS_LAKE_DAMAGED', `Files that ${root}/manifest.json names are missing.`, {
    exit: EXIT.unexpected,
    hint: 'See: ccs lake verify',
  })
}

/** Throws CCS_LAKE_DAMAGED unless the Silver that dbt will read is as it was written. */
async function requireSilver(
  { checked, manifests }: Store,
  manifest: Manifest,
  paths: ReadonlyMap<string, string>,
): Promise<void> {
  const silver = manifest.files.filter(({ table }) => table.startsWith('silver.'))
  try {
    await checked.requireIntact(silver, ({ name }) => paths.get(name) ?? '')
    await checked.saveMarks()
  } catch (error) {
    // Files of a manifest that was replaced meanwhile may be gone.
    if ((await manifests.load())?.serial === manifest.serial) throw error
  }
}

/** The newest complete snapshot; undefined if there is none. */
export async function readLastSnapshot(store: Store): Promise<SilverSnapshot | undefined> {
  const newest = Math.max(0, ...(await listSnapshotNumbers(store.root)))
  const note = `${layOutMarts(store.root).root}/snapshot-${newest}/${NOTE}`
  if (newest === 0 || !existsSync(note)) return undefined
  return JSON.parse(await readFile(note, 'utf8')) as SilverSnapshot // written by takeSilver
}

/** Removes all snapshots but these, and points `marts/snapshot` to the first. */
export async function removeSnapshots(store: Store, names: readonly string[]): Promise<void> {
  const { files, root } = store
  const marts = layOutMarts(root)
  const [first] = names
  if (first !== undefined) {
    await files.remove(`${marts.link}.tmp`)
    await files.symlink(first, `${marts.link}.tmp`)
    await files.rename(`${marts.link}.tmp`, marts.link)
  }
  for (const number of await listSnapshotNumbers(root))
    if (!names.includes(`snapshot-${number}`))
      await files.remove(`${marts.root}/snapshot-${number}`)
}

async function listSnapshotNumbers(root: string): Promise<readonly number[]> {
  const dir = layOutMarts(root).root
  const names = existsSync(dir) ? await readdir(dir) : []
  return names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number)
}

/** Never visible: the file has no rows. */
const EMPTY_DAY = '1970-01-01'

async function writeEmptyTables(store: Store, dir: string, options: SilverOptions): Promise<void> {
  const [{ openDuck }, { bindModels }, { deriveRawColumns }, { leafPath }] = await Promise.all([
    import('../duckdb/duckdb.ts'),
    import('../../domain/models/bind-models.ts'),
    import('../../domain/events/raw-columns.ts'),
    import('../../domain/lake/layout.ts'),
  ])
  const { logic, timezone } = options
  const raw = logic.rawSchemas.at(-1)
  if (!raw) throw new CcsError('CCS_SCHEMA_INVALID', 'schemas/ has no events.raw.avsc.')
  const duck = await openDuck({ threads: 1 })
  try {
    const connection = await duck.connect()
    const { rawColumns } = deriveRawColumns(raw.schema)
    await bindModels(
      { models: logic.graph, macrosSql: logic.macrosSql, timezone, rawColumns },
      { run: (sql) => connection.run(sql), describe: async () => [] },
    )
    for (const { model } of logic.graph) {
      if (model.layer !== 'silver' || model.partition === undefined) continue
      const folder = `${dir}/${leafPath(model.name, `${model.partition}=${EMPTY_DAY}`)}`
      await store.files.mkdir(folder)
      await connection.run(
        `COPY (FROM ${model.name} LIMIT 0)
         TO ${quoteText(`${folder}/empty.parquet`)} (FORMAT parquet)`,
      )
    }
    connection.close()
  } finally {
    duck.close()
  }
}
