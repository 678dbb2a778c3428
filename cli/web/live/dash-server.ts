/** The live page by itself: served by a process that runs no engine. */
import { openAccessToken } from '../../adapters/files/access-token.ts'
import { Access } from './access.ts'
import type { OpenPage } from './page.ts'
import { startServer } from './server.ts'

/** What is served. */
export interface ServedDash {
  readonly port: number
  readonly isPortRequired: boolean
  readonly page: OpenPage
  /** The data directory. */
  readonly root: string
  /** What `ccs status --json` prints. */
  status(): Promise<unknown>
  /** Releases what the page reads from. */
  close(): Promise<void>
}

/** The page of a project's data, until it is closed. */
export interface OpenDash {
  readonly url: string
  /** The same with the token: it shows single events too. */
  readonly pageUrl: string
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
  const start = async () => {
    const token = await openAccessToken(served.root)
    const access = new Access(token)
    return {
      token,
      ...(await startServer({ port, isPortRequired, access, routes, page: page.page })),
    }
  }
  const server = await start().catch(async (error: unknown) => {
    await closePage()
    throw error
  })
  const url = `http://127.0.0.1:${server.port}`
  return {
    ...{ url, pageUrl: `${url}/?token=${server.token}` },
    close: async () => {
      await closePage()
      await server.close()
    },
  }
}
