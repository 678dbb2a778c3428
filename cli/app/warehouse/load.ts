/** Composition of `ccs load redshift`: the copy of the lake, its footers, and a session. */
import type { CcsError } from '../../domain/kernel/errors.ts'
import type { LoadOptions, LoadParts, LoadResult } from '../../domain/warehouse/run-load.ts'
import type { Warehouse } from '../../domain/warehouse/warehouse.ts'
import type { Project } from '../../project.ts'
import { requirePlace } from '../copy/pusher.ts'

/** What the command line says of a load. */
export type LoadChoice = Pick<LoadOptions, 'day' | 'isTakenOver' | 'onProgress' | 'ccsVersion'>

/** Loads. CCS_USAGE_INVALID: variables are missing. */
export async function loadProjectIntoRedshift(
  project: Project,
  choice: LoadChoice,
  signal: AbortSignal,
): Promise<LoadResult> {
  const [{ runLoad }, { readRole }] = await importDomain()
  const { randomBytes } = await import('node:crypto')
  const run = { ...choice, role: readRole(project.env), runId: randomBytes(4).toString('hex') }
  return withParts(project, (parts) =>
    withWarehouse(project, signal, (warehouse) => runLoad(parts, warehouse, run)),
  )
}

/** The statements that a load would run. Changes nothing. */
export async function describeProjectLoad(
  project: Project,
  choice: LoadChoice,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const [{ readFooters, readLoadPlan, readManifest }] = await importDomain()
  const { describeLoad } = await import('../../domain/warehouse/describe-load.ts')
  return withParts(project, async (parts) => {
    const manifest = await readManifest(parts.store)
    const plan = await withWarehouse(project, signal, (warehouse) =>
      readLoadPlan(parts, warehouse, manifest, { ...choice, mayPrepare: false }),
    )
    const found = await readFooters(parts.footers, plan.groups)
    const context = { address: parts.store.address, schemas: parts.schemas }
    return describeLoad(plan, found, manifest, context)
  })
}

/** Whether Redshift can load the files; needs no warehouse. */
export async function checkProjectFiles(
  project: Project,
  day: string | undefined,
): Promise<{ readonly files: number; readonly faults: readonly CcsError[] }> {
  const [{ checkFiles, readManifest }] = await importDomain()
  return withParts(project, async (parts) =>
    checkFiles(parts, await readManifest(parts.store), { day }),
  )
}

function importDomain() {
  return Promise.all([
    import('../../domain/warehouse/run-load.ts'),
    import('../../domain/warehouse/login.ts'),
  ])
}

async function withParts<T>(project: Project, use: (parts: LoadParts) => Promise<T>): Promise<T> {
  const place = requirePlace(project)
  const [stores, footers, clocks, scratch, { diskFiles }, { crc32 }, login, { tmpdir }] =
    await Promise.all([
      import('../../adapters/s3/lake-store.ts'),
      import('../../adapters/redshift/read-footers.ts'),
      import('../../adapters/process/system-clock.ts'),
      import('../../adapters/files/scratch-dir.ts'),
      import('../../adapters/files/files.ts'),
      import('node:zlib'),
      import('../../domain/warehouse/login.ts'),
      import('node:os'),
    ])
  const clock = clocks.systemClock()
  const schemas = login.readSchemas(project.env)
  const store = stores.openLakeStore(place, process.env)
  const folder = { parent: tmpdir(), name: 'ccs-load' }
  return scratch.withScratch(diskFiles(), folder, clock.nowMs(), async (dir) => {
    const reader = footers.openFooterReader(store, dir)
    try {
      const tables = () => describeTables(project)
      return await use({ store, clock, crc32, schemas, footers: reader, describeTables: tables })
    } finally {
      await reader.close()
    }
  })
}

async function describeTables(project: Project): ReturnType<LoadParts['describeTables']> {
  const [{ openLogic }, { CLICKS_COLUMNS }] = await Promise.all([
    import('../project-logic.ts'),
    import('../../domain/lake/clicks-columns.ts'),
  ])
  const { columns } = await openLogic(project, { isDescribed: true })
  const clicks = CLICKS_COLUMNS.map(([name, type]) => ({ name, type }))
  return new Map([...columns, ['bronze.clicks', clicks]])
}

async function withWarehouse<T>(
  project: Project,
  signal: AbortSignal,
  use: (warehouse: Warehouse) => Promise<T>,
): Promise<T> {
  const [{ connectRedshift }, { readLogin }] = await Promise.all([
    import('../../adapters/redshift/connect.ts'),
    import('../../domain/warehouse/login.ts'),
  ])
  const warehouse = await connectRedshift(readLogin(project.env), signal)
  try {
    return await use(warehouse)
  } finally {
    await warehouse.close()
  }
}
