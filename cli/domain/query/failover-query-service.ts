/**
 * Answers queries while engines come and go: from the engine that runs on the data or, if none
 * does, from the last commit. Used by pages that a process of their own serves.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import type { StatusResult } from '../pipeline/read-status.ts'
import type { QueryControl, QueryResult } from '../sql/query-result.ts'

/** Where answers come from at the moment. */
export interface QueryBackend {
  /** The engine's URL, or `lake`. */
  readonly from: string
  /** For `lake`: time of the commit, ISO 8601. */
  readonly asOf: string | null
  query(sql: string, control?: QueryControl): Promise<QueryResult>
  status(): Promise<StatusResult>
  close(): Promise<void>
}

type Source = Pick<QueryBackend, 'asOf' | 'from'>

/** How often to look for an engine or a newer commit while no engine runs. */
const REFRESH_MS = 1_000

/** Opens a backend on the first query and replaces it when it is gone or outdated. */
export class FailoverQueryService {
  readonly #open: () => Promise<QueryBackend>
  readonly #clock: Clock
  #backend: Promise<QueryBackend> | undefined
  #refreshedMs = 0
  #revision = 0

  constructor(open: () => Promise<QueryBackend>, clock: Clock) {
    this.#open = open
    this.#clock = clock
  }

  /** Grows whenever the log grows; as of the last refresh. */
  get revision(): number {
    return this.#revision
  }

  /** Switches to another engine or commit if there is one, and updates `revision`. */
  async refresh(): Promise<void> {
    const nowMs = this.#clock.nowMs()
    const backend = await this.#current()
    if (backend.from === 'lake' && nowMs - this.#refreshedMs >= REFRESH_MS) {
      this.#refreshedMs = nowMs
      const next = await this.#open()
      if (next.from === backend.from && next.asOf === backend.asOf) await next.close()
      else {
        this.#backend = Promise.resolve(next)
        await backend.close()
      }
    }
    await this.status()
  }

  /** Aborting the signal makes it fail. */
  query(sql: string, control?: QueryControl): Promise<QueryResult> {
    return this.#withFailover((backend) => backend.query(sql, control), control?.signal)
  }

  /** Returns the current backend, after a refresh. */
  async source(): Promise<Source> {
    await this.refresh()
    return this.#current()
  }

  async status(): Promise<StatusResult> {
    const status = await this.#withFailover((backend) => backend.status())
    this.#revision = status.counts.records + status.lagEvents
    return status
  }

  async close(): Promise<void> {
    await (await this.#backend?.catch(() => undefined))?.close()
  }

  #current(): Promise<QueryBackend> {
    this.#backend ??= this.#open()
    this.#backend.catch(() => {
      this.#backend = undefined // so that the next query tries again
    })
    return this.#backend
  }

  /**
   * Repeats a query once if the engine is gone: on the new engine, or on
   * what the old one committed.
   */
  async #withFailover<T>(
    run: (backend: QueryBackend) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const opened = this.#current()
    const backend = await opened
    try {
      return await run(backend)
    } catch (error) {
      const isGone = error instanceof CcsError && error.code === 'CCS_ENGINE_UNREACHABLE'
      if (!isGone || signal?.aborted) throw error
      if (this.#backend === opened) {
        this.#backend = undefined
        await backend.close()
      }
      return run(await this.#current())
    }
  }
}
