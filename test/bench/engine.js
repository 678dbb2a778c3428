/** A `ccs run` in the background that answers over its local HTTP, and the generator beside it. */
import { readFile } from 'node:fs/promises'
import { sleep, startCcs } from './measure.js'

/** Starts the engine on `data`; resolves when it answers. */
export async function startEngine(data, more = [], groups = []) {
  const process = startCcs(['run', '--data', data, '--port', '0', ...more], groups)
  return { ...process, ...(await answering(data, process)) }
}

/** Waits until the engine that is `process` answers; gives its `query`. */
async function answering(data, process) {
  for (;;) {
    if (!process.isAlive()) throw new Error(`ccs run ended: ${process.output().stderr}`)
    const found = await endpoint(data)
    if (found?.pid === process.pid) return answersAt(data, found.port)
    await sleep(5)
  }
}

/** The engine that says it runs on `data`; undefined while none does. It may have ended since. */
export async function endpointOf(data) {
  const found = await endpoint(data)
  return found && answersAt(data, found.port)
}

/** Where the engine says that it listens. */
async function endpoint(data) {
  try {
    return JSON.parse(await readFile(`${data}/engine.json`, 'utf8'))
  } catch {
    return undefined // not there yet
  }
}

function answersAt(data, port) {
  const call = async (path, method, body) => {
    const token = await readFile(`${data}/access-token`, 'utf8').catch(() => '')
    const authorization = `Bearer ${token.trim()}`
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : {
            headers: { 'content-type': 'application/json', authorization },
            body: JSON.stringify(body),
          }),
    })
    const document = await response.json()
    if (!response.ok) throw new Error(document.error?.message ?? `HTTP ${response.status}`)
    return document
  }
  return {
    port,
    /** Rows of a query. */
    query: async (sql) => (await call('/query', 'POST', { sql })).rows,
    status: () => call('/status', 'GET'),
    /** Resolves when everything taken in so far is committed. */
    commit: () => call('/commit', 'POST', {}),
  }
}
