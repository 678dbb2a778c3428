/**
 * Composition of the live page: figures, health and the close of the day behind the routes of dash/server.ts.
 * The running engine serves it; `ccs dash` serves the same page from another process.
 */

import { systemClock } from '../adapters/process/system-clock.ts'
import type { Clock } from '../domain/kernel/clock.ts'
import type { ManifestStore } from '../domain/lake/lake.ts'
import type { LiveHealth } from '../domain/live/live-document.ts'
import { parseMetrics } from '../domain/live/metric.ts'
import type { EventLog } from '../domain/log/event-log.ts'
import type { CloseOfDay } from '../domain/marts/daily-summary.ts'
import type { MartsInfo } from '../domain/marts/marts.ts'
import type { StatusResult } from '../domain/pipeline/read-status.ts'
import type { QueryResult } from '../domain/sql/query-result.ts'
import type { Project } from '../project.ts'
import type { PageRoutes, Route } from '../web/live/server.ts'
import type { Marts } from './marts.ts'
import { openProjectStore } from './targets/log.ts'

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

export async function openPage(
  project: Project,
  source: PageSource,
  clock: Clock = systemClock(),
): Promise<OpenPage> {
  const [
    { MetricBoard },
    { HealthReader },
    { DlqTally },
    { LiveHub },
    { Assets, PAGE_DIR },
    reader,
  ] = await Promise.all([
    import('../domain/live/metric-board.ts'),
    import('../domain/live/health.ts'),
    import('../domain/dlq/dlq-tally.ts'),
    import('../web/live/hub.ts'),
    import('../web/live/assets.ts'),
    import('./reader.ts'),
  ])
  const marts = martsReader(project, clock)
  const decode = await reader.openRejectDecoder(project)
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
function martsReader(project: Project, clock: Clock) {
  let marts: Marts | undefined
  let told: { readonly atMs: number; readonly health: LiveHealth['marts'] } | undefined
  return {
    /** marts.json is a small file, but nobody needs it each second. */
    health: async (): Promise<LiveHealth['marts']> => {
      const nowMs = clock.nowMs()
      if (told && nowMs - told.atMs < MARTS_MS) return told.health
      const { readMarts } = await import('./marts.ts')
      const info = await readMarts(project)
      const health = info ? martsHealth(info) : null
      told = { atMs: nowMs, health }
      return health
    },
    day: async (): Promise<CloseOfDay> => {
      const [{ openMarts, readMarts }, { emptyCloseOfDay, readCloseOfDay }] = await Promise.all([
        import('./marts.ts'),
        import('../domain/marts/daily-summary.ts'),
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

/** The page of a project's data, served by this process; it runs no engine. */
export interface OpenDash {
  readonly url: string
  close(): Promise<void>
}

export async function openDash(
  project: Project,
  options: { readonly port: number },
): Promise<OpenDash> {
  const [{ FailoverQueryService }, { openAnswers }, { startServer }] = await Promise.all([
    import('../domain/query/failover-query-service.ts'),
    import('./query-sources.ts'),
    import('../web/live/server.ts'),
  ])
  const clock = systemClock()
  const answers = new FailoverQueryService(() => openAnswers(project), clock)
  const { log, manifests } = await openProjectStore(project)
  const page = await openPage(project, {
    log,
    manifests,
    catchUp: () => answers.refresh(),
    query: (sql) => answers.query(sql),
    status: () => answers.status(),
    news: () => answers.revision,
  })
  const close = async () => {
    await page.close()
    await answers.close()
    await log.close()
  }
  const routes = { ...page.routes, 'GET /status': () => answers.status() }
  const server = await startServer({ port: options.port, routes, page: page.page }).catch(
    async (error: unknown) => {
      await close()
      throw error
    },
  )
  return {
    url: `http://127.0.0.1:${server.port}`,
    close: async () => {
      await close()
      await server.close()
    },
  }
}
