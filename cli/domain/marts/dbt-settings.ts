/** The settings that dbt gets from ccs. */
import type { Config } from '../config/config.ts'
import { CcsError } from '../kernel/errors.ts'
import type { DbtTask } from './dbt-args.ts'
import type { SilverSnapshot } from './run-dbt.ts'

/**
 * Variables of the environment, because dbt keeps its parsed project when one of them changes, and
 * parses everything anew when a `--vars` does. What is published was built into the local target: a
 * target comes from the command line alone.
 */
export function dbtEnvironment(
  { target }: DbtTask,
  { dir, serial, watermarkMs, committedMs }: SilverSnapshot,
  since: string | null,
): Readonly<Record<string, string>> {
  return {
    CCS_LAKE_ROOT: dir,
    CCS_SINCE: since ?? '',
    CCS_LAKE_SERIAL: String(serial),
    CCS_LAKE_WATERMARK_MS: String(watermarkMs ?? ''),
    CCS_LAKE_COMMITTED_AT: committedMs === null ? '' : new Date(committedMs).toISOString(),
    CCS_DBT_TARGET: target ?? 'duckdb',
  }
}

/** The same for a server: nothing there depends on the lake of this data directory. */
export function warehouseEnvironment({ target }: DbtTask): Readonly<Record<string, string>> {
  return { CCS_SINCE: '', CCS_DBT_TARGET: target ?? 'duckdb' }
}

/** Commands of dbt that know no `--vars`. */
const WITHOUT_VARS = ['init', 'docs serve', 'help']

/** The settings of ccs.yml that the marts' definitions use. */
export type MartsConfig = Pick<Config, 'timezone' | 'identity'>

/** The settings of ccs.yml as variables of the dbt project. */
export function listConfigVariables({ timezone, identity }: MartsConfig) {
  return { shop_timezone: timezone, placeholder_ids: identity.placeholderIds }
}

/** The `--vars` of a command, if it takes any. */
export function dbtVariables({ command, vars }: DbtTask, config: MartsConfig): readonly string[] {
  if (WITHOUT_VARS.includes(command)) return []
  return ['--vars', JSON.stringify({ ...listConfigVariables(config), ...vars })]
}

/** CCS_DBT_MISSING for a project without dbt; `dir` is where it should be. */
export function dbtMissing(dir: string): CcsError {
  return new CcsError('CCS_DBT_MISSING', `There is no dbt project in ${dir}.`, {
    hint: 'A new project has one: ccs init DIR. Copy its folder dbt/.',
  })
}
