/** Composition of `ccs bi`: the project's dashboards as files, and its Superset. */
import path from 'node:path'
import type { WantedObject } from '../../domain/bi/render.ts'
import type { BiDown, BiStatus, BiUp, BiUpOptions } from '../../domain/bi/run-superset.ts'
import type { SyncPlan } from '../../domain/bi/sync-plan.ts'
import type { Warehouse } from '../../domain/bi/warehouse.ts'
import type { Project } from '../../project.ts'

type Report = Pick<BiUpOptions, 'signal' | 'onNotice'>

/** Starts Superset, if it does not run yet, and imports the files. */
export async function biUp(project: Project, options: Omit<BiUpOptions, 'wanted'>): Promise<BiUp> {
  const { run, home, clock } = await openBi(project)
  const { warehouse } = run.chooseSettings(await home.readSettings(), options)
  const wanted = await renderFiles(project, warehouse)
  return run.bringUpSuperset(home, clock, { ...options, warehouse, wanted })
}

/** Imports the files into the Superset that runs. */
export async function biImport(project: Project, report: Report): Promise<SyncPlan> {
  const { run, home } = await openBi(project)
  const { warehouse } = run.chooseSettings(await home.readSettings(), {})
  return run.importIntoSuperset(home, await renderFiles(project, warehouse), report)
}

/** Writes what would be imported into a folder; returns its files' number. */
export async function biExport(project: Project, warehouse: Warehouse, dir: string) {
  const [{ listBundle }, { writeBundle }] = await Promise.all([
    import('../../domain/bi/render.ts'),
    import('../../adapters/superset/write-bundle.ts'),
  ])
  return writeBundle(path.resolve(dir), listBundle(await renderFiles(project, warehouse)))
}

/** Asks it; changes nothing. */
export async function biStatus(project: Project): Promise<BiStatus> {
  const { run, home } = await openBi(project)
  return run.readSuperset(home)
}

/** Stops it. */
export async function biDown(
  project: Project,
  options: Report & { readonly isPurge: boolean },
): Promise<BiDown> {
  const { run, home } = await openBi(project)
  return run.takeDownSuperset(home, options)
}

async function openBi({ dir, env }: Project) {
  const [superset, { openSupersetHome }, { systemClock }] = await Promise.all([
    import('../../domain/bi/run-superset.ts'),
    import('../../adapters/superset/home.ts'),
    import('../../adapters/process/system-clock.ts'),
  ])
  const home = openSupersetHome({ projectDir: dir, env })
  const { chooseSettings, bringUpSuperset, importIntoSuperset, takeDownSuperset } = superset
  const { readSuperset } = superset
  const run = {
    chooseSettings,
    bringUpSuperset,
    importIntoSuperset,
    takeDownSuperset,
    readSuperset,
  }
  return { run, home, clock: systemClock() }
}

/** Throws CCS_BI_MISSING, CCS_BI_INVALID, and CCS_MARTS_MISSING over duckdb. */
async function renderFiles(
  project: Project,
  warehouse: Warehouse,
): Promise<readonly WantedObject[]> {
  const [files, read, check, render, marts, { layOutMarts }] = await Promise.all([
    import('../../project.ts'),
    import('../../domain/bi/assets.ts'),
    import('../../domain/bi/check-assets.ts'),
    import('../../domain/bi/render.ts'),
    import('../../adapters/duckdb/mart-columns.ts'),
    import('../../domain/marts/marts.ts'),
  ])
  const { dir, dataDir, config, env } = project
  const assets = read.readAssets(
    await files.readProjectTexts(dir, 'infra/superset/assets', ['.yaml', '.yml']),
  )
  // Redshift's tables are not asked for: Superset alone has a connection to it.
  const columns = warehouse === 'duckdb' ? await marts.readMartColumns(project) : undefined
  check.checkAssets(assets, columns)
  const { timezone } = config
  return render.renderAssets(assets, {
    ...{ warehouse, timezone, env },
    marts: layOutMarts(dataDir).serve,
  })
}
