/** The published marts for readers: serve.duckdb, read only, reopened when it was replaced. */
import { realpath, stat } from 'node:fs/promises'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { quoteText } from '../../domain/kernel/sql-text.ts'
import { layOutMarts, type MartsInfo, parseMartsInfo } from '../../domain/marts/marts.ts'
import { memoryLimitError } from '../../domain/sql/answer-size.ts'
import { isMemoryShort } from '../../domain/sql/memory-error.ts'
import { parseQuery } from '../../domain/sql/parse-query.ts'
import type { QueryControl, QueryLimits, QueryResult } from '../../domain/sql/query-result.ts'
import type { Files } from '../files/files.ts'
import type { Duck, DuckConnection } from './duckdb.ts'
import { QueryBounds, readWithin, STREAMING_SETTING, untilAborted } from './limited-query.ts'

/** Any project: only the place of its data matters here. */
export interface DataPlace {
  /** Absolute path of the data directory. */
  readonly dataDir: string
}

/** The published marts, to be queried. */
export interface Marts {
  /** As of the last `query`, or of opening. */
  readonly info: MartsInfo
  /**
   * Runs one statement on the newest published file; with bounds, one SELECT within them. Errors
   * are DuckDB's own, CCS_QUERY_LIMIT, or the reason of the bounds' signal.
   */
  query(sql: string, bounds?: QueryBounds): Promise<QueryResult>
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
  const query = async (sql: string, bounds?: QueryBounds): Promise<QueryResult> => {
    if ((await identifyFile(project)) !== served.identity) {
      const next = await openPublished(project)
      if (next) {
        served.close()
        served = next
      }
    }
    served.info = (await readMarts(project)) ?? served.info
    return bounds ? queryWithin(served.connection, sql, bounds) : served.connection.all(sql)
  }
  return {
    get info() {
      return served.info
    },
    // One after the other: a connection runs one statement at a time, and may be replaced.
    query: (sql, bounds) => {
      const answer = turn.then(() => query(sql, bounds))
      turn = answer.catch(() => undefined)
      return answer
    },
    close: async () => {
      await turn
      served.close()
    },
  }
}

async function queryWithin(
  connection: DuckConnection,
  sql: string,
  bounds: QueryBounds,
): Promise<QueryResult> {
  try {
    return await untilAborted(connection, bounds.signal, () => readWithin(connection, sql, bounds))
  } catch (error) {
    // Ends the statement, of which rows are left.
    await connection.run('SELECT 1').catch(() => undefined)
    throw bounds.signal.aborted ? bounds.signal.reason : error
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
    await connection.run(`SET TimeZone = 'UTC'; ${STREAMING_SETTING};
      SET allowed_directories = [${directories}]; SET enable_external_access = false`)
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

/**
 * For `ccs query`. Throws CCS_MARTS_MISSING, CCS_QUERY_INVALID for a wrong SELECT, and
 * CCS_QUERY_LIMIT for one that exceeds the limits.
 */
export async function openMartsQueries(project: DataPlace, limits: QueryLimits) {
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
    query: async (sql: string, control: QueryControl = {}): Promise<QueryResult> => {
      await parseQuery(sql, parseSql, new Map())
      const bounds = new QueryBounds(limits, control)
      try {
        return await marts.query(sql, bounds)
      } catch (cause) {
        if (cause instanceof CcsError) throw cause
        if (isMemoryShort(cause)) throw memoryLimitError(MEMORY_BYTES, cause, true)
        const [first = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n')
        throw new CcsError('CCS_QUERY_INVALID', first.replace(/[.!]*$/, '.'), {
          hint: `The marts are: ${marts.info.models.join(', ')}.`,
          cause,
        })
      } finally {
        bounds.release()
      }
    },
    close: () => marts.close(),
  }
}
