/**
 * Answers that go on while engines come and go: those of the engine that runs on the data, or of the last
 * commit while none does. A page that is served by a process of its own asks through this.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import type { StatusResult } from '../pipeline/read-status.ts'
import type { QueryResult } from '../sql/query-result.ts'

/** Where answers come from at one time; see open-answers.ts. */
export interface QueryBackend {
  /** The engine's URL, or 'lake'. */
  readonly from: string
  /** Of the lake: which commit. */
  readonly asOf: string | null
  query(sql: string, signal?: AbortSignal): Promise<QueryResult>
  status(): Promise<StatusResult>
  close(): Promise<void>
}

type Source = Pick<QueryBackend, 'asOf' | 'from'>

/** While no engine runs, this often is looked whether one does, or another commit is there. */
const LOOK_MS = 1_000

export class FailoverQueryService {
  readonly #open: () => Promise<QueryBackend>
  readonly #clock: Clock
  #answers: Promise<QueryBackend> | undefined
  #lookedMs = 0
  #news = 0

  constructor(open: () => Promise<QueryBackend>, clock: Clock) {
    this.#open = open
    this.#clock = clock
  }

  /** Records in the log, as of the last look. */
  get revision(): number {
    return this.#news
  }

  /** Looks for another engine or commit where that is due, and how far the log has grown. */
  async refresh(): Promise<void> {
    const nowMs = this.#clock.nowMs()
    const answers = await this.#current()
    if (answers.from === 'lake' && nowMs - this.#lookedMs >= LOOK_MS) {
      this.#lookedMs = nowMs
      const next = await this.#open()
      if (next.from === answers.from && next.asOf === answers.asOf) await next.close()
      else {
        this.#answers = Promise.resolve(next)
        await answers.close()
      }
    }
    await this.status()
  }

  /** The signal makes it fail. */
  query(sql: string, signal?: AbortSignal): Promise<QueryResult> {
    return this.#withFailover((answers) => answers.query(sql, signal), signal)
  }

  /** Who answers now, after a look. */
  async source(): Promise<Source> {
    await this.refresh()
    return this.#current()
  }

  async status(): Promise<StatusResult> {
    const status = await this.#withFailover((answers) => answers.status())
    this.#news = status.counts.records + status.lagEvents
    return status
  }

  async close(): Promise<void> {
    await (await this.#answers?.catch(() => undefined))?.close()
  }

  #current(): Promise<QueryBackend> {
    this.#answers ??= this.#open()
    this.#answers.catch(() => {
      this.#answers = undefined // the next question tries again
    })
    return this.#answers
  }

  /** An engine that has gone is asked for once more: where it is now, or what it left. */
  async #withFailover<T>(
    question: (answers: QueryBackend) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const opened = this.#current()
    const answers = await opened
    try {
      return await question(answers)
    } catch (error) {
      const isGone = error instanceof CcsError && error.code === 'CCS_ENGINE_UNREACHABLE'
      if (!isGone || signal?.aborted) throw error
      if (this.#answers === opened) {
        this.#answers = undefined
        await answers.close()
      }
      return question(await this.#current())
    }
  }
}
