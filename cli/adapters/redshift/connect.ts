/**
 * A session with Redshift, which speaks PostgreSQL's protocol. The one file that imports `pg`. No
 * message has the host, the user or the password: they come from the environment.
 */
import pg from 'pg'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { Login } from '../../domain/warehouse/login.ts'
import type { Warehouse, WarehouseRow } from '../../domain/warehouse/warehouse.ts'

const CONNECT_MS = 20_000

/** All values stay texts. */
const TEXTS = { getTypeParser: () => (value: string) => value }

/** CCS_WAREHOUSE_UNREACHABLE, CCS_WAREHOUSE_REFUSED. Aborting `signal` closes the session. */
export async function connectRedshift(login: Login, signal: AbortSignal): Promise<Warehouse> {
  const { host, port, database, user, password, isEncrypted } = login
  const client = new pg.Client({
    ...{ host, port, database, user, password, types: TEXTS },
    ssl: isEncrypted,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    application_name: 'ccs load redshift',
  })
  // A connection that ends while no statement runs would otherwise end the process.
  client.on('error', () => undefined)
  const secrets = [password, host, user, database]
  try {
    await client.connect()
  } catch (error) {
    throw translate(error, secrets)
  }
  const close = async () => {
    signal.removeEventListener('abort', end)
    await client.end().catch(() => undefined)
  }
  const end = () => void client.end().catch(() => undefined)
  signal.addEventListener('abort', end)
  return {
    run: async (sql) => {
      if (signal.aborted) throw stoppedError()
      try {
        const { rows } = await client.query<WarehouseRow>(sql)
        return rows
      } catch (error) {
        throw signal.aborted ? stoppedError() : translate(error, secrets)
      }
    },
    close,
  }
}

function stoppedError(): CcsError {
  return new CcsError(
    'CCS_WAREHOUSE_UNREACHABLE',
    'Stopped: the session with the warehouse ended.',
    {
      hint: 'What was not committed is undone; ccs load redshift goes on with what is missing.',
    },
  )
}

const LOGIN_CODES = ['28000', '28P01', '3D000']

function translate(error: unknown, secrets: readonly string[]): CcsError {
  const { code, message, detail } = Object(error)
  const hide = (text: unknown) => hideWords(String(text ?? ''), secrets)
  const options = { cause: error }
  if (LOGIN_CODES.includes(code))
    return new CcsError('CCS_WAREHOUSE_REFUSED', 'The warehouse refuses the login.', {
      ...options,
      hint: 'Check RS_USER, RS_PWD and RS_DB in .env or the environment.',
    })
  const isServer = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^(08|57P)/.test(code)
  if (isServer) {
    const more = detail ? ` (${hide(detail).replace(/\s+/g, ' ').trim()})` : ''
    return new CcsError(
      'CCS_WAREHOUSE_REFUSED',
      `The warehouse refuses a statement: ${hide(message)}${more}`,
      { ...options, hint: 'Nothing of this step was loaded. See: ccs load redshift --dry-run' },
    )
  }
  return new CcsError(
    'CCS_WAREHOUSE_UNREACHABLE',
    `The connection to the warehouse failed: ${hide(message) || hide(code)}.`,
    {
      ...options,
      hint:
        'Check RS_HOST and RS_PORT, and that this machine may connect. What was not committed is ' +
        'undone; ccs load redshift goes on with what is missing.',
    },
  )
}

/** A short name such as `dev` is hidden as a word, and not inside of others. */
function hideWords(text: string, words: readonly string[]): string {
  let shown = text
  for (const word of words) {
    const pattern = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    shown = shown.replace(new RegExp(`(?<![A-Za-z0-9_])${pattern}(?![A-Za-z0-9_])`, 'g'), '***')
  }
  return shown
}
