/** Composition of the live page, served by the running engine or by `ccs dash`. */
import { systemClock } from '../adapters/process/system-clock.ts'
import type { Clock } from '../domain/kernel/clock.ts'
import type { Project } from '../project.ts'
import type { OpenPage, PageSource } from '../web/live/page.ts'
import { openProjectStore } from './targets/log.ts'

/** Opens the page over what answers its queries. */
export async function openPage(
  project: Project,
  source: PageSource,
  clock: Clock = systemClock(),
): Promise<OpenPage> {
  const [page, { openRejectDecoder }] = await Promise.all([
    import('../web/live/page.ts'),
    import('./reader.ts'),
  ])
  return page.openPage(project, source, { clock, decode: await openRejectDecoder(project) })
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
    revision: () => answers.revision,
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
