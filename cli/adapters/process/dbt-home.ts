/** Where dbt's project, environment and warehouse of a ccs project are. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Check } from '../../domain/doctor/doctor.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import { listConfigVariables, type MartsConfig } from '../../domain/marts/dbt-settings.ts'
import { layOutMarts } from '../../domain/marts/marts.ts'
import { dbtStoppedError } from '../../domain/marts/run-dbt.ts'
import { type FileLock, waitForLock } from '../files/file-lock.ts'
import { diskFiles, type Files } from '../files/files.ts'
import { provideDbtWork } from './dbt-work.ts'
import { findPython } from './python.ts'
import { findReadyPython, type VenvPurpose } from './venv.ts'

/** Any project: what dbt's place depends on. */
export interface DbtPlace {
  readonly dir: string
  readonly dataDir: string
  readonly config: { readonly data: string } & MartsConfig
}

/** What is installed for dbt. */
export const DBT_VENV: VenvPurpose = {
  name: 'dbt',
  needs: 'The marts need',
  packages: ['dbt-core', 'dbt-duckdb', 'duckdb'],
  installing: 'Installing dbt for the marts',
  size: 'about 60 MB to download, 170 MB on disk',
  next: 'ccs dbt build. All else works without the marts.',
  stopped: dbtStoppedError,
}

/** dbt's project, or a file of it. */
export function dbtDir({ dir }: Pick<DbtPlace, 'dir'>, ...more: readonly string[]): string {
  return path.join(dir, 'dbt', ...more)
}

/** Whether the project has marts. */
export function hasDbt(project: Pick<DbtPlace, 'dir'>): boolean {
  return existsSync(dbtDir(project, 'dbt_project.yml'))
}

/**
 * Where dbt's environment is, or would be; a target with an adapter of its own has one of its own.
 * CCS_DBT_MISSING without the lock file.
 */
export function locateVenv(
  project: Pick<DbtPlace, 'dir'>,
  env: NodeJS.ProcessEnv,
  target?: string,
): { readonly dir: string; readonly lockFile: string } {
  const ending = target === undefined || target === 'duckdb' ? '' : `-${target}`
  const dir = env.CCS_VENV ? path.resolve(env.CCS_VENV) : path.join(project.dir, '.ccs/venv')
  const lockFile = dbtDir(project, `requirements${ending}.lock`)
  if (existsSync(lockFile)) return { dir: dir + ending, lockFile }
  throw new CcsError('CCS_DBT_MISSING', `There is no ${path.relative(project.dir, lockFile)}.`, {
    hint: 'It names what dbt needs, with hashes; a new project has it: ccs init DIR.',
  })
}

/** The project's own data directory has its warehouse in dbt/; each other one has its own. */
export function locateWarehouse(project: DbtPlace): string {
  return isOwnData(project)
    ? dbtDir(project, 'warehouse.duckdb')
    : `${layOutMarts(project.dataDir).root}/warehouse.duckdb`
}

/**
 * Creates the folder for dbt's target/ and logs/ of this data directory; returns its path. A server
 * has a folder of its own: at each change of the target dbt would parse the project anew.
 */
export function provideWorkDir(
  project: DbtPlace,
  files: Files,
  nowMs: number,
  target?: string,
): Promise<string> {
  const { dir, dataDir } = project
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 8)
  const name = (isOwnData(project) ? 'own' : hash) + (target === undefined ? '' : `-${target}`)
  return provideDbtWork({ files, root: path.join(dir, '.ccs/dbt'), name, dataDir, nowMs })
}

function isOwnData({ dir, dataDir, config }: DbtPlace): boolean {
  return path.resolve(dir, config.data) === dataDir
}

/** Who runs dbt. */
export interface DbtUser {
  /** Shown to whoever waits. */
  readonly owner: string
  readonly signal?: AbortSignal | undefined
  /** Gives up if another run is under way. */
  readonly isBackground?: boolean | undefined
  /** Of dbt, unless it is the local one: runs on another database don't wait for one another. */
  readonly target?: string | undefined
  readonly onNotice: (text: string) => void
}

/** Who runs it, and what is to be heard of it. */
export interface DbtCaller extends DbtUser {
  readonly env: NodeJS.ProcessEnv
  /** `what` is being done; of `total` nodes (or packages) `done` are. */
  readonly onProgress?: (what: string, done: number, total: number) => void
  readonly onLine?: (line: string) => void
}

/**
 * One run at a time in each data directory: it owns the warehouse and the snapshots. Throws
 * CCS_DBT_LOCKED (background only) while another run is under way.
 */
export async function takeDbtLock(
  files: Files,
  dataDir: string,
  { owner, signal, isBackground, target, onNotice }: DbtUser,
): Promise<FileLock> {
  const dir = dataLayout(dataDir).locks
  await files.mkdir(dir)
  const name = target === undefined ? 'dbt' : `dbt-${target}`
  return waitForLock(files, { dir, name }, owner, {
    onTry: () => {
      if (signal?.aborted) throw dbtStoppedError()
    },
    onWait: (who) => {
      if (isBackground)
        throw new CcsError('CCS_DBT_LOCKED', `${who} runs dbt on ${dataDir}.`, {
          hint: 'One run a data directory: wait for it, or stop it.',
        })
      onNotice(`${who} runs dbt on this data; waiting until it has ended.`)
    },
  })
}

const LOGIC = /\.(sql|ya?ml|csv|py|lock)$/

/** Hash of everything that the marts depend on; when it changes, all days are built anew. */
export async function hashDbtProject(project: DbtPlace): Promise<string> {
  const dir = dbtDir(project)
  const hash = createHash('sha256').update(JSON.stringify(listConfigVariables(project.config)))
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile() && LOGIC.test(entry.name))
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)))
    .filter((file) => !/^(target|logs|dbt_packages)[\\/]/.test(file))
  for (const file of files.sort())
    hash.update(`\n${file}\n`).update(await readFile(dbtDir(project, file)))
  return hash.digest('hex')
}

/** For `ccs doctor`: Python and dbt, as far as the marts need them. Installs nothing. */
export async function checkDbt(
  project: Pick<DbtPlace, 'dir'>,
  env: NodeJS.ProcessEnv,
): Promise<readonly Check[]> {
  if (!hasDbt(project)) return []
  const name = 'daily marts'
  try {
    const { dir, lockFile } = locateVenv(project, env)
    if ((await findReadyPython(diskFiles(), dir, lockFile)) !== undefined)
      return [{ name, status: 'ok', detail: `dbt is installed in ${dir}.` }]
    const python = await findPython(env, DBT_VENV.needs)
    if ('problem' in python)
      return [{ name, status: 'warning', detail: python.problem, hint: python.hint }]
    const detail = `Python ${python.version} is here; dbt installs itself at the first build.`
    return [{ name, status: 'ok', detail }]
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    const hint = error.hint === undefined ? {} : { hint: error.hint }
    return [{ name, status: 'warning', detail: error.message, ...hint }]
  }
}
