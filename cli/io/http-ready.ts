/** Whether servers on this machine that speak HTTP can be used, and what they need before they can. */

const TIMEOUT_MS = 5_000

export async function isHttpReady(url: string): Promise<boolean> {
  return (await answer(url)) === 200
}

export async function hasBucket(server: string, bucket: string): Promise<boolean> {
  return (await answer(`${server}/${bucket}`, { method: 'HEAD' })) === 200
}

export async function makeBucket(server: string, bucket: string): Promise<boolean> {
  return (await answer(`${server}/${bucket}`, { method: 'PUT' })) === 200
}

/** New versions must read what the one before wrote: Confluent's default, which other registries don't share. */
export async function setBackward(registry: string): Promise<boolean> {
  const body = JSON.stringify({ compatibility: 'BACKWARD' })
  const headers = { 'content-type': 'application/json' }
  return (await answer(`${registry}/config`, { method: 'PUT', headers, body })) === 200
}

/** The status; undefined: nobody answers. */
async function answer(url: string, init: RequestInit = {}): Promise<number | undefined> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
    await response.arrayBuffer()
    return response.status
  } catch {
    return undefined
  }
}
