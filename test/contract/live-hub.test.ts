/** The event stream over real sockets: clients that lag, leave or never read, and its heartbeat. */
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import type { LiveHealth } from '../../cli/domain/live/live-document.ts'
import { type HubBoard, type HubOptions, LiveHub } from '../../cli/web/live/hub.ts'
import { openStalledClient, PageReader } from '../fixtures/page-reader.ts'

const HEALTH: LiveHealth = {
  running: true,
  eventsPerSecond: null,
  freshnessMs: null,
  lagEvents: 0,
  records: 0,
  late: 0,
  duplicates: 0,
  dlq: 0,
  setAside: 0,
  dlqByReason: {},
  watermark: null,
  stalled: null,
  commit: { serial: 0, at: null },
  marts: null,
  leftOut: null,
  disk: null,
  job: null,
}

/** Metrics of `bytes` that change at each tick. */
class Board implements HubBoard {
  ticks = 0
  fault: Error | undefined
  readonly #bytes: number

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  #figures() {
    const rows = [{ n: this.ticks, text: 'x'.repeat(this.#bytes) }]
    return { big: { asOf: new Date().toISOString(), rows } }
  }

  snapshot(health: LiveHealth) {
    const shop = { name: 'shop', timezone: 'UTC', currency: null }
    return { at: new Date().toISOString(), shop, figures: this.#figures(), hidden: [], health }
  }

  async health() {
    return HEALTH
  }

  async refresh(onPart: Parameters<HubBoard['refresh']>[0]) {
    if (this.fault) throw this.fault
    this.ticks++
    onPart({ figures: this.#figures(), unchanged: [] })
  }

  revision() {
    return 0
  }

  checkEveryMs() {
    return 750
  }

  listPrivate() {
    return []
  }
}

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Open {
  readonly hub: LiveHub
  readonly port: number
  readonly url: string
  readonly responses: readonly ServerResponse[]
}

async function open(board: Board, options: HubOptions = {}): Promise<Open> {
  const hub = new LiveHub(board, options)
  const responses: ServerResponse[] = []
  const server: Server = createServer((_request, response) => {
    responses.push(response)
    void hub.join(response, {}, true)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(async () => {
    await hub.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { hub, port, url: `http://127.0.0.1:${port}`, responses }
}

test('nothing is queued for a stalled client, and it is disconnected in the end', async () => {
  const bytes = 400_000
  const { hub, port, url, responses } = await open(new Board(bytes), {
    tickMs: 20,
    stalledAfterMs: 1_500,
  })
  const stalled = openStalledClient(port)
  closers.push(async () => void stalled.destroy())
  await waitFor(() => (responses[0]?.writableLength ?? 0) > 0)
  const reader = new PageReader(url)
  closers.push(() => reader.close())
  let most = 0
  await waitFor(() => {
    most = Math.max(most, responses[0]?.writableLength ?? 0)
    return hub.clientCount === 1 && reader.messages.length > 5
  })
  expect(most).toBeLessThan(3 * bytes)
  expect(responses[0]?.destroyed).toBe(true)
})

test('a client that catches up gets a snapshot and then changes again', async () => {
  const board = new Board(400_000)
  const { port, responses } = await open(board, { tickMs: 40 })
  const slow = openStalledClient(port)
  closers.push(async () => void slow.destroy())
  await waitFor(() => responses[0]?.writableNeedDrain === true)
  const missedFrom = board.ticks
  await waitFor(() => board.ticks > missedFrom + 20)
  const heard: string[] = []
  slow.setEncoding('latin1').on('data', (part: string) => {
    // Without the padding; the bytes of a message are contiguous.
    for (const [mark] of part.matchAll(/event: \w+|"n":\d+/g)) heard.push(mark)
  })
  slow.resume()
  const again = () => heard.lastIndexOf('event: snapshot')
  await waitFor(() => again() > 0 && heard.indexOf('event: figures', again()) > 0)
  const ticks = heard.flatMap((mark) => (mark.startsWith('"n"') ? [Number(mark.slice(4))] : []))
  expect(ticks).toEqual([...ticks].sort((a, b) => a - b))
  // The messages that it missed were not queued.
  expect(ticks.length).toBeLessThan(board.ticks)
})

test('a silent stream gets heartbeats', async () => {
  const { url } = await open(new Board(1), { tickMs: 10_000, heartbeatMs: 0 })
  const reader = new PageReader(url)
  closers.push(() => reader.close())
  await expect.poll(() => reader.comments, { timeout: 30_000, interval: 10 }).toBeGreaterThan(0)
})

test('a failing source is reported, and the stream goes on once it is back', async () => {
  const board = new Board(1)
  const { url } = await open(board, { tickMs: 30 })
  const reader = new PageReader(url)
  closers.push(() => reader.close())
  await reader.until(({ event }) => event === 'figures')
  board.fault = new Error('The engine does not answer.')
  const message = await reader.until(({ document }) => document.health.stalled !== null)
  expect(message.document.health).toMatchObject({
    running: false,
    stalled: 'The engine does not answer.',
  })
  board.fault = undefined
  const from = reader.messages.length
  await reader.until((one) => one.document.health.running && reader.messages.indexOf(one) >= from)
})

test('nothing is computed before the first client and after the last', async () => {
  const board = new Board(1)
  const { hub, url } = await open(board, { tickMs: 20 })
  await pause(100)
  expect(board.ticks).toBe(0)
  const reader = new PageReader(url)
  await reader.until(({ event }) => event === 'figures')
  await reader.close()
  await waitFor(() => hub.clientCount === 0)
  await pause(100)
  const { ticks } = board
  await pause(200)
  expect(board.ticks).toBe(ticks)
})

test('closing ends every stream', async () => {
  const { hub, url } = await open(new Board(1), { tickMs: 20 })
  const readers = [new PageReader(url), new PageReader(url)]
  await Promise.all(readers.map((reader) => reader.until(({ event }) => event === 'figures')))
  await hub.close()
  const ends = readers.map(({ ended }) => ended.then(() => 'ended'))
  expect(await Promise.all(ends)).toEqual(['ended', 'ended'])
  expect(hub.clientCount).toBe(0)
})

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function waitFor(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 3_000; i++) {
    if (isSo()) return
    await pause(10)
  }
  throw new Error('It did not come true within 30 s.')
}
