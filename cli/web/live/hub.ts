/**
 * The event stream behind all open pages: one computation per tick for all readers, none while
 * nobody is looking. A stalled client is skipped and gets a fresh snapshot once it catches up, or
 * is disconnected if it never does: nothing is queued for it.
 */
import type { ServerResponse } from 'node:http'
import { sleep } from '../../adapters/process/system-clock.ts'
import type { LiveChange, LiveHealth, LiveSnapshot } from '../../domain/live/live-document.ts'
import { keepOpenPart } from '../../domain/live/open-part.ts'

/** What the hub needs from the metric board. */
export interface HubBoard {
  snapshot(health: LiveHealth): LiveSnapshot
  health(): Promise<LiveHealth>
  refresh(onPart: (part: Pick<LiveChange, 'figures' | 'unchanged'>) => void): Promise<void>
  /** Grows when there may be something new; the hub then ticks before the full second. */
  revision(): number
  /** Time after a tick from which on new events justify another, ms. */
  checkEveryMs(): number
  /** Ids of metrics whose rows are only for who has the token. */
  listPrivate(): readonly string[]
}

/** Timings, for tests. */
export interface HubOptions {
  readonly tickMs?: number
  readonly heartbeatMs?: number
  /** A client that reads nothing for so long is disconnected. */
  readonly stalledAfterMs?: number
}

interface Client {
  readonly response: ServerResponse
  /** Whether it gets single events too. */
  readonly mayReadAll: boolean
  /** Since when it is behind, by performance.now(); undefined: it keeps up. */
  behindMs: number | undefined
}

const TICK_MS = 1_000
const POLL_MS = 50
const HEARTBEAT_MS = 10_000
const STALLED_AFTER_MS = 30_000
/** A client with more unread bytes is behind: it gets no messages until it has caught up. */
const UNREAD_BYTES_MAX = 256 * 1024

/** Computes only while at least one page is open. */
export class LiveHub {
  readonly #board: HubBoard
  readonly #options: HubOptions
  readonly #clients = new Set<Client>()
  #health: LiveHealth | undefined
  #loop: Promise<void> | undefined
  #stop = new AbortController()
  #sentMs = 0

  constructor(board: HubBoard, options: HubOptions = {}) {
    this.#board = board
    this.#options = options
  }

  /** Number of open pages. */
  get clientCount(): number {
    return this.#clients.size
  }

  /** Answers a request with the stream, until the client leaves or the hub closes. */
  async join(
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
    mayReadAll: boolean,
  ): Promise<void> {
    if (this.#stop.signal.aborted) return void response.writeHead(503).end()
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // A proxy that buffers answers would delay the page.
      'x-accel-buffering': 'no',
    })
    response.socket?.setNoDelay(true)
    response.write('retry: 1000\n\n')
    const reader: Client = { response, mayReadAll, behindMs: undefined }
    response.once('close', () => this.#clients.delete(reader))
    response.on('drain', () => this.#catchUp(reader))
    response.on('error', () => this.#clients.delete(reader))
    this.#health ??= await this.#board.health()
    if (response.destroyed || this.#stop.signal.aborted) return void response.end()
    this.#clients.add(reader)
    this.#send(reader, this.#renderSnapshot(this.#health, mayReadAll))
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined
      this.#health = undefined
    })
  }

  /** Ends all streams; resolves when nothing is being computed. */
  async close(): Promise<void> {
    this.#stop.abort()
    for (const { response } of this.#clients) response.end()
    this.#clients.clear()
    await this.#loop
  }

  async #run(): Promise<void> {
    while (this.#clients.size > 0 && !this.#stop.signal.aborted) {
      const startMs = performance.now()
      const seen = this.#board.revision()
      await this.#tick()
      this.#dropStalled()
      await this.#waitForTick(startMs, seen)
    }
  }

  /** Waits for the next tick: a second, or less after new events. */
  async #waitForTick(startMs: number, seen: number): Promise<void> {
    const tickMs = this.#options.tickMs ?? TICK_MS
    const newsMs = Math.min(tickMs, this.#board.checkEveryMs())
    for (;;) {
      const goneMs = performance.now() - startMs
      const isNews = goneMs >= newsMs && this.#board.revision() !== seen
      if (goneMs >= tickMs || isNews || this.#clients.size === 0) return
      const leftMs = goneMs < newsMs ? newsMs - goneMs : POLL_MS
      await sleep(Math.min(leftMs, tickMs - goneMs), this.#stop.signal)
      if (this.#stop.signal.aborted) return
    }
  }

  async #tick(): Promise<void> {
    const say = (part: Pick<LiveChange, 'figures' | 'unchanged'>, health: LiveHealth) => {
      const change: LiveChange = { at: new Date().toISOString(), ...part, health }
      this.#broadcast((mayReadAll) =>
        renderMessage('figures', this.#choosePart(change, mayReadAll)),
      )
    }
    try {
      // Early parts carry the last known health; the tick's last message carries the current one.
      let rest: Pick<LiveChange, 'figures' | 'unchanged'> = NOTHING
      await this.#board.refresh((part) => {
        if (rest !== NOTHING && this.#health) say(rest, this.#health)
        rest = part
      })
      this.#health = await this.#board.health()
      say(rest, this.#health)
    } catch (error) {
      // The source is unavailable: pages show that, and the next tick tries again.
      const text = error instanceof Error ? error.message : String(error)
      if (this.#health) this.#health = { ...this.#health, running: false, stalled: text }
      if (this.#health) say(NOTHING, this.#health)
    }
  }

  /** Renders once for all readers who may see the same. */
  #broadcast(render: (mayReadAll: boolean) => Buffer): void {
    this.#sentMs = performance.now()
    const texts = new Map<boolean, Buffer>()
    for (const reader of this.#clients) {
      const text = texts.get(reader.mayReadAll) ?? render(reader.mayReadAll)
      texts.set(reader.mayReadAll, text)
      this.#send(reader, text)
    }
  }

  #choosePart<T extends LiveSnapshot | LiveChange>(document: T, mayReadAll: boolean): T {
    return mayReadAll ? document : keepOpenPart(document, this.#board.listPrivate())
  }

  /** Sends a heartbeat after a long silence, and disconnects clients that stay behind. */
  #dropStalled(): void {
    const nowMs = performance.now()
    if (nowMs - this.#sentMs >= (this.#options.heartbeatMs ?? HEARTBEAT_MS))
      this.#broadcast(() => HEARTBEAT)
    for (const reader of this.#clients) {
      const { behindMs, response } = reader
      if (behindMs === undefined) continue
      if (nowMs - behindMs < (this.#options.stalledAfterMs ?? STALLED_AFTER_MS)) continue
      this.#clients.delete(reader)
      response.destroy()
    }
  }

  #send(reader: Client, text: Buffer): void {
    if (reader.behindMs !== undefined) return
    if (reader.response.writableLength > UNREAD_BYTES_MAX) reader.behindMs = performance.now()
    else reader.response.write(text)
  }

  /** Sends a snapshot, which contains everything that the client missed. */
  #catchUp(reader: Client): void {
    if (reader.behindMs === undefined || !this.#health || !this.#clients.has(reader)) return
    reader.behindMs = undefined
    this.#send(reader, this.#renderSnapshot(this.#health, reader.mayReadAll))
  }

  #renderSnapshot(health: LiveHealth, mayReadAll: boolean): Buffer {
    return renderMessage('snapshot', this.#choosePart(this.#board.snapshot(health), mayReadAll))
  }
}

const NOTHING: Pick<LiveChange, 'figures' | 'unchanged'> = { figures: {}, unchanged: [] }
const HEARTBEAT = Buffer.from(': still here\n\n')

function renderMessage(event: string, document: unknown): Buffer {
  return Buffer.from(`event: ${event}\ndata: ${JSON.stringify(document)}\n\n`)
}
