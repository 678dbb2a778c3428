/**
 * Composition of `ccs reconcile`: the engine's answers, the published marts, the Silver they were built from, the
 * Bronze of the last commit held fast, and a DuckDB that knows nothing of either.
 */

import type { Duck, DuckConnection } from '../adapters/duckdb/duckdb.ts'
import { type Marts, openMarts } from '../adapters/duckdb/published-marts.ts'
import type { Files } from '../adapters/files/files.ts'
import type { Store } from '../adapters/lake/data-store.ts'
import {
  EMPTY_FILE,
  excludeFiles,
  type InspectedSilver,
  inspectSilver,
  type SilverToInspect,
} from '../adapters/lake/inspect-silver.ts'
import { pinCommit } from '../adapters/lake/pin-commit.ts'
import type { AuditLogic, TableFiles } from '../domain/audit/catalog.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { Manifest } from '../domain/lake/manifest.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { ReconcileReport } from '../domain/reconcile/accounts.ts'
import type { SnapshotFile } from '../domain/reconcile/files.ts'
import { refuseUndeployed } from '../engines/embedded/model-diff.ts'
import type { Project } from '../project.ts'
import { openLogic } from './project-logic.ts'
import { openAnswers } from './query-sources.ts'
import { openStore } from './store.ts'

export interface ReconcileRun {
  /** Only this shop day, YYYY-MM-DD. */
  readonly day?: string
  /** Open days too, where stream and marts stand at the same commit. */
  readonly withOpen?: boolean
  readonly onProgress?: (done: number, total: number) => void
  /** DuckDB's memory; what needs more spills into the data directory. */
  readonly memoryLimitBytes?: number
}

const MEMORY_BYTES = 1024 * 1024 * 1024
const ATTEMPTS = 3
/** A visit and its lateness reach no further than this from the shop day that it is on. */
const MARGIN_DAYS = 3

/** Throws CCS_MARTS_MISSING when there is nothing to compare with, CCS_PLAN_CHANGES when the models are not those that made the rows. */
export async function runReconcile(
  project: Project,
  run: ReconcileRun = {},
): Promise<ReconcileReport> {
  for (let attempt = 1; ; attempt++) {
    const { report, isWhole } = await reconcileOnce(project, run)
    // A build that was published meanwhile has put other marts behind the later questions.
    if (isWhole || attempt === ATTEMPTS) return report
  }
}

async function reconcileOnce(
  project: Project,
  run: ReconcileRun,
): Promise<{ readonly report: ReconcileReport; readonly isWhole: boolean }> {
  const [{ reconcile }, { readWatermark }] = await Promise.all([
    import('../domain/reconcile/reconcile.ts'),
    import('../domain/marts/marts.ts'),
  ])
  const logic = await openLogic(project)
  const delayMs = logic.graph.find(({ model }) => model.watermarkMs)?.model.watermarkMs ?? 0
  return withMartsLake(
    project,
    logic,
    run,
    async ({ marts, plain, manifest, tables, auditLogic, openPlain, inspect }) => {
      refuseUndeployed(logic, manifest)
      const { serial, builtMs, watermarkMs, lastRun } = marts.info
      const failed = lastRun?.ok === false ? lastRun : undefined
      const { damaged, lake, unreadable, lost } = await inspect()
      const answers = await openAnswers(project, lost)
      try {
        const report = await reconcile({
          plain,
          stream: (sql) => answers.query(sql),
          marts: (sql) => marts.query(sql),
          logic: auditLogic,
          tables: excludeFiles(tables, unreadable),
          files: { damaged, lake, openPlain },
          built: {
            ...{ serial, builtMs: builtMs ?? 0, watermarkMs },
            failure: failed ? (failed.message ?? 'it failed') : null,
            failedSerial: failed?.serial ?? null,
          },
          now: {
            serial: manifest.serial,
            watermarkMs: readWatermark(manifest, delayMs),
            isRunning: answers.from !== 'lake',
          },
          ...(run.day === undefined ? {} : { day: run.day }),
          withOpen: run.withOpen ?? false,
          onProgress: run.onProgress ?? (() => {}),
        })
        return { report, isWhole: marts.info.builtMs === builtMs }
      } finally {
        await answers.close()
      }
    },
  )
}

/** What the published marts were built from, and an empty DuckDB to look at it with. */
export interface MartsLake {
  readonly marts: Marts
  readonly manifest: Manifest
  /** The marts' own Silver, and Bronze of the last commit; they stay as they are while in use. */
  readonly tables: TableFiles
  readonly plain: DuckConnection
  readonly auditLogic: AuditLogic
  /** Another such DuckDB, which the caller closes. */
  openPlain(): Promise<DuckConnection>
  /** Reads all files of Silver near the day, the lake's and the marts', and holds them against what was written. */
  inspect(): Promise<InspectedSilver>
}

/** Throws CCS_MARTS_MISSING when there are none, or they are of another lake. */
export async function withMartsLake<T>(
  project: Project,
  logic: Logic,
  about: { readonly day?: string; readonly memoryLimitBytes?: number },
  use: (lake: MartsLake) => Promise<T>,
): Promise<T> {
  const opened = await openMarts(project)
  if (!opened) throw noMarts('There are no marts yet.')
  const marts = explained(opened)
  const store = await openStore(project.dataDir)
  const dir = `${store.root}/tmp/reconcile-${process.pid}`
  try {
    const manifest = await store.manifests.load()
    if (!manifest) throw noMarts('Nothing was committed yet.')
    if (manifest.generation !== marts.info.generation)
      throw noMarts('The marts were built from the lake before it was rebuilt.')
    const held = await holdFiles(project, store, { marts, manifest, dir }, about.day)
    const [{ openDuck }, { deriveRawColumns }] = await Promise.all([
      import('../adapters/duckdb/duckdb.ts'),
      import('../domain/events/raw-columns.ts'),
    ])
    const auditLogic = {
      graph: logic.graph,
      macrosSql: logic.macrosSql,
      timezone: project.config.timezone,
      nowMs: manifest.committedMs,
      rawColumns: deriveRawColumns(logic.rawSchemas.at(-1)?.schema ?? '').rawColumns,
    }
    const ducks: Duck[] = []
    const openPlain = async () => {
      const duck = await openDuck({
        memoryLimitBytes: about.memoryLimitBytes ?? MEMORY_BYTES,
        tempDirectory: `${dir}/spill-${ducks.length}`,
        config: { preserve_insertion_order: 'false' },
      })
      ducks.push(duck)
      return duck.connect()
    }
    try {
      const plain = await openPlain()
      const tables = tablesOf(held)
      const inspect = () => inspectSilver({ ...held, store, plain })
      const lake = { marts, manifest, tables, plain, auditLogic, openPlain, inspect }
      return await use(lake).finally(() => plain.close())
    } finally {
      for (const duck of ducks) duck.close()
    }
  } finally {
    await marts.close()
    await store.files.remove(dir)
    await store.log.close()
  }
}

/** DuckDB's words about a table or column that is not there, with what to do about it. */
function explained(marts: Marts): Marts {
  return {
    get info() {
      return marts.info
    },
    close: () => marts.close(),
    query: (sql) =>
      marts.query(sql).catch((cause: unknown) => {
        const [line = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n')
        throw noMarts(`The marts lack what is asked of them: ${line}`, cause)
      }),
  }
}

function noMarts(message: string, cause?: unknown): CcsError {
  return new CcsError('CCS_MARTS_MISSING', message, {
    exit: EXIT.changes,
    hint: 'Build them: ccs dbt build',
    cause,
  })
}

interface Opened {
  readonly marts: Marts
  readonly manifest: Manifest
  readonly dir: string
}

type Held = Omit<SilverToInspect, 'store' | 'plain'>

/** The marts' own snapshot, and the last commit held fast; near one day when it is the only one. */
async function holdFiles(
  project: Project,
  store: Store,
  { marts, manifest, dir }: Opened,
  day: string | undefined,
): Promise<Held> {
  const isNear = (partition: string) => day === undefined || daysFrom(day, partition) <= MARGIN_DAYS
  const snapshot = await snapshotFiles(project, store.files, marts)
  const pinned = await pinCommit(store, manifest, {
    dir,
    isWanted: ({ table, partition }) => /^(bronze|silver)\./.test(table) && isNear(partition),
  })
  return {
    snapshot: snapshot.filter(({ partition, name }) => name === EMPTY_FILE || isNear(partition)),
    snapshotDir: `marts/${marts.info.snapshot}`,
    lake: pinned.manifest.files,
    places: pinned.paths,
  }
}

/** Silver as the marts' own snapshot has it, Bronze of the last commit. */
function tablesOf({ snapshot, lake, places }: Held): TableFiles {
  const tables = new Map<string, string[]>()
  const add = (table: string, path: string) =>
    tables.set(table, [...(tables.get(table) ?? []), path])
  for (const { table, path } of snapshot) add(table, path)
  for (const { table, name } of lake) {
    if (!table.startsWith('bronze.')) continue
    const path = places.get(name)
    if (path === undefined)
      throw new CcsError('CCS_LAKE_DAMAGED', `${table} has lost the file ${name}.`, {
        exit: EXIT.checkFailed,
        hint: 'See what else is damaged: ccs lake verify',
      })
    add(table, path)
  }
  return tables
}

/** Parquet files of the Silver that the published marts were built from. */
export async function snapshotFiles(
  project: Project,
  files: Files,
  { info }: Pick<Marts, 'info'>,
): Promise<readonly SnapshotFile[]> {
  const { layOutMarts } = await import('../domain/marts/marts.ts')
  const silver = `${layOutMarts(project.dataDir).root}/${info.snapshot}/silver`
  const found: SnapshotFile[] = []
  const gone = () => {
    throw noMarts(`The Silver that the marts were built from is gone: ${silver}.`)
  }
  for (const table of await files.readdir(silver).catch(gone))
    for (const partition of await files.readdir(`${silver}/${table}`))
      for (const name of await files.readdir(`${silver}/${table}/${partition}`))
        if (name.endsWith('.parquet'))
          found.push({
            table: `silver.${table}`,
            partition,
            name,
            path: `${silver}/${table}/${partition}/${name}`,
          })
  return found
}

/** Whole days between a day and a partition such as `event_date=2026-11-22`; 0 for one without a day. */
function daysFrom(day: string, partition: string): number {
  const date = partition.split('=')[1] ?? ''
  const ms = Math.abs(Date.parse(date) - Date.parse(day))
  return Number.isNaN(ms) ? 0 : ms / 86_400_000
}
