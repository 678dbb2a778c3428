/**
 * A running engine's HTTP server: page, queries, commits and compaction. Other processes find it
 * through the data directory.
 */
import { CcsError } from '../../domain/kernel/errors.ts'
import type { StatusResult } from '../../domain/pipeline/read-status.ts'
import type { QueryResult } from '../../domain/sql/query-result.ts'
import type { OpenPage } from './page.ts'
import { startServer } from './server.ts'

/** What the server needs from the engine. */
export interface ServedEngine {
  readonly port: number
  readonly isPortRequired: boolean
  readonly page: OpenPage
  status(): Promise<StatusResult>
  /** Ingests what the log holds. */
  catchUp(): Promise<unknown>
  commit(): Promise<unknown>
  query(sql: string, nowMs: number, signal?: AbortSignal): Promise<QueryResult>
  /** Merges small files of the lake. */
  compact(options?: object): Promise<unknown>
  /** Announces the server to other processes, and takes that back. */
  publish(port: number): Promise<void>
  withdraw(): Promise<void>
}

/** A server that runs until it is closed. */
export interface OpenServer {
  readonly url: string
  status(): Promise<StatusResult>
  close(): Promise<void>
}

/** Serves on 127.0.0.1, and compacts the lake from time to time. */
export async function serveEngine(engine: ServedEngine): Promise<OpenServer> {
  const { page } = engine
  const status = () => engine.status()
  const server = await startServer({
    port: engine.port,
    isPortRequired: engine.isPortRequired,
    page: page.page,
    routes: {
      ...page.routes,
      'GET /status': status,
      'POST /query': async (body, signal) => {
        const sql = readSql(body)
        await engine.catchUp()
        return engine.query(sql, Date.now(), signal)
      },
      'POST /commit': async () => {
        await engine.commit()
        return status()
      },
      'POST /compact': (body) =>
        engine.compact(typeof body === 'object' && body !== null ? body : {}),
    },
  })
  let compacting: Promise<unknown> | undefined
  // Failures are reported by the pipeline: compaction only commits through it.
  const compact = () => {
    compacting ??= engine
      .compact()
      .catch(() => undefined)
      .finally(() => {
        compacting = undefined
      })
  }
  const timer = setInterval(compact, COMPACT_EVERY_MS)
  await engine.publish(server.port)
  return {
    url: `http://127.0.0.1:${server.port}`,
    status,
    close: async () => {
      clearInterval(timer)
      await compacting
      await engine.withdraw()
      await page.close()
      await server.close()
    },
  }
}

/** Usually there is nothing to merge. */
const COMPACT_EVERY_MS = 60_000

function readSql(body: unknown): string {
  const sql = typeof body === 'object' && body !== null && 'sql' in body ? body.sql : undefined
  if (typeof sql === 'string') return sql
  throw new CcsError('CCS_QUERY_INVALID', 'The request has no "sql".')
}
