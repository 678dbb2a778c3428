/**
 * The live page behind the routes of server.ts: metrics, health, and the last closed day. The
 * running engine serves it; `ccs dash` serves the same page from another process.
 */
import type { DataPlace, Marts } from '../../adapters/duckdb/published-marts.ts'
import type { Config } from '../../domain/config/config.ts'
import type { DlqCounts } from '../../domain/dlq/dlq-tally.ts'
import type { DlqShowPorts } from '../../domain/dlq/show-reject.ts'
import type { Clock } from '../../domain/kernel/clock.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { LogSource } from '../../domain/lake/manifest.ts'
import type { HealthPorts } from '../../domain/live/health.ts'
import type { LiveHealth } from '../../domain/live/live-document.ts'
import { parseMetrics } from '../../domain/live/metric.ts'
import type { AbsentRows } from '../../domain/live/metric-source.ts'
import type { EventLog } from '../../domain/log/event-log.ts'
import type { CloseOfDay } from '../../domain/marts/daily-summary.ts'
import type { MartsInfo } from '../../domain/marts/marts.ts'
import type { GraphModel } from '../../domain/models/graph.ts'
import type { LeftOut } from '../../domain/provenance/left-out.ts'
import type { QueryResult } from '../../domain/sql/query-result.ts'
import type { PageRoutes, Route } from './server.ts'

/** Where the page gets its data. */
export interface PageSource {
  readonly log: EventLog
  /** Whether offsets of events.dlq are also those of transactions. */
  readonly hasTransactions?: boolean
  /** Sources of the engine's current manifest; none where there is none. */
  sources(): Promise<readonly LogSource[]>
  /** Ingests what the log holds. */
  catchUp(): Promise<void>
  query(sql: string, nowMs: number): Promise<QueryResult | AbsentRows>
  /** What reads the state of the pipeline; the page knows these parts of it. */
  openHealth(parts: PageHealthParts): { read(): Promise<LiveHealth> }
  /** Grows with the number of ingested records. */
  revision(): number
  /** The models that made the rows; CcsErrors where they can't be opened. */
  graph(): Promise<readonly GraphModel[]>
  /** Why there is no closed day to show, if nobody builds the marts of this target. */
  readonly noMarts?: string
}

/** Parts of the state of the pipeline that the page reads itself. */
export type PageHealthParts = Omit<HealthPorts, 'status'>

/** The page's part of a server. */
export interface OpenPage {
  readonly routes: Readonly<Record<string, Route>>
  readonly page: PageRoutes
  /** Open pages, and the queries for all of them so far. */
  readonly usage: () => PageUsage
  /** The rejects by reason, and what today's numbers leave out; null: it can't be counted. */
  readonly dlq: () => Promise<DlqCounts>
  readonly leftOut: () => Promise<LeftOut | null>
  close(): Promise<void>
}

/** What the open pages cost, for tests and benchmarks: GET /api/usage. */
export interface PageUsage {
  readonly pages: number
  readonly asked: number
  /** CPU ms of one query of each metric; 0: not known yet. */
  readonly costMs: Readonly<Record<string, number>>
  /** Time between two queries of each metric, ms. */
  readonly paceMs: Readonly<Record<string, number>>
}

/** Any project: what the page needs of it. */
export interface PageProject extends DataPlace {
  readonly config: Pick<Config, 'name' | 'timezone'>
  /** sql/live/: the metrics of the page. */
  readonly metrics: Parameters<typeof parseMetrics>[0]
}

/** What else the page needs. */
export interface PageParts {
  readonly clock: Clock
  /** Opens what decodes rejects, to count them by reason; tried again if it fails. */
  readonly openDecoder: () => Promise<DlqShowPorts['decode']>
  /** When the disk is full; null: not soon. */
  readonly disk: () => Promise<LiveHealth['disk']>
}

/** Opens the page; nothing is queried before somebody looks. */
export async function openPage(
  project: PageProject,
  source: PageSource,
  { clock, openDecoder, disk }: PageParts,
): Promise<OpenPage> {
  const [
    { MetricBoard },
    { hideErrors, keepOpenPart },
    { DlqTally },
    { LiveHub },
    { openAssets },
    left,
  ] = await Promise.all([
    import('../../domain/live/metric-board.ts'),
    import('../../domain/live/open-part.ts'),
    import('../../domain/dlq/dlq-tally.ts'),
    import('./hub.ts'),
    import('./assets.ts'),
    openLeftOut(source),
  ])
  const marts = createMartsReader(project, clock, source.noMarts)
  let tally: InstanceType<typeof DlqTally> | undefined
  const readRejects = async () => {
    const sources = () => source.sources()
    tally ??= new DlqTally({ log: source.log, decode: await openDecoder(), sources })
    return tally.read()
  }
  const health = source.openHealth({
    clock,
    dlq: readRejects,
    marts: () => marts.health(),
    leftOut: async () => left.read(board.lastAnswer(left.id), timezone),
    disk,
  })
  const { name, timezone } = project.config
  const own = parseMetrics(project.metrics)
  const board: Board = new MetricBoard({
    metrics: [...own.metrics, ...left.metrics],
    broken: [...own.broken, ...left.broken],
    shop: { name, timezone },
    clock,
    source: {
      catchUp: () => source.catchUp(),
      query: (sql, nowMs) => source.query(sql, nowMs),
      health: () => health.read(),
      revision: () => source.revision(),
    },
  })
  const hub = new LiveHub({
    snapshot: (now) => board.snapshot(now),
    health: () => board.health(),
    refresh: (onPart) => board.refresh(onPart),
    revision: () => source.revision(),
    checkEveryMs: () => board.checkEveryMs(),
    listPrivate: () => board.listPrivate(),
  })
  const assets = openAssets()
  const usage = () => ({
    pages: hub.clientCount,
    asked: board.queryCount,
    costMs: Object.fromEntries(board.costs()),
    paceMs: Object.fromEntries(board.waitTimes()),
  })
  return {
    routes: {
      'GET /api/usage': async () => usage(),
      'GET /api/figures': async (_body, { mayReadAll }) =>
        mayReadAll ? board.listMetrics() : hideErrors(board.listMetrics()),
      'GET /api/snapshot': async (_body, { mayReadAll }) => {
        await board.refresh()
        const snapshot = board.snapshot(await board.health())
        return mayReadAll ? snapshot : keepOpenPart(snapshot, board.listPrivate())
      },
      'GET /api/day': () => marts.day(),
    },
    page: {
      asset: (file) => assets.get(file),
      stream: (response, headers, mayReadAll) => hub.join(response, headers, mayReadAll),
    },
    usage,
    dlq: readRejects,
    leftOut: () => left.query(clock.nowMs(), timezone),
    close: async () => {
      await hub.close()
      await marts.close()
    },
  }
}

type Board = import('../../domain/live/metric-board.ts').MetricBoard

/** The metric of what is left out, or why there is none. */
async function openLeftOut(source: PageSource) {
  const [{ createLeftOutPart }, metric, { RejectCounter }] = await Promise.all([
    import('../../domain/live/page-metrics.ts'),
    import('../../domain/live/left-out-metric.ts'),
    import('../../domain/dlq/count-rejects.ts'),
  ])
  const counter = new RejectCounter(source.log, { isWhole: !source.hasTransactions })
  const id = metric.LEFT_OUT_METRIC
  const part = createLeftOutPart(await readGraph(source))
  const read = async (answer: ReturnType<Board['lastAnswer']>, timezone: string) => {
    if (!('models' in part)) return null
    const { models } = part
    return metric.readLeftOutTable(answer, { models, timezone }, counter.count.bind(counter))
  }
  return {
    ...{ id, read },
    metrics: 'metric' in part ? [part.metric] : [],
    broken: 'broken' in part ? [part.broken] : [],
    query: async (nowMs: number, timezone: string) => {
      if (!('metric' in part)) return null
      const answer = await source.query(part.metric.sql, nowMs)
      if ('absent' in answer) return null
      return read({ asOf: new Date(nowMs).toISOString(), rows: answer.rows }, timezone)
    },
  }
}

async function readGraph(source: PageSource): Promise<readonly GraphModel[] | CcsError> {
  try {
    return await source.graph()
  } catch (error) {
    if (error instanceof CcsError) return error
    throw error
  }
}

/** Opens the marts when somebody asks for a day. */
function createMartsReader(project: PageProject, clock: Clock, noMarts?: string) {
  let marts: Marts | undefined
  let cached: { readonly atMs: number; readonly health: LiveHealth['marts'] } | undefined
  return {
    /** Read at most every two seconds, not on every tick. */
    health: async (): Promise<LiveHealth['marts']> => {
      const nowMs = clock.nowMs()
      if (cached && nowMs - cached.atMs < MARTS_MS) return cached.health
      const { readMarts } = await import('../../adapters/duckdb/published-marts.ts')
      const info = await readMarts(project)
      const health = info ? describeMarts(info) : null
      cached = { atMs: nowMs, health }
      return health
    },
    day: async (): Promise<CloseOfDay> => {
      const [{ openMarts, readMarts }, { emptyCloseOfDay, readCloseOfDay }] = await Promise.all([
        import('../../adapters/duckdb/published-marts.ts'),
        import('../../domain/marts/daily-summary.ts'),
      ])
      marts ??= await openMarts(project)
      if (!marts) return emptyCloseOfDay(noMarts ?? explainMissingMarts(await readMarts(project)))
      return readCloseOfDay(marts, { timezone: project.config.timezone, nowMs: clock.nowMs() })
    },
    close: async () => marts?.close(),
  }
}

const MARTS_MS = 2_000

function describeMarts({ builtMs, lastRun }: MartsInfo): LiveHealth['marts'] {
  const ok = lastRun?.ok ?? builtMs !== null
  return {
    builtAt: builtMs === null ? null : new Date(builtMs).toISOString(),
    ok,
    message: ok ? '' : (lastRun?.message ?? 'The last build of the marts failed.'),
  }
}

function explainMissingMarts(info: MartsInfo | undefined): string {
  if (info?.lastRun?.ok === false)
    return `The daily numbers could not be built: ${info.lastRun.message ?? 'see ccs dbt build'}`
  return (
    'The daily numbers are not built yet. ccs up builds them if it finds Python; ' +
    'by hand: ccs dbt build.'
  )
}
