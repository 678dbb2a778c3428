/**
 * What ccs knows of dbt's targets that are servers: which variables name them, and what their usual
 * failures mean. No message has a value of a variable: addresses and users are secret too.
 */
import { CcsError } from '../kernel/errors.ts'
import type { DbtTask } from './dbt-args.ts'
import type { DbtExit } from './run-dbt.ts'

/** A target of dbt/profiles.yml that is a server. */
export interface DbtWarehouse {
  /** As it is called in sentences. */
  readonly title: string
  /** Variables without which nothing can be reached. */
  readonly login: readonly string[]
  /** What to look at when the login is refused. */
  readonly credentials: readonly string[]
  /** Names the schema that has Silver; `silver` where it is not set. */
  readonly silverSchema: string
  /** What fills Silver. */
  readonly fill: string
}

const WAREHOUSES: Readonly<Record<string, DbtWarehouse>> = {
  redshift: {
    title: 'Redshift',
    login: ['RS_HOST', 'RS_DB', 'RS_USER', 'RS_PWD'],
    credentials: ['RS_USER', 'RS_PWD', 'RS_DB'],
    silverSchema: 'RS_SILVER_SCHEMA',
    fill: 'ccs load redshift creates and fills them.',
  },
  postgres: {
    title: 'PostgreSQL',
    login: ['PGHOST', 'PGDATABASE', 'PGUSER'],
    credentials: ['PGUSER', 'PGPASSWORD', 'PGDATABASE'],
    silverSchema: 'PG_SILVER_SCHEMA',
    fill: 'One table a Silver model, with the columns of its Parquet files and event_date.',
  },
}

type Env = Readonly<Record<string, string | undefined>>

/** The server behind a target; undefined for one that ccs knows nothing of. */
export function findWarehouse({ target }: DbtTask): DbtWarehouse | undefined {
  return target === undefined ? undefined : WAREHOUSES[target]
}

/** Commands that no server is needed for. */
const OFFLINE = ['ls', 'list', 'parse', 'deps', 'clean', 'init', 'docs serve', 'help']

/** CCS_USAGE_INVALID: the command needs a server, and variables that name it are not set. */
export function requireLogin(task: DbtTask, { title, login }: DbtWarehouse, env: Env): void {
  // Profiles of somebody's own may read other variables.
  if (OFFLINE.includes(task.command) || env.DBT_PROFILES_DIR) return
  const missing = login.filter((name) => !env[name])
  if (missing.length === 0) return
  throw new CcsError('CCS_USAGE_INVALID', `${title} needs ${missing.join(', ')}.`, {
    hint: 'Set them in .env beside ccs.yml, or in the environment: dbt/README.md lists all.',
  })
}

/** The one reason behind a failed run, however many nodes failed; undefined: none of these. */
export function explainFailure(
  { title, login, credentials, silverSchema, fill }: DbtWarehouse,
  { outcome, lastMessage }: DbtExit,
  env: Env,
): CcsError | undefined {
  const texts = [lastMessage, ...(outcome?.failures ?? []).map((one) => one.detail)]
  const isSaid = (pattern: RegExp) => texts.some((text) => pattern.test(text))
  if (isSaid(REFUSED))
    return new CcsError('CCS_WAREHOUSE_REFUSED', `${title} refuses the login.`, {
      hint: `Check ${credentials.join(', ')} in .env or the environment.`,
    })
  if (isSaid(UNREACHABLE))
    return new CcsError('CCS_WAREHOUSE_UNREACHABLE', `${title} can’t be reached.`, {
      hint: `Check ${login[0]}, the port, and that this machine may connect.`,
    })
  const schema = env[silverSchema] || 'silver'
  const tables = findMissingTables(texts, schema)
  if (tables === undefined) return undefined
  const what = tables.length === 0 ? 'any table' : tables.join(', ')
  return new CcsError('CCS_SILVER_MISSING', `${title} lacks ${what} in the schema ${schema}.`, {
    hint: `dbt reads Silver there. ${fill}`,
  })
}

/** As the servers and their drivers say it. */
const REFUSED = anyOf(
  'password authentication failed',
  'no pg_hba\\.conf entry',
  'no password supplied',
  'FATAL:\\s+(role|database) "[^"]*" does not exist',
  "'C': '(28000|28P01|3D000)'",
)
const UNREACHABLE = anyOf(
  ...['connection refused', 'no route to host', 'network is unreachable', 'communication error'],
  ...['could not translate host name', 'name or service not known', 'nodename nor servname'],
  ...['name resolution', 'timeout expired', 'timed out', 'server closed the connection'],
)

function anyOf(...patterns: readonly string[]): RegExp {
  return new RegExp(patterns.join('|'), 'i')
}

/** Their names, sorted; [] if not even the schema is there; undefined if none is missing. */
function findMissingTables(
  texts: readonly string[],
  schema: string,
): readonly string[] | undefined {
  const found = new Set<string>()
  let isSchema = false
  for (const text of texts) {
    if (text.includes(`schema "${schema}" does not exist`)) isSchema = true
    for (const [, where = '', table = ''] of text.matchAll(MISSING))
      if (where.split('.').at(-1) === schema) found.add(table)
  }
  return isSchema || found.size > 0 ? [...found].sort() : undefined
}

const MISSING = /relation "([\w.]+)\.(\w+)" does not exist/g
