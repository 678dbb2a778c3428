/**
 * Answers the page's metrics from the topics of a target. One reader follows the topics that the
 * metrics need, while somebody looks, and holds the part of each that they need; the metrics are
 * queried over what it has. Nothing waits for a server: what is not known yet is said instead.
 */
import type { ModelFinder } from '../../../adapters/duckdb/find-models.ts'
import { QueryBounds, readWithin, untilAborted } from '../../../adapters/duckdb/limited-query.ts'
import { setNow } from '../../../adapters/duckdb/model-catalog.ts'
import { toQueryError } from '../../../adapters/duckdb/query-error.ts'
import type { Clock } from '../../../domain/kernel/clock.ts'
import { CcsError, EXIT } from '../../../domain/kernel/errors.ts'
import { greatest } from '../../../domain/kernel/lists.ts'
import { formatBytes, formatCount } from '../../../domain/kernel/units.ts'
import { describeFault, type TopicsState } from '../../../domain/live/job-health.ts'
import type { AbsentRows } from '../../../domain/live/metric-source.ts'
import { isMemoryShort } from '../../../domain/sql/memory-error.ts'
import type { QueryLimits, QueryResult } from '../../../domain/sql/query-result.ts'
import type { TopicNeeds } from './plan-page.ts'
import { ReaderTurns } from './reader-turns.ts'
import type { TargetTables } from './target-tables.ts'
import type { TopicWindow } from './topic-window.ts'

/** What answers the metrics of one page. */
export interface PageQueriesOptions {
  readonly tables: TargetTables
  readonly windows: ReadonlyMap<string, TopicWindow>
  /** What metrics need of topics now: plans them again. */
  readonly plan: () => Promise<ReadonlyMap<string, TopicNeeds>>
  readonly finder: ModelFinder
  /** Ids of the metrics by their SQL. */
  readonly ids: ReadonlyMap<string, string>
  readonly limits: Pick<QueryLimits, 'timeoutMs' | 'rowsMax'> & {
    readonly memoryLimitBytes: number
  }
  /** More records of a topic are not read. */
  readonly recordsMax: number
  readonly clock: Clock
  /** Where the topics are. */
  readonly from: string
}

/** A topic as the reader knows it. */
interface Topic {
  state: 'unread' | 'reading' | 'ready' | 'failed'
  /** Records read, and to read, while it is being read. */
  done: number
  total: number
  newestMs: number | null
  /** Why it can't be read, and when that is tried again, by the clock's `elapsedMs`. */
  why: string
  againMs: number
}

/** A tick of the page waits so long for what is new. */
const WAIT_MS = 700
/** More records are read in parts, with queries between them. */
const AT_ONCE_MAX = 20_000
/** What is needed moves with the clock: it is planned again, and what is older is removed. */
const PLAN_EVERY_MS = 600_000
/** A topic that can't be read is tried again after this time. */
const AGAIN_MS = 5_000

/** Reads nothing before `catchUp`. */
export class PageQueries {
  readonly #options: PageQueriesOptions
  readonly #topics = new Map<string, Topic>()
  readonly #stop = new AbortController()
  readonly #turns: ReaderTurns
  /** Models whose topics each metric needs. */
  #modelsOf = new Map<string, readonly string[]>()
  #plannedMs = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined
  #readMs: number | null = null
  #fault: string | null = null
  #revision = 0

  constructor(options: PageQueriesOptions) {
    this.#options = options
    this.#turns = new ReaderTurns(options.clock)
  }

  /** Grows when rows were read. */
  get revision(): number {
    return this.#revision
  }

  /** How far the topics were read. */
  get state(): TopicsState {
    const all = [...this.#topics.values()]
    const times = all.map(({ newestMs }) => newestMs).filter((one) => one !== null)
    return {
      from: this.#options.from,
      newestMs: times.length === 0 ? null : greatest(times),
      readMs: this.#readMs,
      isEmpty: times.length === 0 && all.length > 0 && all.every((one) => one.state === 'ready'),
      fault: this.#fault,
    }
  }

  /** Begins to read what is new, unless that is under way; waits for it a moment at most. */
  async catchUp(): Promise<void> {
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined
    })
    const stop = new AbortController()
    const { clock } = this.#options
    await Promise.race([this.#reading, clock.sleep(WAIT_MS, stop.signal)])
    stop.abort()
  }

  /** The rows of a metric as of `nowMs`, or why they are not known. CCS_QUERY_INVALID, _LIMIT. */
  async query(sql: string, nowMs: number): Promise<QueryResult | AbsentRows> {
    const id = this.#options.ids.get(sql)
    // Nobody waits for a turn to be told that.
    const absent = id === undefined ? undefined : this.#explainAbsence(id)
    if (absent) return absent
    const bounds = new QueryBounds(this.#options.limits, { signal: this.#stop.signal })
    const answer = this.#turns.takeSoon(() => this.#answer(sql, nowMs, bounds))
    return (await answer.finally(() => bounds.release())) ?? SLOW
  }

  /** Ends what is being read. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#reading
    await this.#turns.idle
    this.#options.tables.close()
  }

  async #answer(
    sql: string,
    nowMs: number,
    bounds: QueryBounds,
  ): Promise<QueryResult | AbsentRows> {
    const { tables, finder, ids } = this.#options
    const { connection } = tables
    try {
      return await untilAborted(connection, bounds.signal, async () => {
        await finder.find(connection, sql)
        const absent = this.#explainAbsence(ids.get(sql) ?? '')
        if (absent) return absent
        await setNow(connection, nowMs)
        return readWithin(connection, sql, bounds)
      })
    } catch (error) {
      // Ends the statement, of which rows may be left.
      await connection.run('SELECT 1').catch(() => undefined)
      if (bounds.signal.aborted) throw bounds.signal.reason
      throw isMemoryShort(error) ? this.#memoryError(error) : toQueryError(error)
    }
  }

  #explainAbsence(id: string): AbsentRows | undefined {
    // As time passes, what can't be read would look like nothing: the last rows stay.
    if (this.#fault !== null) return { absent: this.#fault, isPassing: true }
    const models = this.#modelsOf.get(id)
    if (models === undefined && this.#plannedMs === Number.NEGATIVE_INFINITY)
      return { absent: 'The topics have not been read yet.', isPassing: true }
    for (const model of models ?? []) {
      const excess = this.#options.windows.get(model)?.explain(id)
      if (excess !== undefined) return { absent: excess, isPassing: false }
      const { state, done, total, why } = this.#findTopic(model)
      if (state === 'failed') return { absent: why, isPassing: false }
      if (state === 'unread')
        return { absent: `The topic of ${model} has not been read yet.`, isPassing: true }
      if (state === 'reading') {
        const part = total > 0 ? `: ${formatCount(done)} of ${formatCount(total)} records` : ''
        return { absent: `The topic of ${model} is being read${part}.`, isPassing: true }
      }
    }
    return undefined
  }

  #findTopic(model: string): Topic {
    const known = this.#topics.get(model)
    if (known) return known
    const topic: Topic = { state: 'unread', done: 0, total: 0, newestMs: null, why: '', againMs: 0 }
    this.#topics.set(model, topic)
    return topic
  }

  /** Reads what is new in all topics; what is wrong with one keeps no other from being read. */
  async #readAll(): Promise<void> {
    const { clock } = this.#options
    try {
      await this.#planIfDue()
      for (const model of this.#topics.keys()) {
        if (this.#stop.signal.aborted) return
        await this.#readTopic(model)
      }
      this.#readMs = clock.nowMs()
      this.#fault = null
    } catch (error) {
      this.#fault = describeFault(error)
    }
  }

  async #planIfDue(): Promise<void> {
    const { plan, windows, tables, clock } = this.#options
    if (clock.elapsedMs() - this.#plannedMs < PLAN_EVERY_MS) return
    const needs = await plan()
    const modelsOf = new Map<string, string[]>()
    for (const [model, { wanted }] of needs) {
      const window = windows.get(model)
      if (window === undefined) continue
      const topic = this.#findTopic(model)
      window.want(wanted)
      for (const { id } of wanted) modelsOf.set(id, [...(modelsOf.get(id) ?? []), model])
      if (topic.state === 'unread') continue
      if (await window.isOutdated()) tables.forget(model)
      topic.againMs = 0
      await this.#turns.take(() => tables.prune(model))
    }
    this.#modelsOf = modelsOf
    this.#plannedMs = clock.elapsedMs()
  }

  /** Throws only if a server does not answer. */
  async #readTopic(model: string): Promise<void> {
    const { tables, windows, recordsMax, clock } = this.#options
    const topic = this.#findTopic(model)
    if (topic.state === 'failed' && clock.elapsedMs() < topic.againMs) return
    let end = await this.#turns.takeForReader()
    const pause = async (done: number, total: number) => {
      Object.assign(topic, { done, total })
      if (total <= AT_ONCE_MAX) return
      topic.state = 'reading'
      end()
      end = await this.#turns.takeForReader()
    }
    try {
      const before = topic.newestMs
      const names = new Set([model])
      const { newestMs } = await tables.refresh(names, this.#stop.signal, { recordsMax, pause })
      windows.get(model)?.release()
      if (newestMs !== before || topic.state !== 'ready') this.#revision++
      Object.assign(topic, { state: 'ready', newestMs })
    } catch (error) {
      if (this.#stop.signal.aborted) return
      if (error instanceof CcsError && error.exit === EXIT.unreachable) throw error
      const fault = isMemoryShort(error) ? this.#memoryError(error) : error
      // What is too much now will not be less in a few seconds.
      const isTooMuch = fault instanceof CcsError && fault.code === 'CCS_QUERY_LIMIT'
      const againMs = isTooMuch ? Number.POSITIVE_INFINITY : clock.elapsedMs() + AGAIN_MS
      Object.assign(topic, { state: 'failed', why: describeFault(fault), againMs })
      await tables.clear(model).catch(() => undefined)
      this.#revision++
    } finally {
      end()
    }
  }

  #memoryError(cause: unknown): CcsError {
    const size = formatBytes(this.#options.limits.memoryLimitBytes)
    const message = `The page's rows take more than ${size} of memory.`
    return new CcsError('CCS_QUERY_LIMIT', message, {
      hint: 'Raise query.memory_limit in ccs.yml.',
      cause,
    })
  }
}

const SLOW: AbsentRows = { absent: 'The topics are being read.', isPassing: true }
