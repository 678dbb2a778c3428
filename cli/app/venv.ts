/**
 * Composition of dbt's environment: where it lies, and whether this machine has or can make one.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { VenvPurpose } from '../adapters/process/venv.ts'
import type { Check } from '../domain/doctor/doctor.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { Project } from '../project.ts'

export const DBT_VENV: VenvPurpose = {
  name: 'dbt',
  needs: 'The marts need',
  packages: ['dbt-core', 'dbt-duckdb', 'duckdb'],
  installing: 'Installing dbt for the marts',
  size: 'about 60 MB to download, 170 MB on disk',
  next: 'ccs dbt build. All else works without the marts.',
  stopped: () =>
    new CcsError('CCS_DBT_STOPPED', 'Stopped. The published marts are unchanged.', {
      hint: 'Run ccs dbt build again; it resumes where it has to.',
    }),
}

export function dbtDir(project: Project, ...more: readonly string[]): string {
  return path.join(project.dir, 'dbt', ...more)
}

export function hasDbt(project: Project): boolean {
  return existsSync(dbtDir(project, 'dbt_project.yml'))
}

/** Where dbt's environment is, or would be; a target with an adapter of its own has one of its own. */
export function venvPlace(
  project: Project,
  env: NodeJS.ProcessEnv,
  target?: string,
): { readonly dir: string; readonly lockFile: string } {
  const ending = target === undefined || target === 'duckdb' ? '' : `-${target}`
  const dir = env.CCS_VENV ? path.resolve(env.CCS_VENV) : path.join(project.dir, '.ccs/venv')
  const lockFile = dbtDir(project, `requirements${ending}.lock`)
  if (existsSync(lockFile)) return { dir: dir + ending, lockFile }
  throw new CcsError('CCS_DBT_MISSING', `There is no ${path.relative(project.dir, lockFile)}.`, {
    exit: EXIT.usage,
    hint: 'It names what dbt needs, with hashes; a new project has it: ccs init DIR.',
  })
}

/** For `ccs doctor`: Python and dbt, as far as the marts need them. Installs nothing. */
export async function checkDbt(
  project: Project,
  env: NodeJS.ProcessEnv,
): Promise<readonly Check[]> {
  if (!hasDbt(project)) return []
  const [{ diskFiles }, { findReadyPython }, { findPython }] = await Promise.all([
    import('../adapters/files/files.ts'),
    import('../adapters/process/venv.ts'),
    import('../adapters/process/python.ts'),
  ])
  const name = 'daily marts'
  try {
    const { dir, lockFile } = venvPlace(project, env)
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
