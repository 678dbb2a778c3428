/**
 * A running engine's HTTP server: page, metrics, queries, commits, compaction and retention. Others
 * find it through the data directory.
 */
import { openAccessToken } from '../../adapters/files/access-token.ts'
import { openHistory } from '../../adapters/files/history-file.ts'
import { systemClock } from '../../adapters/process/system-clock.ts'
import { thenClose } from '../../domain/kernel/closers.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { asObject } from '../../domain/kernel/json.ts'
import { recordQuery } from '../../domain/monitoring/record-history.ts'
import type { StatusResult } from '../../domain/pipeline/read-status.ts'
import {
  engineStopsError,
  type QueryControl,
  type WrittenAnswer,
} from '../../domain/sql/query-result.ts'
import { Access } from './access.ts'
import { EngineMonitor, type WatchedEngine } from './engine-monitor.ts'
import type { OpenPage } from './page.ts'
import { startServer, WrittenJson } from './server.ts'

/** What the server needs from the engine. */
export interface ServedEngine {
  readonly port: number
  readonly isPortRequired: boolean
  readonly page: OpenPage
  /** Whose metrics and health are served. */
  readonly watched: Omit<WatchedEngine, 'status' | 'dlq' | 'leftOut'>
  /** Aborted when the engine drains: queries then end, and no more are answered. */
  readonly stop?: AbortSignal | undefined
  status(): Promise<StatusResult>
  /** Ingests what the log holds. */
  catchUp(): Promise<unknown>
  commit(): Promise<unknown>
  /** Answers a query of whoever has the token, outside of this process. */
  ask(sql: string, nowMs: number, control?: QueryControl): Promise<WrittenAnswer>
  /** Merges small files of the lake. */
  compact(options?: object): Promise<unknown>
  /** Removes what the client's retention no longer keeps. */
  prune(retention: object): Promise<unknown>
  /** Compresses what may be compressed of the log. */
  compressLog(): Promise<unknown>
  /** Announces the server to other processes, and takes that back. */
  publish(port: number): Promise<void>
  withdraw(): Promise<void>
}

/** A server that runs until it is closed. */
export interface OpenServer {
  readonly url: string
  /** The address of the page with the token: it shows single events too. */
  readonly pageUrl: string
  status(): Promise<StatusResult>
  close(): Promise<void>
}

/** Serves on 127.0.0.1, and compacts the lake from time to time. */
export async function serveEngine(engine: ServedEngine): Promise<OpenServer> {
  const { page } = engine
  const status = () => engine.status()
  const { dlq, leftOut } = page
  const monitor = new EngineMonitor({ ...engine.watched, status, dlq, leftOut })
  const queries = new RunningQueries(engine.stop)
  const { root } = engine.watched
  const token = await openAccessToken(root)
  const recorder = { history: openHistory(root), clock: systemClock() }
  const server = await startServer({
    port: engine.port,
    isPortRequired: engine.isPortRequired,
    access: new Access(token),
    page: page.page,
    texts: {
      '/metrics': (accept) => monitor.metrics(accept),
      '/healthz': () => monitor.health(),
    },
    routes: {
      ...page.routes,
      'GET /status': status,
      'POST /query': async (body, { signal, door }) => {
        const { sql, ...limits } = readQuery(body)
        await engine.catchUp()
        const run = () =>
          queries.run(signal, (either) =>
            engine.ask(sql, Date.now(), { ...limits, signal: either }),
          )
        const { json } = await recordQuery(recorder, sql, door, run, ({ rows }) => rows)
        return new WrittenJson(json)
      },
      'POST /commit': async () => {
        await engine.commit()
        return status()
      },
      'POST /compact': (body) =>
        engine.compact(typeof body === 'object' && body !== null ? body : {}),
      'POST /prune': (body) => engine.prune(asObject(body)),
      'POST /compress-log': () => engine.compressLog(),
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
  try {
    await engine.publish(server.port)
  } catch (error) {
    clearInterval(timer)
    await server.close()
    throw error
  }
  const url = `http://127.0.0.1:${server.port}`
  return {
    ...{ url, pageUrl: `${url}/?token=${token}` },
    status,
    close: () => {
      clearInterval(timer)
      // The port is closed even on a disk that can't be written any more.
      return thenClose(
        async () => {
          await compacting
        },
        () => engine.withdraw(),
        () => page.close(),
        () => server.close(),
        () => recorder.history.flush(),
      )
    },
  }
}

/** The queries that clients wait for. They end when their client goes, or the engine drains. */
class RunningQueries {
  readonly #running = new Set<AbortController>()
  readonly #stop: AbortSignal | undefined

  constructor(stop: AbortSignal | undefined) {
    this.#stop = stop
    stop?.addEventListener('abort', () => {
      for (const one of this.#running) one.abort(engineStopsError())
    })
  }

  async run<T>(gone: AbortSignal | undefined, ask: (signal: AbortSignal) => Promise<T>) {
    const either = new AbortController()
    if (this.#stop?.aborted) either.abort(engineStopsError())
    else if (gone?.aborted) either.abort()
    gone?.addEventListener('abort', () => either.abort(), { once: true })
    this.#running.add(either)
    try {
      return await ask(either.signal)
    } finally {
      this.#running.delete(either)
    }
  }
}

/** Usually there is nothing to merge. */
const COMPACT_EVERY_MS = 60_000

function readQuery(body: unknown): { readonly sql: string } & Omit<QueryControl, 'signal'> {
  const { sql, timeoutMs, rowsMax } = asObject(body)
  if (typeof sql !== 'string') throw new CcsError('CCS_QUERY_INVALID', 'The request has no "sql".')
  return { sql, timeoutMs: readLimit(timeoutMs), rowsMax: readLimit(rowsMax) }
}

/** A positive number; anything else is no limit of its own. */
function readLimit(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined
}
