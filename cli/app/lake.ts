/** Composition of the lake's commands: what the manifest says, its disk, verify and compact. */

import type { Store } from '../adapters/lake/data-store.ts'
import type { CompactPorts, CompactResult } from '../domain/lake/compact.ts'
import type { CompactionOptions } from '../domain/lake/compaction-plan.ts'
import type { Manifest } from '../domain/lake/manifest.ts'
import type { VerifyPorts, VerifyResult } from '../domain/lake/verify.ts'
import type { Pipeline } from '../domain/pipeline/pipeline.ts'
import type { Project } from '../project.ts'
import { doAsEngine, openStore } from './store.ts'

/** How a compaction reports and is stopped. */
export type CompactRun = Pick<CompactPorts, 'onProgress' | 'signal'>

/** The lake of a data directory. */
export interface OpenedLake {
  readonly root: string
  manifest(): Promise<Manifest | undefined>
  verify(onProgress: NonNullable<VerifyPorts['onProgress']>): Promise<VerifyResult>
  /** Throws CCS_ENGINE_LOCKED while a process has the lock that can't be asked to do it. */
  compact(options: CompactionOptions, run: CompactRun): Promise<CompactResult>
  close(): Promise<void>
}

/** Opens it; reads nothing yet. */
export async function openLake(project: Project): Promise<OpenedLake> {
  const store = await openStore(project.dataDir)
  return {
    root: store.root,
    manifest: () => store.manifests.load(),
    verify: async (onProgress) =>
      (await import('../adapters/lake/verify-store.ts')).verifyStore(store, onProgress),
    compact: (options, run) => compact(store, options, run),
    close: () => store.log.close(),
  }
}

async function compact(store: Store, options: CompactionOptions, run: CompactRun) {
  const [{ compactIdle }, { withParquet }] = await Promise.all([
    import('../domain/lake/compact.ts'),
    import('../adapters/lake/parquet.ts'),
  ])
  return doAsEngine(store, { owner: 'ccs lake compact', path: '/compact', body: options }, () =>
    withParquet(store.root, (parquet) =>
      compactIdle(store.manifests, { ...compactTools(store, parquet), ...run }, options),
    ),
  )
}

/** How long the disk lasts, of which so many bytes are free. */
export async function forecastProjectDisk(project: Project, freeBytes: number) {
  const { measureDisk } = await import('../adapters/log/measure-disk.ts')
  const about = { ...project.config, freeBytes, nowMs: Date.now() }
  return measureDisk(await openStore(project.dataDir), about)
}

/** Compacts beside a running pipeline. */
export async function compactRunning(
  { pipeline, store }: { readonly pipeline: Pipeline; readonly store: Store },
  options: CompactionOptions = {},
): Promise<CompactResult> {
  const [{ compactBeside }, { withParquet }] = await Promise.all([
    import('../domain/lake/compact.ts'),
    import('../adapters/lake/parquet.ts'),
  ])
  return withParquet(store.root, (parquet) =>
    compactBeside(pipeline, compactTools(store, parquet), options),
  )
}

function compactTools({ lake }: Store, parquet: Pick<CompactPorts, 'merge'>) {
  const merge: CompactPorts['merge'] = (inputs, output) => parquet.merge(inputs, output)
  return { lake, merge, nowMs: () => Date.now() }
}
