/**
 * Reads a project from disk: ccs.yml, schemas/, sql/, connectors/, dbt/seeds/. The files become
 * plain texts that never change; code in domain/ interprets them.
 */
import { existsSync, readFileSync } from 'node:fs'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import path from 'node:path'
import { type Config, type Env, parseConfig, requireTarget } from './domain/config/config.ts'
import { fitEngine, fitQueries } from './domain/config/fit-memory.ts'
import type { Target } from './domain/config/target.ts'
import { CcsError } from './domain/kernel/errors.ts'

/** A text file of the project; `file` is its path relative to the project's folder, with `/`. */
export interface SourceFile {
  readonly file: string
  readonly text: string
}

/** A project with the settings in force. */
export interface Project {
  /** Absolute path of the folder. */
  readonly dir: string
  /** Absolute path of the data directory, which need not exist yet. */
  readonly dataDir: string
  readonly config: Config
  /** The target that the command works on; `dataDir` is its data directory. */
  readonly target: Target
  /**
   * The environment, with the settings of the project's running servers as defaults; see
   * `stackEnv`.
   */
  readonly env: Env
  /** Files of schemas/, the history included, sorted by path. */
  readonly schemas: readonly SourceFile[]
  /** Files sql/<layer>/<model>.sql, sorted by path. */
  readonly models: readonly SourceFile[]
  /** sql/live/<id>.sql: what the live page asks; no models. */
  readonly metrics: readonly SourceFile[]
  /** Files sql/<layer>/<model>.test.yml, sorted by path. */
  readonly tests: readonly SourceFile[]
  /** sql/macros.sql; its text is '' if there is no such file. */
  readonly macros: SourceFile
  /** CSV and YAML files of dbt/seeds/, sorted by path: tables that models may join. */
  readonly seeds: readonly SourceFile[]
  /** Files of connectors/, sorted by path. */
  readonly connectors: readonly SourceFile[]
}

/** A file of a new project. */
export interface ProjectFile {
  /** Path relative to the project's folder, with `/`. */
  readonly file: string
  readonly bytes: Uint8Array
}

/** Choices of the command line. */
export interface LoadProjectOptions {
  readonly env: Env
  /** Data directory, relative to the working directory; used instead of that of ccs.yml. */
  readonly data?: string
  /** What this process may use; the engine's settings are lowered to fit. Unlimited if absent. */
  readonly memoryBytes?: number
  /** Name of a target in ccs.yml; `local` if absent. */
  readonly target?: string
}

/** The file whose folder is a project. */
export const CONFIG_FILE = 'ccs.yml'

/** The nearest folder with a ccs.yml, from `from` upwards; `from` itself if there is none. */
export function findProject(from: string): string {
  for (let dir = path.resolve(from); ; dir = path.dirname(dir)) {
    if (existsSync(path.join(dir, CONFIG_FILE))) return dir
    if (dir === path.dirname(dir)) return path.resolve(from)
  }
}

/**
 * Gives this process the variables of `.env` beside ccs.yml that it does not have yet; returns its
 * environment. Throws CCS_CONFIG_INVALID when there is such a file that can't be read.
 */
export function loadEnvironment(dir: string): Env {
  const file = path.join(dir, '.env')
  try {
    process.loadEnvFile(file)
    return process.env
  } catch (error) {
    const { code } = Object(error)
    if (code === 'ENOENT') return process.env
    throw new CcsError('CCS_CONFIG_INVALID', `${file} can't be read (${code}).`, { cause: error })
  }
}

/**
 * Reads the project in `dir`. Throws CCS_PROJECT_NOT_FOUND; CCS_CONFIG_INVALID with all faults of
 * ccs.yml.
 */
export async function loadProject(dir: string, options: LoadProjectOptions): Promise<Project> {
  const root = path.resolve(dir)
  const config = await readIfExists(path.join(root, CONFIG_FILE))
  if (config === undefined)
    throw new CcsError('CCS_PROJECT_NOT_FOUND', `There is no ${CONFIG_FILE} in ${root}.`, {
      hint: 'Go to the project, name it with --project DIR, or make one: ccs init DIR',
    })
  const [schemas, sql, connectors, seeds] = await Promise.all([
    readProjectTexts(root, 'schemas', ['.avsc']),
    readProjectTexts(root, 'sql', ['.sql', '.test.yml']),
    readProjectTexts(root, 'connectors', ['.json', '.yml']),
    readProjectTexts(root, 'dbt/seeds', ['.csv', '.yml']),
  ])
  const env = { ...(await stackEnv(root)), ...options.env }
  const written = parseConfig(config, env)
  const memoryBytes = options.memoryBytes ?? Number.POSITIVE_INFINITY
  const engine = fitEngine(written.engine, memoryBytes)
  const query = fitQueries(written.query, memoryBytes)
  const { keysFile } = written.pii
  const pii = { keysFile: keysFile === null ? null : path.resolve(root, keysFile) }
  const parsed = { ...written, engine, query, pii }
  const target = requireTarget(parsed, options.target ?? 'local')
  const macros = { file: 'sql/macros.sql', text: '' }
  return Object.freeze({
    dir: root,
    dataDir:
      options.data === undefined ? path.resolve(root, target.data) : path.resolve(options.data),
    config: parsed,
    target,
    env,
    schemas,
    models: sql.filter(
      (one) => one.file.endsWith('.sql') && one.file.split('/').length === 3 && !isFigure(one.file),
    ),
    metrics: sql.filter((one) => one.file.endsWith('.sql') && isFigure(one.file)),
    tests: sql.filter((one) => one.file.endsWith('.test.yml')),
    macros: sql.find((one) => one.file === macros.file) ?? macros,
    seeds,
    connectors,
  })
}

/**
 * Writes a new project into `dir`, which must be empty or not exist: all files, or none of them.
 * Returns the absolute path of the folder.
 */
export async function createProject(dir: string, files: readonly ProjectFile[]): Promise<string> {
  const root = path.resolve(dir)
  const found = await readdir(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    if (error.code === 'ENOTDIR') throw usageError(root, 'is a file')
    throw error
  })
  if (found.length > 0) throw usageError(root, 'is not empty')
  // The folder is filled under another name and then renamed, so that a full disk leaves nothing.
  await mkdir(path.dirname(root), { recursive: true })
  const building = await mkdtemp(`${root}.new-`)
  try {
    for (const { file, bytes } of files) {
      const target = path.join(building, file)
      await mkdir(path.dirname(target), { recursive: true })
      await writeFile(target, bytes)
    }
    await chmod(building, 0o755)
    await rename(building, root)
  } catch (error) {
    await rm(building, { recursive: true, force: true })
    throw error
  }
  return root
}

/**
 * The files that a new project begins with, from the project in `dir`; without build output and
 * data.
 */
export async function readTemplate(dir: string): Promise<readonly ProjectFile[]> {
  const files: ProjectFile[] = []
  for (const part of TEMPLATE) {
    const top = path.join(dir, part)
    const found = await stat(top).catch(() => undefined)
    if (found?.isFile()) files.push({ file: part, bytes: await readFile(top) })
    if (!found?.isDirectory()) continue
    for (const entry of await readdir(top, { recursive: true, withFileTypes: true })) {
      const file = path.relative(dir, path.join(entry.parentPath, entry.name))
      if (entry.isFile() && !file.split(path.sep).some((step) => NOT_COPIED.test(step)))
        files.push({
          file: file.split(path.sep).join('/'),
          bytes: await readFile(path.join(dir, file)),
        })
    }
  }
  return files
}

const TEMPLATE = [
  ...[CONFIG_FILE, 'schemas', 'sql', 'connectors', 'dbt', 'collect', 'examples'],
  'infra/superset',
]
const NOT_COPIED = /^(target|logs|dbt_packages|node_modules|\.user\.yml|\.env)$|\.(duckdb|wal|log)$/

function usageError(root: string, problem: string): CcsError {
  return new CcsError('CCS_USAGE_INVALID', `${root} ${problem}.`, {
    hint: 'Name a new folder: ccs init my-shop',
  })
}

/**
 * Text files of a folder of the project with these name endings, sorted by path; [] without the
 * folder.
 */
export async function readProjectTexts(
  root: string,
  folder: string,
  endings: readonly string[],
): Promise<readonly SourceFile[]> {
  if (!existsSync(path.join(root, folder))) return []
  const entries = await readdir(path.join(root, folder), { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .map((file) => file.split(path.sep).join('/'))
    .sort()
  // Synchronously: an await per file would cost several times as much as reading it.
  return files.map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }))
}

function isFigure(file: string): boolean {
  return file.startsWith('sql/live/')
}

/** Settings that `ccs stack up` writes while its servers run, as `NAME=value` lines. */
async function stackEnv(root: string): Promise<Env> {
  const text = (await readIfExists(path.join(root, '.ccs/stack/env'))) ?? ''
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  )
}

async function readIfExists(file: string): Promise<string | undefined> {
  return existsSync(file) ? readFile(file, 'utf8') : undefined
}
