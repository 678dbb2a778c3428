/**
 * The live page behind the routes of server.ts: metrics, health, and the last closed day.
 * The running engine serves it; `ccs dash` serves the same page from another process.
 */
import type { DataPlace, Marts } from '../../adapters/duckdb/published-marts.ts'
import type { Config } from '../../domain/config/config.ts'
import type { DlqShowPorts } from '../../domain/dlq/show-reject.ts'
import type { Clock } from '../../domain/kernel/clock.ts'
import type { ManifestStore } from '../../domain/lake/lake.ts'
import type { LiveHealth } from '../../domain/live/live-document.ts'
import { parseMetrics } from '../../domain/live/metric.ts'
import type { EventLog } from '../../domain/log/event-log.ts'
import type { CloseOfDay } from '../../domain/marts/daily-summary.ts'
import type { MartsInfo } from '../../domain/marts/marts.ts'
import type { StatusResult } from '../../domain/pipeline/read-status.ts'
import type { QueryResult } from '../../domain/sql/query-result.ts'
import type { PageRoutes, Route } from './server.ts'

/** What answers the page's questions. */
export interface PageSource {
  readonly log: EventLog
  readonly manifests: ManifestStore
  /** Takes in what the log holds. */
  catchUp(): Promise<void>
  query(sql: string, nowMs: number): Promise<QueryResult>
  status(): Promise<StatusResult>
  /** Grows with the records taken in. */
  news(): number
}

/** The page's part of a server. */
export interface OpenPage {
  readonly routes: Readonly<Record<string, Route>>
  readonly page: PageRoutes
  /** Pages that are open, and questions asked for all of them so far. */
  readonly usage: () => PageUsage
  close(): Promise<void>
}

/** What the open pages cost, for tests and benchmarks: GET /api/usage. */
export interface PageUsage {
  readonly pages: number
  readonly asked: number
  /** What one question of each figure costs, ms of CPU; 0: not known yet. */
  readonly costMs: Readonly<Record<string, number>>
  /** How long each figure waits from one question to the next, ms. */
  readonly paceMs: Readonly<Record<string, number>>
}

/** A project, as far as its page is concerned. */
export interface PageProject extends DataPlace {
  readonly config: Pick<Config, 'name' | 'timezone'>
  /** sql/live/: the metrics of the page. */
  readonly metrics: Parameters<typeof parseMetrics>[0]
}

/** What the page is opened with beside what it shows. */
export interface PageParts {
  readonly clock: Clock
  /** Decodes rejects, for the numbers by reason. */
  readonly decode: DlqShowPorts['decode']
}

/** Opens the page; nothing is asked before somebody looks. */
export async function openPage(
  project: PageProject,
  source: PageSource,
  { clock, decode }: PageParts,
): Promise<OpenPage> {
  const [{ MetricBoard }, { HealthReader }, { DlqTally }, { LiveHub }, { Assets, PAGE_DIR }] =
    await Promise.all([
      import('../../domain/live/metric-board.ts'),
      import('../../domain/live/health.ts'),
      import('../../domain/dlq/dlq-tally.ts'),
      import('./hub.ts'),
      import('./assets.ts'),
    ])
  const marts = martsReader(project, clock)
  const tally = new DlqTally({
    log: source.log,
    decode,
    sources: async () => (await source.manifests.load())?.sources ?? [],
  })
  const health = new HealthReader({
    clock,
    status: () => source.status(),
    dlq: () => tally.read(),
    marts: () => marts.health(),
  })
  const { name, timezone } = project.config
  const board = new MetricBoard({
    ...parseMetrics(project.metrics),
    shop: { name, timezone },
    clock,
    source: {
      catchUp: () => source.catchUp(),
      query: (sql, nowMs) => source.query(sql, nowMs),
      health: () => health.read(),
      revision: () => source.news(),
    },
  })
  const hub = new LiveHub({
    snapshot: (now) => board.snapshot(now),
    health: () => board.health(),
    refresh: (onPart) => board.refresh(onPart),
    news: () => source.news(),
    newsMs: () => board.checkEveryMs(),
  })
  const assets = new Assets(PAGE_DIR)
  const usage = () => ({
    pages: hub.readers,
    asked: board.queryCount,
    costMs: Object.fromEntries(board.costs()),
    paceMs: Object.fromEntries(board.waitTimes()),
  })
  return {
    routes: {
      'GET /api/usage': async () => usage(),
      'GET /api/figures': async () => board.listMetrics(),
      'GET /api/snapshot': async () => {
        await board.refresh()
        return board.snapshot(await board.health())
      },
      'GET /api/day': () => marts.day(),
    },
    page: {
      asset: (file) => assets.get(file),
      stream: (response, headers) => hub.join(response, headers),
    },
    usage,
    close: async () => {
      await hub.close()
      await marts.close()
    },
  }
}

/** The marts, opened when somebody asks for a day. */
function martsReader(project: PageProject, clock: Clock) {
  let marts: Marts | undefined
  let told: { readonly atMs: number; readonly health: LiveHealth['marts'] } | undefined
  return {
    /** marts.json is a small file, but nobody needs it each second. */
    health: async (): Promise<LiveHealth['marts']> => {
      const nowMs = clock.nowMs()
      if (told && nowMs - told.atMs < MARTS_MS) return told.health
      const { readMarts } = await import('../../adapters/duckdb/published-marts.ts')
      const info = await readMarts(project)
      const health = info ? martsHealth(info) : null
      told = { atMs: nowMs, health }
      return health
    },
    day: async (): Promise<CloseOfDay> => {
      const [{ openMarts, readMarts }, { emptyCloseOfDay, readCloseOfDay }] = await Promise.all([
        import('../../adapters/duckdb/published-marts.ts'),
        import('../../domain/marts/daily-summary.ts'),
      ])
      marts ??= await openMarts(project)
      if (!marts) return emptyCloseOfDay(whyNoMarts(await readMarts(project)))
      return readCloseOfDay(marts, { timezone: project.config.timezone, nowMs: clock.nowMs() })
    },
    close: async () => marts?.close(),
  }
}

const MARTS_MS = 2_000

function martsHealth({ builtMs, lastRun }: MartsInfo): LiveHealth['marts'] {
  const ok = lastRun?.ok ?? builtMs !== null
  return {
    builtAt: builtMs === null ? null : new Date(builtMs).toISOString(),
    ok,
    message: ok ? '' : (lastRun?.message ?? 'The last build of the marts failed.'),
  }
}

function whyNoMarts(info: MartsInfo | undefined): string {
  if (info?.lastRun?.ok === false)
    return `The daily numbers could not be built: ${info.lastRun.message ?? 'see ccs dbt build'}`
  return 'The daily numbers are not built yet. ccs up builds them when Python is there; by hand: ccs dbt build.'
}
