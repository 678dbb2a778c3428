/**
 * Runs dbt once: reads progress from its log and the outcome from the files that it writes. dbt
 * gets its settings as environment variables, so that its command line remains the user's.
 */
import { type DbtLine, errorSentence, readDbtLine } from '../../domain/marts/dbt-log.ts'
import { readOutcome } from '../../domain/marts/dbt-results.ts'
import type { DbtExit } from '../../domain/marts/run-dbt.ts'
import { type Files, isErrno } from '../files/files.ts'
import { runPython } from './child.ts'

/** What to run. */
export interface DbtRun {
  readonly files: Files
  readonly python: string
  readonly args: readonly string[]
  /** Folder of dbt_project.yml and profiles.yml. */
  readonly projectDir: string
  /** Folder for target/ and logs/ of this data directory; created if missing. */
  readonly workDir: string
  /** Absolute path of the DuckDB file that dbt owns. */
  readonly warehouse: string
  readonly env: NodeJS.ProcessEnv
  /** Whether progress and outcome are read from the log; else its lines are for the user. */
  readonly runsNodes: boolean
  readonly signal?: AbortSignal | undefined
  readonly isBackground?: boolean | undefined
  readonly onNode?: ((line: DbtLine & { kind: 'node' }) => void) | undefined
  /** Called with each line of a command that runs no nodes. */
  readonly onLine?: ((line: string) => void) | undefined
}

/** Rejects only if Python can't be started; what dbt reports is in the result. */
export async function runDbtProcess(run: DbtRun): Promise<DbtExit> {
  const { files, workDir } = run
  const target = `${workDir}/target`
  await files.mkdir(target)
  await files.mkdir(`${workDir}/logs`)
  // Results of an earlier run must never be taken for those of this one.
  await files.remove(`${target}/run_results.json`)
  const errors: string[] = []
  let version: string | null = null
  const onLine = (text: string) => {
    const line = run.runsNodes ? readDbtLine(text) : undefined
    if (line?.kind === 'node') run.onNode?.(line)
    else if (line?.kind === 'version') version = line.version
    else if (line?.kind === 'error') errors.push(line.text)
    else if (!run.runsNodes) {
      errors.splice(0, Math.max(0, errors.length - 20))
      errors.push(text)
      run.onLine?.(text)
    }
  }
  const { code, stderr } = await runPython({
    python: run.python,
    module: 'dbt.cli.main',
    args: run.args,
    cwd: run.projectDir,
    env: makeEnvironment(run, target),
    onLine,
    // A background build can be killed at once: DuckDB rolls back what wasn't committed.
    graceMs: run.isBackground ? 0 : 5_000,
    signal: run.signal,
    isBackground: run.isBackground,
  })
  const results = run.runsNodes ? await readJson(files, `${target}/run_results.json`) : undefined
  const manifest =
    results === undefined ? undefined : await readJson(files, `${target}/manifest.json`)
  return {
    code,
    outcome: results === undefined ? undefined : readOutcome(results, manifest),
    version,
    lastMessage: errorSentence(errors.length > 0 ? errors : [stderr]),
  }
}

function makeEnvironment(run: DbtRun, target: string): NodeJS.ProcessEnv {
  return {
    ...run.env,
    CCS_WAREHOUSE: run.warehouse,
    DBT_PROJECT_DIR: run.projectDir,
    DBT_PROFILES_DIR: run.env.DBT_PROFILES_DIR ?? run.projectDir,
    DBT_TARGET_PATH: target,
    DBT_LOG_PATH: `${run.workDir}/logs`,
    DBT_LOG_FORMAT: run.runsNodes ? 'json' : 'text',
    DBT_LOG_FORMAT_FILE: 'text',
    DBT_USE_COLORS: 'false',
    DBT_USE_COLORS_FILE: 'false',
    DBT_SEND_ANONYMOUS_USAGE_STATS: 'false',
    DO_NOT_TRACK: '1',
  }
}

async function readJson(files: Files, path: string): Promise<unknown> {
  try {
    return JSON.parse((await files.readFile(path)).toString('utf8'))
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined
    throw error
  }
}
