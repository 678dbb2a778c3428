/**
 * Composition of dbt: its environment, the snapshot of Silver, the warehouse and the published
 * marts, for `ccs dbt` and for the builds beside `ccs up`.
 */
import type { Store } from '../adapters/lake/data-store.ts'
import type { DbtCaller } from '../adapters/process/dbt-home.ts'
import type { Check } from '../domain/doctor/doctor.ts'
import type { DbtTask } from '../domain/marts/dbt-args.ts'
import type { DbtResult } from '../domain/marts/run-dbt.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { Project } from '../project.ts'
import { openLogic } from './project-logic.ts'
import { openStore } from './store.ts'

/** How dbt is run; in the background at low priority, and ended at once. */
export interface DbtRunOptions extends DbtCaller {
  /** Known already: the running pipeline has both. */
  readonly store?: Store
  readonly logic?: Logic
}

/**
 * Runs dbt once. Throws CCS_DBT_MISSING without a dbt project, what takeDbtLock and provideVenv
 * throw, and CCS_DBT_FAILED when dbt ends before any node ran.
 */
export async function openDbtRun(
  project: Project,
  task: DbtTask,
  options: DbtRunOptions,
): Promise<DbtResult> {
  const { findWarehouse } = await import('../domain/marts/dbt-warehouse.ts')
  const warehouse = findWarehouse(task)
  if (warehouse)
    return (await import('./warehouse/dbt.ts')).openWarehouseDbt(project, task, warehouse, options)
  const [home, snapshots, settings, { provideVenv }, { runDbtProcess }, marts, { runDbt }] =
    await Promise.all([
      import('../adapters/process/dbt-home.ts'),
      import('../adapters/lake/silver-snapshot.ts'),
      import('../domain/marts/dbt-settings.ts'),
      import('../adapters/process/venv.ts'),
      import('../adapters/process/dbt-run.ts'),
      import('../adapters/duckdb/marts-store.ts'),
      import('../domain/marts/run-dbt.ts'),
    ])
  const { env, signal, isBackground, onProgress, onLine } = options
  const { dataDir, config } = project
  const projectDir = home.dbtDir(project)
  if (!home.hasDbt(project)) throw settings.dbtMissing(projectDir)
  const store = options.store ?? (await openStore(dataDir))
  const { files } = store
  try {
    const python = await provideVenv({
      ...{ ...options, ...home.locateVenv(project, env, task.target), files },
      purpose: home.DBT_VENV,
      onProgress: (done, total) => onProgress?.('Installing dbt', done, total),
    })
    const lock = await home.takeDbtLock(files, dataDir, options)
    try {
      const warehouse = home.locateWarehouse(project)
      const built = await marts.openMartsStore(files, dataDir, warehouse)
      const workDir = await home.provideWorkDir(project, files, Date.now())
      const takeSnapshot = async () =>
        snapshots.takeSilverSnapshot(store, {
          logic: options.logic ?? (await openLogic(project)),
          timezone: config.timezone,
          hash: await home.hashDbtProject(project),
        })
      return await runDbt(task, {
        ...built,
        nowMs: () => Date.now(),
        isStopped: () => signal?.aborted === true,
        snapshot: async (isFresh) =>
          (isFresh ? undefined : await snapshots.readLastSnapshot(store)) ?? (await takeSnapshot()),
        removeSnapshots: (names) => snapshots.removeSnapshots(store, names),
        run: (args, { snapshot, since }) =>
          runDbtProcess({
            ...{ files, python, projectDir, workDir, warehouse, signal, isBackground, onLine },
            args: [...args, ...settings.dbtVariables(task, config)],
            env: { ...env, ...settings.dbtEnvironment(task, snapshot, since) },
            runsNodes: task.runsNodes,
            onNode: ({ name, done, total }) => onProgress?.(name, done, total),
          }),
      })
    } finally {
      await lock.release()
    }
  } finally {
    if (!options.store) await store.log.close()
  }
}

/** Whether the project has marts to build. */
export async function findDbt(project: Project): Promise<boolean> {
  return (await import('../adapters/process/dbt-home.ts')).hasDbt(project)
}

/** For `ccs doctor`: Python and dbt, as far as the marts need them. */
export async function checkMarts(
  project: Project,
  env: NodeJS.ProcessEnv,
): Promise<readonly Check[]> {
  return (await import('../adapters/process/dbt-home.ts')).checkDbt(project, env)
}
