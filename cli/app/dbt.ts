/**
 * Composition of dbt: its environment, the snapshot of Silver, the warehouse and the published marts, put
 * together for `ccs dbt` and for the builds beside `ccs up`.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { readMarts } from '../adapters/duckdb/published-marts.ts'
import type { FileLock } from '../adapters/files/file-lock.ts'
import type { Files } from '../adapters/files/files.ts'
import type { Store } from '../adapters/lake/data-store.ts'
import { sleep } from '../adapters/process/system-clock.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { DbtTask } from '../domain/marts/dbt-args.ts'
import { type BuildInput, layOutMarts, type MartsInfo } from '../domain/marts/marts.ts'
import {
  type DbtPorts,
  type DbtResult,
  runDbt,
  type SilverSnapshot,
} from '../domain/marts/run-dbt.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { Project } from '../project.ts'
import { openLogic } from './project-logic.ts'
import { openStore } from './store.ts'
import { DBT_VENV, dbtDir, hasDbt, venvPlace } from './venv.ts'

export interface DbtRunOptions {
  /** Shown to whoever waits. */
  readonly owner: string
  readonly env: NodeJS.ProcessEnv
  readonly signal?: AbortSignal | undefined
  /** At low priority, ended at once, and not begun while another run is under way. */
  readonly isBackground?: boolean | undefined
  readonly onNotice: (text: string) => void
  /** `what` is being done; of `total` nodes (or packages) `done` are. */
  readonly onProgress?: (what: string, done: number, total: number) => void
  readonly onLine?: (line: string) => void
  /** Known already: the running pipeline has both. */
  readonly store?: Store
  readonly logic?: Logic
}

/**
 * Runs dbt once. Throws CCS_DBT_MISSING without a dbt project, CCS_DBT_LOCKED (background only) while
 * another run is under way, what provideVenv throws, and CCS_DBT_FAILED when dbt ends before any node ran.
 */
export async function openDbtRun(
  project: Project,
  task: DbtTask,
  options: DbtRunOptions,
): Promise<DbtResult> {
  if (!hasDbt(project))
    throw new CcsError('CCS_DBT_MISSING', `There is no dbt project in ${dbtDir(project)}.`, {
      exit: EXIT.usage,
      hint: 'A new project has one: ccs init DIR. Copy its folder dbt/.',
    })
  const store = options.store ?? (await openStore(project.dataDir))
  try {
    const python = await providePython(project, task.target, store.files, options)
    const lock = await takeDbtLock(project, store.files, options)
    try {
      return await runDbt(task, await portsOf(project, { task, python, store, options }))
    } finally {
      await lock.release()
    }
  } finally {
    if (!options.store) await store.log.close()
  }
}

async function providePython(
  project: Project,
  target: string | undefined,
  files: Files,
  options: DbtRunOptions,
): Promise<string> {
  const { provideVenv } = await import('../adapters/process/venv.ts')
  const { onProgress, ...more } = options
  return provideVenv({
    ...more,
    ...venvPlace(project, options.env, target),
    files,
    purpose: DBT_VENV,
    onProgress: (done, total) => onProgress?.('Installing dbt', done, total),
  })
}

const POLL_MS = 500

/** One run a data directory: it owns the warehouse and the snapshots. */
async function takeDbtLock(
  project: Project,
  files: Files,
  { owner, signal, isBackground, onNotice }: DbtRunOptions,
): Promise<FileLock> {
  const [{ takeLock }, { dataLayout }] = await Promise.all([
    import('../adapters/files/file-lock.ts'),
    import('../domain/lake/layout.ts'),
  ])
  const dir = dataLayout(project.dataDir).locks
  await files.mkdir(dir)
  for (let round = 0; ; round++) {
    const attempt = await takeLock(files, { dir, name: 'dbt' }, owner)
    if (attempt.taken) return attempt.lock
    const who = `${attempt.holder.owner} (pid ${attempt.holder.pid})`
    if (isBackground)
      throw new CcsError('CCS_DBT_LOCKED', `${who} runs dbt on ${project.dataDir}.`, {
        hint: 'One run a data directory: wait for it, or stop it.',
      })
    if (round === 0) onNotice(`${who} runs dbt on this data; waiting until it has ended.`)
    if (signal?.aborted) throw DBT_VENV.stopped()
    await sleep(POLL_MS)
  }
}

interface Parts {
  readonly task: DbtTask
  readonly python: string
  readonly store: Store
  readonly options: DbtRunOptions
}

async function portsOf(
  project: Project,
  { task, python, store, options }: Parts,
): Promise<DbtPorts> {
  const [
    { runDbtProcess },
    { provideDbtWork },
    { publishCopy },
    { writeFileAtomic },
    { parseBuildInput, renderJson },
    snapshots,
  ] = await Promise.all([
    import('../adapters/process/dbt-run.ts'),
    import('../adapters/process/dbt-work.ts'),
    import('../adapters/duckdb/publish-copy.ts'),
    import('../adapters/files/files.ts'),
    import('../domain/marts/marts.ts'),
    import('../adapters/lake/silver-snapshot.ts'),
  ])
  const { files } = store
  const marts = layOutMarts(project.dataDir)
  const warehouse = warehouseOf(project)
  await files.mkdir(marts.root)
  const workDir = await provideDbtWork({
    files,
    root: path.join(project.dir, '.ccs/dbt'),
    name: isOwnData(project) ? 'own' : hashOf(project.dataDir),
    dataDir: project.dataDir,
    nowMs: Date.now(),
  })
  const fresh = async (): Promise<SilverSnapshot> =>
    snapshots.takeSilverSnapshot(store, {
      logic: options.logic ?? (await openLogic(project)),
      timezone: project.config.timezone,
      hash: await logicHash(project),
    })
  return {
    nowMs: () => Date.now(),
    isStopped: () => options.signal?.aborted === true,
    snapshot: async (isFresh) =>
      (isFresh ? undefined : await snapshots.readLastSnapshot(store)) ?? (await fresh()),
    run: (args, { snapshot, since }) =>
      runDbtProcess({
        files,
        python,
        args: [...args, ...varsOf(project, task)],
        projectDir: dbtDir(project),
        workDir,
        warehouse,
        env: { ...options.env, ...lakeEnv(snapshot, since), ...targetEnv(task) },
        runsNodes: task.runsNodes,
        signal: options.signal,
        isBackground: options.isBackground,
        onNode: ({ name, done, total }) => options.onProgress?.(name, done, total),
        onLine: options.onLine,
      }),
    publish: () => publishCopy(files, warehouse, marts.serve),
    info: () => readMarts(project, files),
    lastInput: async () => {
      // What is remembered of a warehouse that is gone says nothing of the next.
      if (!existsSync(warehouse) || !existsSync(marts.seen)) return undefined
      return parseBuildInput((await files.readFile(marts.seen)).toString('utf8'))
    },
    saveInfo: async (info: MartsInfo, seen?: BuildInput) => {
      await writeFileAtomic(files, marts.info, renderJson(info))
      if (seen) await writeFileAtomic(files, marts.seen, renderJson(seen))
    },
    removeSnapshots: (names) => snapshots.removeSnapshots(store, names),
  }
}

/**
 * By variables of the environment, because dbt keeps its parsed project when one of them changes, and parses
 * everything anew when a `--vars` does.
 */
function lakeEnv(snapshot: SilverSnapshot, since: string | null): NodeJS.ProcessEnv {
  const { dir, serial, watermarkMs, committedMs } = snapshot
  return {
    CCS_LAKE_ROOT: dir,
    CCS_SINCE: since ?? '',
    CCS_LAKE_SERIAL: String(serial),
    CCS_LAKE_WATERMARK_MS: String(watermarkMs ?? ''),
    CCS_LAKE_COMMITTED_AT: committedMs === null ? '' : new Date(committedMs).toISOString(),
  }
}

/** Commands of dbt that know no `--vars`. */
const WITHOUT_VARS = ['init', 'docs serve', 'help']

function varsOf({ config }: Project, { command, vars }: DbtTask): readonly string[] {
  if (WITHOUT_VARS.includes(command)) return []
  return ['--vars', JSON.stringify({ ...configVars(config), ...vars })]
}

/** The settings of ccs.yml that the marts' definitions use, as vars of the dbt project. */
function configVars({ timezone, identity }: Project['config']) {
  return { shop_timezone: timezone, placeholder_ids: identity.placeholderIds }
}

/** What is published is what was built here: a target comes from the command line alone. */
function targetEnv({ target }: DbtTask): NodeJS.ProcessEnv {
  return { CCS_DBT_TARGET: target ?? 'duckdb' }
}

/** The project's own data directory has its warehouse in dbt/; others have their own, so that none mix. */
function warehouseOf(project: Project): string {
  return isOwnData(project)
    ? dbtDir(project, 'warehouse.duckdb')
    : `${layOutMarts(project.dataDir).root}/warehouse.duckdb`
}

function hashOf(dataDir: string): string {
  return createHash('sha256').update(dataDir).digest('hex').slice(0, 8)
}

function isOwnData(project: Project): boolean {
  return path.resolve(project.dir, project.config.data) === project.dataDir
}

const LOGIC = /\.(sql|ya?ml|csv|py|lock)$/

/** Hash of all that says what the marts are; when it changes, all days are built anew. */
async function logicHash(project: Project): Promise<string> {
  const { readdir, readFile } = await import('node:fs/promises')
  const dir = dbtDir(project)
  const hash = createHash('sha256').update(JSON.stringify(configVars(project.config)))
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile() && LOGIC.test(entry.name))
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)))
    .filter((file) => !/^(target|logs|dbt_packages)[\\/]/.test(file))
  for (const file of files.sort())
    hash.update(`\n${file}\n`).update(await readFile(dbtDir(project, file)))
  return hash.digest('hex')
}
