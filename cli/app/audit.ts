/**
 * Composition of `ccs audit`: one commit, its files held fast by hard links so that a running engine may go on
 * replacing them, an engine that serves them, and a DuckDB that knows nothing of the engine.
 */

import type { DuckConnection } from '../adapters/duckdb/duckdb.ts'
import type { Store } from '../adapters/lake/data-store.ts'
import { type PinnedCommit, pinCommit } from '../adapters/lake/pin-commit.ts'
import type { AuditReport } from '../domain/audit/audit.ts'
import type { AuditFault } from '../domain/audit/log-accounts.ts'
import { readKeptRanges, readRejectSources } from '../domain/audit/log-sources.ts'
import type { Manifest } from '../domain/lake/manifest.ts'
import type { DamagedFile } from '../domain/lake/verify.ts'
import { DLQ_TOPIC, ENGINE_PARTITION, RAW_TOPIC } from '../domain/log/topics.ts'
import type { Logic } from '../domain/models/logic.ts'
import { refuseUndeployed } from '../engines/embedded/model-diff.ts'
import type { Project } from '../project.ts'
import { openEngine } from './targets/embedded.ts'
import { openProjectStore, openTargetLogic } from './targets/log.ts'

export interface AuditRun {
  readonly onProgress?: (done: number, total: number) => void
  /** DuckDB's memory; what needs more spills into the data directory. */
  readonly memoryLimitBytes?: number
}

const MEMORY_BYTES = 1024 * 1024 * 1024
/**
 * Audits the last commit; an engine that runs on the data is asked to commit first. Throws CCS_PLAN_CHANGES when
 * the models are not those that made the rows.
 */
export async function runAudit(project: Project, run: AuditRun = {}): Promise<AuditReport> {
  const store = await openProjectStore(project)
  try {
    const { findEngine } = await import('../engines/embedded/query/engine-client.ts')
    await (await findEngine(store.files, store.root))?.post('/commit', {})
    const first = await store.manifests.load()
    if (!first) return { ok: true, serial: null, asOf: null, models: [], faults: [], gaps: [] }
    const logic = await openTargetLogic(project)
    refuseUndeployed(logic, first, 'Rows are audited with the models that made them.')
    const { clearScratch, makeScratch } = await import('../adapters/files/scratch-dir.ts')
    const place = { parent: `${store.root}/tmp`, name: 'audit' }
    await clearScratch(store.files, place, { nowMs: Date.now() })
    const dir = await makeScratch(store.files, place)
    try {
      const pinned = await pinCommit(store, first, { dir })
      return await auditPinned(project, logic, store, pinned, run)
    } finally {
      await store.files.remove(dir)
    }
  } finally {
    await store.log.close()
  }
}

async function auditPinned(
  project: Project,
  logic: Logic,
  store: Store,
  pinned: PinnedCommit,
  run: AuditRun,
): Promise<AuditReport> {
  const { openDuck } = await import('../adapters/duckdb/duckdb.ts')
  const duck = await openDuck({
    memoryLimitBytes: run.memoryLimitBytes ?? MEMORY_BYTES,
    tempDirectory: `${pinned.dir}/spill`,
    config: { preserve_insertion_order: 'false' },
  })
  const { serial, committedMs } = pinned.manifest
  const head = { serial, asOf: new Date(committedMs).toISOString() }
  const plain = await duck.connect()
  try {
    const damaged = await damagedFiles(plain, store, pinned)
    if (damaged.length > 0)
      return { ok: false, ...head, models: [], faults: fileFaults(damaged), gaps: [] }
    const { models, faults } = await auditWhole(project, logic, store, pinned, plain, run)
    const ok = faults.length === 0 && models.every(({ remainder }) => remainder === 0)
    return { ok, ...head, models, faults, gaps: pinned.manifest.gaps ?? [] }
  } finally {
    plain.close()
    duck.close()
  }
}

async function auditWhole(
  project: Project,
  logic: Logic,
  store: Store,
  { manifest, paths, stateDir, dir }: PinnedCommit,
  plain: DuckConnection,
  run: AuditRun,
): Promise<Pick<AuditReport, 'models' | 'faults'>> {
  const [{ audit }, { readCommittedRanges }, { deriveRawColumns }] = await Promise.all([
    import('../domain/audit/audit.ts'),
    import('../domain/audit/log-accounts.ts'),
    import('../domain/events/raw-columns.ts'),
  ])
  const pathOf = (file: Manifest['files'][number]) => paths.get(file.name) ?? ''
  const state = manifest.state.filter((file) => file.kind === 'gold')
  const engine = await openEngine(project, logic, store, {
    manifest: { ...manifest, state },
    lakePath: pathOf,
    stateRoot: stateDir,
  })
  const served = await engine.connectDelta()
  try {
    await served.run('USE memory')
    await served.run(`SET VARIABLE now_ms = ${manifest.committedMs}::BIGINT`)
    const tables = new Map<string, string[]>()
    for (const file of manifest.files)
      tables.set(file.table, [...(tables.get(file.table) ?? []), pathOf(file)])
    const startOf = async (partition: number) => (await store.log.range(RAW_TOPIC, partition)).start
    return await audit({
      plain,
      served,
      logic: {
        graph: logic.graph,
        macrosSql: logic.macrosSql,
        timezone: project.config.timezone,
        nowMs: manifest.committedMs,
        rawColumns: deriveRawColumns(logic.rawSchemas.at(-1)?.schema ?? '').rawColumns,
      },
      log: {
        topic: RAW_TOPIC,
        ranges: await readCommittedRanges(RAW_TOPIC, manifest, startOf),
        rejects: readRejectSources(store.log, logic.dlqSchema, manifest.dlqEnd),
        dlqEnd: manifest.dlqEnd,
        dlqKept: await store.log.range(DLQ_TOPIC, ENGINE_PARTITION),
        ...(project.target.kafka ? { kept: (range) => readKeptRanges(store.log, range) } : {}),
      },
      tables,
      scratchFile: (name) => `${dir}/${name}.parquet`,
      onProgress: run.onProgress ?? (() => {}),
    })
  } finally {
    served.close()
    await engine.close()
  }
}

async function damagedFiles(
  plain: DuckConnection,
  store: Store,
  { manifest, paths, stateDir }: PinnedCommit,
): Promise<readonly DamagedFile[]> {
  const [{ verifyLake }, { countParquetRows }] = await Promise.all([
    import('../domain/lake/verify.ts'),
    import('../adapters/lake/parquet.ts'),
  ])
  const { damaged } = await verifyLake({
    load: async () => manifest,
    lake: {
      locate: async () => paths,
      check: (file, path) => store.lake.check(file, path),
    },
    rows: (path) => countParquetRows(plain, path),
    stateDir,
  })
  return damaged
}

function fileFaults(damaged: readonly DamagedFile[]): readonly AuditFault[] {
  const byFault = new Map<string, string[]>()
  for (const { file, fault } of damaged) byFault.set(fault, [...(byFault.get(fault) ?? []), file])
  return [...byFault].map(([fault, ids]) => {
    return { model: 'files', check: fault, count: ids.length, ids: ids.slice(0, 20) }
  })
}
