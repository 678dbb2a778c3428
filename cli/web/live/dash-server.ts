/** The live page by itself: served by a process that runs no engine. */
import type { StatusResult } from '../../domain/pipeline/read-status.ts'
import type { OpenPage } from './page.ts'
import { startServer } from './server.ts'

/** What is served. */
export interface ServedDash {
  readonly port: number
  readonly isPortRequired: boolean
  readonly page: OpenPage
  status(): Promise<StatusResult>
  /** Releases what the page reads from. */
  close(): Promise<void>
}

/** The page of a project's data, until it is closed. */
export interface OpenDash {
  readonly url: string
  close(): Promise<void>
}

/** Serves on 127.0.0.1. */
export async function serveDash(served: ServedDash): Promise<OpenDash> {
  const { port, isPortRequired, page, status, close } = served
  const routes = { ...page.routes, 'GET /status': status }
  const closePage = async () => {
    await page.close()
    await close()
  }
  const server = await startServer({ port, isPortRequired, routes, page: page.page }).catch(
    async (error: unknown) => {
      await closePage()
      throw error
    },
  )
  return {
    url: `http://127.0.0.1:${server.port}`,
    close: async () => {
      await closePage()
      await server.close()
    },
  }
}
