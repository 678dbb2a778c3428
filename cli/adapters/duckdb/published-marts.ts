/** The published marts for readers: serve.duckdb, read only, reopened when it was replaced. */
import { realpath, stat } from 'node:fs/promises'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { quoteText } from '../../domain/kernel/sql-text.ts'
import { layOutMarts, type MartsInfo, parseMartsInfo } from '../../domain/marts/marts.ts'
import { parseQuery } from '../../domain/sql/parse-query.ts'
import type { QueryResult } from '../../domain/sql/query-result.ts'
import type { Files } from '../files/files.ts'
import type { Duck, DuckConnection } from './duckdb.ts'

/** Any project: only the place of its data matters here. */
export interface DataPlace {
  /** Absolute path of the data directory. */
  readonly dataDir: string
}

/** The published marts, to be queried. */
export interface Marts {
  /** As of the last `query`, or of opening. */
  readonly info: MartsInfo
  /** Runs one statement on the newest published file. Errors are DuckDB's own. */
  query(sql: string): Promise<QueryResult>
  close(): Promise<void>
}

/** marts.json; undefined before the first run of dbt. */
export async function readMarts(project: DataPlace, disk?: Files): Promise<MartsInfo | undefined> {
  const { diskFiles, isErrno } = await import('../files/files.ts')
  const files = disk ?? diskFiles()
  try {
    const text = await files.readFile(layOutMarts(project.dataDir).info)
    return parseMartsInfo(text.toString('utf8'))
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  }
}

/** undefined if no marts are published. */
export async function openMarts(project: DataPlace): Promise<Marts | undefined> {
  const first = await openPublished(project)
  if (!first) return undefined
  let served = first
  let turn: Promise<unknown> = Promise.resolve()
  const query = async (sql: string): Promise<QueryResult> => {
    if ((await identifyFile(project)) !== served.identity) {
      const next = await openPublished(project)
      if (next) {
        served.close()
        served = next
      }
    }
    served.info = (await readMarts(project)) ?? served.info
    return served.connection.all(sql)
  }
  return {
    get info() {
      return served.info
    },
    // One after the other: a connection runs one statement at a time, and may be replaced.
    query: (sql) => {
      const answer = turn.then(() => query(sql))
      turn = answer.catch(() => undefined)
      return answer
    },
    close: async () => {
      await turn
      served.close()
    },
  }
}

interface OpenMarts {
  info: MartsInfo
  readonly identity: string
  readonly connection: DuckConnection
  close(): void
}

const MEMORY_BYTES = 256 * 1024 * 1024

async function openPublished(project: DataPlace): Promise<OpenMarts | undefined> {
  const is = await identifyFile(project)
  const info = is === undefined ? undefined : await readMarts(project)
  if (is === undefined || info?.builtMs == null) return undefined
  const { openDuck } = await import('./duckdb.ts')
  const duck: Duck = await openDuck({
    path: layOutMarts(project.dataDir).serve,
    readOnly: true,
    threads: 2,
    memoryLimitBytes: MEMORY_BYTES,
  })
  try {
    const connection = await duck.connect()
    // Views of the marts read the Silver that they were built from.
    const places = [project.dataDir, await realpath(project.dataDir)]
    const directories = places.map((dir) => quoteText(`${dir}/`)).join(', ')
    await connection.run(`SET TimeZone = 'UTC'; SET allowed_directories = [${directories}];
      SET enable_external_access = false`)
    const close = () => {
      connection.close()
      duck.close()
    }
    return { info, identity: is, connection, close }
  } catch (error) {
    duck.close()
    throw error
  }
}

/** Identifies the file: a rename replaces it. */
async function identifyFile(project: DataPlace): Promise<string | undefined> {
  try {
    const { ino, mtimeMs, size } = await stat(layOutMarts(project.dataDir).serve)
    return `${ino} ${mtimeMs} ${size}`
  } catch {
    return undefined // none is published
  }
}

/** For `ccs query`. Throws CCS_MARTS_MISSING, and CCS_QUERY_INVALID for a wrong SELECT. */
export async function openMartsQueries(project: DataPlace) {
  const marts = await openMarts(project)
  if (!marts)
    throw new CcsError('CCS_MARTS_MISSING', 'No marts are published yet.', {
      exit: EXIT.unreachable,
      hint: 'Build them: ccs dbt build. While ccs up runs, they build themselves.',
    })
  const { committedMs } = marts.info
  const parseSql = async (text: string) =>
    String((await marts.query(`SELECT json_serialize_sql(${quoteText(text)}) AS ast`)).rows[0]?.ast)
  return {
    from: 'marts',
    asOf: committedMs === null ? null : new Date(committedMs).toISOString(),
    query: async (sql: string): Promise<QueryResult> => {
      await parseQuery(sql, parseSql, new Map())
      try {
        return await marts.query(sql)
      } catch (cause) {
        const [first = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n')
        throw new CcsError('CCS_QUERY_INVALID', first.replace(/[.!]*$/, '.'), {
          hint: `The marts are: ${marts.info.models.join(', ')}.`,
          cause,
        })
      }
    },
    close: () => marts.close(),
  }
}
