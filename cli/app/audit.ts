/**
 * Composition of `ccs audit`. Of a target on servers: what they have. Otherwise one commit, pinned
 * by hard links so that a running engine may go on replacing its files, an engine that serves it,
 * and a DuckDB of the audit's own.
 */

import type { AuditReport, AuditRun } from '../domain/audit/audit.ts'
import { auditCommit, EMPTY_AUDIT } from '../domain/audit/audit-commit.ts'
import type { LakeFile } from '../domain/lake/manifest.ts'
import type { Project } from '../project.ts'
import { loadEngine } from './targets/engine.ts'
import { openProjectStore, openTargetLogic } from './targets/log.ts'

/** Audits a target: what its engine has written on servers, or else its data directory. */
export async function runAudit(project: Project, run: AuditRun = {}): Promise<AuditReport> {
  const { audit } = await loadEngine(project.target.engine)
  return audit ? audit(project, run) : auditData(project, run)
}

/**
 * Audits the last commit; an engine that runs on the data is asked to commit first. Throws
 * CCS_PLAN_CHANGES when the models are not those that made the rows.
 */
async function auditData(project: Project, run: AuditRun): Promise<AuditReport> {
  const [
    { findEngine },
    { openEngine },
    { refuseUndeployed },
    { withScratch },
    { pinCommit },
    { findDamage },
    duckdb,
    { checkLog },
    { dataLayout },
  ] = await Promise.all([
    import('../engines/embedded/query/engine-client.ts'),
    import('../engines/embedded/open-engine.ts'),
    import('../engines/embedded/model-diff.ts'),
    import('../adapters/files/scratch-dir.ts'),
    import('../adapters/lake/pin-commit.ts'),
    import('../adapters/lake/verify-store.ts'),
    import('../adapters/duckdb/with-duck.ts'),
    import('../adapters/log/check-log.ts'),
    import('../domain/lake/layout.ts'),
  ])
  const store = await openProjectStore(project)
  const { files, root, log, lake } = store
  try {
    await (await findEngine(files, root))?.post('/commit', {})
    const first = await store.manifests.load()
    if (!first) return EMPTY_AUDIT
    const logic = await openTargetLogic(project)
    refuseUndeployed(logic, first, 'Rows are audited with the models that made them.')
    const place = { parent: `${root}/tmp`, name: 'audit' }
    return await withScratch(files, place, Date.now(), async (dir) => {
      const { manifest, paths, stateDir } = await pinCommit(store, first, { dir })
      const pathOf = (file: LakeFile) => paths.get(file.name) ?? ''
      const commit = { manifest, pathOf, logic, timezone: project.config.timezone }
      const settings = duckdb.largeDuck(`${dir}/spill`, run.memoryLimitBytes)
      return duckdb.withDuck(settings, (plain) =>
        auditCommit(commit, {
          ...{ plain, log },
          ...(project.target.kafka
            ? {}
            : { checkLog: (committed) => checkLog(files, dataLayout(root).log, { committed }) }),
          readPruned: async () => (await store.manifests.load())?.pruned,
          findDamagedFiles: () => findDamage(lake, { manifest, paths, stateDir }, plain),
          withServed: async (use) => {
            const state = manifest.state.filter((file) => file.kind === 'gold')
            const pinned = {
              manifest: { ...manifest, state },
              lakePath: pathOf,
              stateRoot: stateDir,
            }
            const engine = await openEngine(project, logic, store, pinned)
            const served = await engine.connectDelta()
            try {
              return await use(served)
            } finally {
              served.close()
              await engine.close()
            }
          },
          scratchFile: (name) => `${dir}/${name}.parquet`,
          onProgress: run.onProgress ?? (() => {}),
        }),
      )
    })
  } finally {
    await log.close()
  }
}
