/**
 * One run of dbt on a server such as Redshift. Silver is there already, so no snapshot is taken;
 * the marts are there too, so nothing is published. What a build must rebuild the models find out
 * by themselves: ccs doesn't know what another database holds.
 */
import type { DbtTask } from './dbt-args.ts'
import { type DbtWarehouse, explainFailure } from './dbt-warehouse.ts'
import { type DbtExit, type DbtResult, dbtFailedError, dbtStoppedError } from './run-dbt.ts'

/** What such a run needs from its surroundings. */
export interface WarehouseDbtPorts {
  nowMs(): number
  run(args: readonly string[]): Promise<DbtExit>
  isStopped(): boolean
}

/**
 * Throws CCS_DBT_STOPPED if stopped, what explainFailure finds, and CCS_DBT_FAILED if dbt failed
 * before it ran a node.
 */
export async function runWarehouseDbt(
  task: DbtTask,
  warehouse: DbtWarehouse,
  env: Readonly<Record<string, string | undefined>>,
  ports: WarehouseDbtPorts,
): Promise<DbtResult> {
  const startedMs = ports.nowMs()
  const end = await ports.run(task.args)
  if (ports.isStopped()) throw dbtStoppedError()
  const { outcome } = end
  const ok = end.code === 0 && (!task.runsNodes || outcome?.counts.failed === 0)
  const reason = ok ? undefined : explainFailure(warehouse, end, env)
  if (reason) throw reason
  if (!ok && (outcome === undefined || outcome.counts.failed === 0)) throw dbtFailedError(task, end)
  return {
    ok,
    command: task.command,
    nodes: outcome?.counts ?? { passed: 0, warned: 0, failed: 0, skipped: 0 },
    failures: outcome?.failures ?? [],
    warnings: outcome?.warnings ?? [],
    since: null,
    fullRefresh: task.isFullRefresh,
    serial: null,
    seconds: (ports.nowMs() - startedMs) / 1000,
    published: false,
    marts: null,
  }
}
