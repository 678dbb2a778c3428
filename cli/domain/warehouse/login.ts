/** How to reach a warehouse: variables of the environment, or of the project's .env file. */
import { CcsError } from '../kernel/errors.ts'

/** Where a session begins, and who begins it. */
export interface Login {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  /** By TLS, with the server's certificate checked. */
  readonly isEncrypted: boolean
}

const PORT = 5439

type Env = Readonly<Record<string, string | undefined>>

/** CCS_USAGE_INVALID: variables are missing; it names them, and no value. */
export function readLogin(env: Env): Login {
  const { RS_HOST, RS_DB, RS_USER, RS_PWD, RS_PORT, RS_SSL } = env
  const given = { RS_HOST, RS_DB, RS_USER, RS_PWD }
  const missing = Object.entries(given).flatMap(([name, value]) => (value ? [] : [name]))
  if (!RS_HOST || !RS_DB || !RS_USER || !RS_PWD)
    throw new CcsError('CCS_USAGE_INVALID', `The warehouse needs ${missing.join(', ')}.`, {
      hint: 'Set them in .env beside ccs.yml, or in the environment: docs/redshift.md.',
    })
  const port = Number(RS_PORT || PORT)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw wrong('RS_PORT', 'a port')
  if (RS_SSL !== undefined && !['', 'on', 'off'].includes(RS_SSL))
    throw wrong('RS_SSL', 'on or off')
  const isLocal = ['localhost', '127.0.0.1', '::1'].includes(RS_HOST)
  const isEncrypted = RS_SSL ? RS_SSL === 'on' : !isLocal
  return { host: RS_HOST, port, database: RS_DB, user: RS_USER, password: RS_PWD, isEncrypted }
}

/** The role by which Redshift reads the bucket: an ARN, several with commas, or `default`. */
export function readRole({ RS_ROLE_ARN }: Env): string {
  if (!RS_ROLE_ARN)
    throw new CcsError('CCS_USAGE_INVALID', 'Redshift needs RS_ROLE_ARN to read the bucket.', {
      hint: 'Set it in .env beside ccs.yml, or in the environment: docs/redshift.md.',
    })
  const arn = /^arn:aws[\w-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/
  if (RS_ROLE_ARN === 'default' || RS_ROLE_ARN.split(/,(?=arn:)/).every((one) => arn.test(one)))
    return RS_ROLE_ARN
  throw wrong('RS_ROLE_ARN', 'the ARN of a role, as in arn:aws:iam::123456789012:role/copy')
}

/** Names of the schemas: `raw`, and what dbt reads as Silver. */
export function readSchemas({ RS_RAW_SCHEMA, RS_SILVER_SCHEMA }: Env) {
  const name = (value: string | undefined, variable: string, otherwise: string) => {
    if (!value) return otherwise
    if (!/^[a-z_][a-z0-9_]{0,126}$/.test(value)) throw wrong(variable, 'a name in lower case')
    return value
  }
  return {
    raw: name(RS_RAW_SCHEMA, 'RS_RAW_SCHEMA', 'raw'),
    silver: name(RS_SILVER_SCHEMA, 'RS_SILVER_SCHEMA', 'silver'),
  }
}

function wrong(variable: string, what: string): CcsError {
  return new CcsError('CCS_USAGE_INVALID', `${variable} must be ${what}.`)
}
