/**
 * The stream behind all open pages: one computation a tick whoever looks, none while nobody does, one text
 * for all readers. A reader that does not keep up is skipped, gets everything anew once it can take it, and
 * is let go when it never can: nothing is queued for it.
 */
import type { ServerResponse } from 'node:http'
import { sleep } from '../../adapters/process/system-clock.ts'
import type { LiveChange, LiveHealth, LiveSnapshot } from '../../domain/live/live-document.ts'

/** What the hub asks of the board of figures. */
export interface HubBoard {
  snapshot(health: LiveHealth): LiveSnapshot
  health(): Promise<LiveHealth>
  refresh(onPart: (part: Pick<LiveChange, 'figures' | 'unchanged'>) => void): Promise<void>
  /** Grows when there may be something new; the hub then need not wait for the full second. */
  news(): number
  /** How long after a tick news are a reason for the next one, ms. */
  newsMs(): number
}

export interface HubOptions {
  readonly tickMs?: number
  readonly heartbeatMs?: number
  /** A reader that takes nothing for this long is let go. */
  readonly patienceMs?: number
}

interface Reader {
  readonly response: ServerResponse
  /** Since when it does not keep up, by performance.now(); undefined: it does. */
  behindMs: number | undefined
}

const TICK_MS = 1_000
const POLL_MS = 50
const HEARTBEAT_MS = 10_000
const PATIENCE_MS = 30_000
/** A reader that has taken less of what it was sent is behind: the next messages are not for it. */
const OWED_BYTES_MAX = 256 * 1024

export class LiveHub {
  readonly #board: HubBoard
  readonly #options: HubOptions
  readonly #readers = new Set<Reader>()
  #health: LiveHealth | undefined
  #loop: Promise<void> | undefined
  #stop = new AbortController()
  #sentMs = 0

  constructor(board: HubBoard, options: HubOptions = {}) {
    this.#board = board
    this.#options = options
  }

  /** Pages that are open. */
  get readers(): number {
    return this.#readers.size
  }

  /** Answers a request with the stream; ends when the reader leaves or the hub closes. */
  async join(response: ServerResponse, headers: Readonly<Record<string, string>>): Promise<void> {
    if (this.#stop.signal.aborted) return void response.writeHead(503).end()
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // A proxy that collects answers would keep the page waiting.
      'x-accel-buffering': 'no',
    })
    response.socket?.setNoDelay(true)
    response.write('retry: 1000\n\n')
    const reader: Reader = { response, behindMs: undefined }
    response.once('close', () => this.#readers.delete(reader))
    response.on('drain', () => this.#catchUp(reader))
    response.on('error', () => this.#readers.delete(reader))
    this.#health ??= await this.#board.health()
    if (response.destroyed || this.#stop.signal.aborted) return void response.end()
    this.#readers.add(reader)
    this.#send(reader, this.#snapshotText(this.#health))
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined
      this.#health = undefined
    })
  }

  /** Ends all streams; resolves when nothing is computed any more. */
  async close(): Promise<void> {
    this.#stop.abort()
    for (const { response } of this.#readers) response.end()
    this.#readers.clear()
    await this.#loop
  }

  async #run(): Promise<void> {
    while (this.#readers.size > 0 && !this.#stop.signal.aborted) {
      const startMs = performance.now()
      const seen = this.#board.news()
      await this.#tick()
      this.#letGo()
      await this.#rest(startMs, seen)
    }
  }

  /** Waits for the next tick: a second, or less when something happened. */
  async #rest(startMs: number, seen: number): Promise<void> {
    const tickMs = this.#options.tickMs ?? TICK_MS
    const newsMs = Math.min(tickMs, this.#board.newsMs())
    for (;;) {
      const goneMs = performance.now() - startMs
      const isNews = goneMs >= newsMs && this.#board.news() !== seen
      if (goneMs >= tickMs || isNews || this.#readers.size === 0) return
      const leftMs = goneMs < newsMs ? newsMs - goneMs : POLL_MS
      await sleep(Math.min(leftMs, tickMs - goneMs), this.#stop.signal)
      if (this.#stop.signal.aborted) return
    }
  }

  async #tick(): Promise<void> {
    const say = (part: Pick<LiveChange, 'figures' | 'unchanged'>, health: LiveHealth) => {
      const change: LiveChange = { at: new Date().toISOString(), ...part, health }
      this.#broadcast(message('figures', change))
    }
    try {
      // Parts tell of the pipeline as last seen; the tick ends with how it is now.
      let rest: Pick<LiveChange, 'figures' | 'unchanged'> = NOTHING
      await this.#board.refresh((part) => {
        if (rest !== NOTHING && this.#health) say(rest, this.#health)
        rest = part
      })
      this.#health = await this.#board.health()
      say(rest, this.#health)
    } catch (error) {
      // The source is gone for now; who looks is told, and the next tick tries again.
      const text = error instanceof Error ? error.message : String(error)
      if (this.#health) this.#health = { ...this.#health, running: false, stalled: text }
      if (this.#health) say(NOTHING, this.#health)
    }
  }

  #broadcast(text: Buffer): void {
    this.#sentMs = performance.now()
    for (const reader of this.#readers) this.#send(reader, text)
  }

  /** Heartbeats go to whoever keeps up, when nothing else was sent for long; then those who don't are let go. */
  #letGo(): void {
    const nowMs = performance.now()
    if (nowMs - this.#sentMs >= (this.#options.heartbeatMs ?? HEARTBEAT_MS))
      this.#broadcast(HEARTBEAT)
    for (const reader of this.#readers) {
      const { behindMs, response } = reader
      if (behindMs === undefined) continue
      if (nowMs - behindMs < (this.#options.patienceMs ?? PATIENCE_MS)) continue
      this.#readers.delete(reader)
      response.destroy()
    }
  }

  #send(reader: Reader, text: Buffer): void {
    if (reader.behindMs !== undefined) return
    if (reader.response.writableLength > OWED_BYTES_MAX) reader.behindMs = performance.now()
    else reader.response.write(text)
  }

  /** What it missed is in the snapshot. */
  #catchUp(reader: Reader): void {
    if (reader.behindMs === undefined || !this.#health || !this.#readers.has(reader)) return
    reader.behindMs = undefined
    this.#send(reader, this.#snapshotText(this.#health))
  }

  #snapshotText(health: LiveHealth): Buffer {
    return message('snapshot', this.#board.snapshot(health))
  }
}

const NOTHING: Pick<LiveChange, 'figures' | 'unchanged'> = { figures: {}, unchanged: [] }
const HEARTBEAT = Buffer.from(': still here\n\n')

function message(event: string, document: unknown): Buffer {
  return Buffer.from(`event: ${event}\ndata: ${JSON.stringify(document)}\n\n`)
}
