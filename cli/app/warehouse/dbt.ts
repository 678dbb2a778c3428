/** Composition of `ccs dbt … --target redshift`: dbt on a server, which has a Silver of its own. */
import type { DbtCaller } from '../../adapters/process/dbt-home.ts'
import type { DbtTask } from '../../domain/marts/dbt-args.ts'
import type { DbtWarehouse } from '../../domain/marts/dbt-warehouse.ts'
import type { DbtResult } from '../../domain/marts/run-dbt.ts'
import type { Project } from '../../project.ts'

/**
 * Throws CCS_DBT_MISSING without a dbt project, CCS_USAGE_INVALID without a login, what takeDbtLock
 * and provideVenv throw, and what runWarehouseDbt does.
 */
export async function openWarehouseDbt(
  project: Project,
  task: DbtTask,
  warehouse: DbtWarehouse,
  options: DbtCaller,
): Promise<DbtResult> {
  const [home, settings, { requireLogin }, { diskFiles }, venv, process, run] = await Promise.all([
    import('../../adapters/process/dbt-home.ts'),
    import('../../domain/marts/dbt-settings.ts'),
    import('../../domain/marts/dbt-warehouse.ts'),
    import('../../adapters/files/files.ts'),
    import('../../adapters/process/venv.ts'),
    import('../../adapters/process/dbt-run.ts'),
    import('../../domain/marts/run-warehouse-dbt.ts'),
  ])
  const { env, signal, isBackground, onProgress, onLine } = options
  const { target } = task
  const projectDir = home.dbtDir(project)
  if (!home.hasDbt(project)) throw settings.dbtMissing(projectDir)
  requireLogin(task, warehouse, env)
  const files = diskFiles()
  const python = await venv.provideVenv({
    ...{ ...options, ...home.locateVenv(project, env, target), files },
    purpose: home.DBT_VENV,
    onProgress: (done, total) => onProgress?.('Installing dbt', done, total),
  })
  const lock = await home.takeDbtLock(files, project.dataDir, { ...options, target })
  try {
    const workDir = await home.provideWorkDir(project, files, Date.now(), target)
    return await run.runWarehouseDbt(task, warehouse, env, {
      nowMs: () => Date.now(),
      isStopped: () => signal?.aborted === true,
      run: (args) =>
        process.runDbtProcess({
          ...{ files, python, projectDir, workDir, signal, isBackground, onLine },
          warehouse: home.locateWarehouse(project),
          args: [...args, ...settings.dbtVariables(task, project.config)],
          env: { ...env, ...settings.warehouseEnvironment(task) },
          runsNodes: task.runsNodes,
          onNode: ({ name, done, total }) => onProgress?.(name, done, total),
        }),
    })
  } finally {
    await lock.release()
  }
}
