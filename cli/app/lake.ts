/**
 * Composition of the lake's commands: what the manifest says, verification, and compaction, either by this
 * process under the engine's lock or by the engine that runs on the data.
 */

import type { Duck, DuckConnection } from '../adapters/duckdb/duckdb.ts'
import type { Store } from '../adapters/lake/data-store.ts'
import type { CompactPorts, CompactResult } from '../domain/lake/compact.ts'
import type { CompactionOptions } from '../domain/lake/compaction-plan.ts'
import type { Manifest } from '../domain/lake/manifest.ts'
import type { VerifyResult } from '../domain/lake/verify.ts'
import type { Pipeline } from '../domain/pipeline/pipeline.ts'
import type { Project } from '../project.ts'
import { openStore } from './store.ts'

export type LakeProgress = (done: number, total: number) => void

export interface OpenedLake {
  readonly root: string
  manifest(): Promise<Manifest | undefined>
  verify(onProgress: LakeProgress): Promise<VerifyResult>
  /** Throws CCS_ENGINE_LOCKED while a process has the lock that can't be asked to do it. */
  compact(options: CompactionOptions, run: CompactRun): Promise<CompactResult>
  close(): Promise<void>
}

export interface CompactRun {
  readonly onProgress?: LakeProgress
  readonly signal?: AbortSignal
}

/** Merging and counting rows go row group by row group. */
const MERGE_MEMORY_BYTES = 96 * 1024 * 1024

export async function openLake(project: Project): Promise<OpenedLake> {
  const store = await openStore(project.dataDir)
  return {
    root: store.root,
    manifest: () => store.manifests.load(),
    verify: (onProgress) => verify(store, onProgress),
    compact: (options, run) => compact(store, options, run),
    close: () => store.log.close(),
  }
}

async function verify(store: Store, onProgress: LakeProgress): Promise<VerifyResult> {
  const [{ verifyLake }, { countParquetRows }, { dataLayout }] = await Promise.all([
    import('../domain/lake/verify.ts'),
    import('../adapters/lake/parquet.ts'),
    import('../domain/lake/layout.ts'),
  ])
  return withDuck(store, (connection) =>
    verifyLake({
      load: () => store.manifests.load(),
      lake: store.lake,
      rows: (path) => countParquetRows(connection, path),
      stateDir: dataLayout(store.root).state,
      onProgress,
    }),
  )
}

async function compact(
  store: Store,
  options: CompactionOptions,
  run: CompactRun,
): Promise<CompactResult> {
  const [{ findEngine }, { takeEngineLock }] = await Promise.all([
    import('../engines/embedded/query/engine-client.ts'),
    import('../adapters/lake/engine-lock.ts'),
  ])
  const running = await findEngine(store.files, store.root)
  if (running) return (await running.post('/compact', options)) as CompactResult // the engine's own answer
  const lock = await takeEngineLock(store.files, store.root, 'ccs lake compact')
  try {
    const manifest = await store.manifests.load()
    if (!manifest) return NOTHING
    await store.lake.finalize(manifest)
    const commit: CompactPorts['commit'] = async (change) => {
      const base = (await store.manifests.load()) ?? manifest
      const next = withFiles(base, change(base))
      await store.manifests.commit(next)
      await store.lake.finalize(next)
      return next
    }
    return await compactWith(store, manifest, commit, options, run)
  } finally {
    await lock.release()
  }
}

/** Compacts beside a running pipeline: only the commits take turns with its own. */
export async function compactBeside(
  { pipeline, store }: { readonly pipeline: Pipeline; readonly store: Store },
  options: CompactionOptions = {},
  run: CompactRun = {},
): Promise<CompactResult> {
  const { manifest } = pipeline
  if (!manifest) return NOTHING
  const commit: CompactPorts['commit'] = async (change) => {
    await pipeline.amend(async (base) => withFiles(base, change(base)))
    return pipeline.manifest ?? manifest
  }
  return compactWith(store, manifest, commit, options, run)
}

async function compactWith(
  store: Store,
  manifest: Manifest,
  commit: CompactPorts['commit'],
  options: CompactionOptions,
  run: CompactRun,
): Promise<CompactResult> {
  const [{ compactLake }, { mergeParquet }, { planCompaction }] = await Promise.all([
    import('../domain/lake/compact.ts'),
    import('../adapters/lake/parquet.ts'),
    import('../domain/lake/compaction-plan.ts'),
  ])
  if (planCompaction(manifest, options).length === 0) return NOTHING
  return withDuck(store, (connection, duck) => {
    const merge: CompactPorts['merge'] = async (inputs, output) => {
      const rows = await mergeParquet(connection, inputs, output)
      await duck.giveBack(connection)
      return rows
    }
    return compactLake(manifest, { lake: store.lake, merge, commit, ...run }, options)
  })
}

async function withDuck<T>(
  store: Store,
  use: (connection: DuckConnection, duck: Duck) => Promise<T>,
): Promise<T> {
  const { openDuck } = await import('../adapters/duckdb/duckdb.ts')
  const duck = await openDuck({
    threads: 1,
    memoryLimitBytes: MERGE_MEMORY_BYTES,
    tempDirectory: `${store.root}/spill`,
  })
  try {
    const connection = await duck.connect()
    try {
      return await use(connection, duck)
    } finally {
      connection.close()
    }
  } finally {
    duck.close()
  }
}

function withFiles(base: Manifest, files: Manifest['files']): Manifest {
  return { ...base, serial: base.serial + 1, committedMs: Date.now(), files }
}

const NOTHING: CompactResult = {
  partitions: 0,
  filesBefore: 0,
  filesAfter: 0,
  rows: 0,
  bytesBefore: 0,
  bytesAfter: 0,
}
