/**
 * The connection to the engine, merged into one snapshot. A watchdog of our own notices silence,
 * because a browser may hold a dead connection for minutes.
 */

/**
 * @typedef {Record<string, unknown>} Row
 * @typedef {{ asOf: string, rows: Row[], error?: string, absent?: string }} Answer
 * @typedef {{ running: boolean, eventsPerSecond: number | null, freshnessMs: number | null,
 *   lagEvents: number | null, records: number | null, late: number | null,
 *   duplicates: number | null, dlq: number | null, setAside: number | null, dlqByReason: Record<string, number>, watermark: string | null, stalled: string | null,
 *   commit: { serial: number, at: string | null },
 *   marts: { builtAt: string | null, ok: boolean, message: string } | null,
 *   leftOut: LeftOut | null, disk: { text: string, hint: string } | null,
 *   job: Job | null }} Health
 * @typedef {{ target: string, from: string, newestAt: string | null, readAt: string | null,
 *   facts: readonly (readonly [label: string, text: string])[] }} Job
 * @typedef {{ day: string, timezone: string, since: string, until: string,
 *   rows: readonly { kind: string, title: string, count: number | null, rule: string,
 *     see: string }[] }} LeftOut
 * @typedef {{ at: string, shop: { name: string, timezone: string, currency: string | null },
 *   figures: Record<string, Answer>, hidden: string[], health: Health }} Snapshot
 * @typedef {'loading' | 'live' | 'stale' | 'gone'} State
 */

export const SILENCE_MS = 5_000
const RETRY_FIRST_MS = 250
const RETRY_MAX_MS = 5_000
const LOOK_EVERY_MS = 250

/**
 * Connects, and reconnects for as long as the page is open.
 * @param {{ onSnapshot: (snapshot: Snapshot, changed: ReadonlySet<string>) => void,
 *   onState: (state: State, more: { lastMs: number, retryMs: number }) => void }} listener
 */
export function openStream(listener) {
  /** @type {Snapshot | undefined} */
  let snapshot
  /** @type {EventSource | undefined} */
  let source
  /** @type {State} */
  let state = 'loading'
  let failures = 0
  let connectedMs = 0
  /** Time of the last message, 0 before the first. */
  let heardMs = 0
  let retryAtMs = 0

  /** @param {State} next */
  const become = (next) => {
    state = snapshot || next !== 'stale' ? next : 'gone'
    listener.onState(state, { lastMs: heardMs, retryMs: Math.max(0, retryAtMs - Date.now()) })
  }

  /** @param {Partial<Snapshot> & { unchanged?: string[] }} message */
  const receive = ({ unchanged = [], ...message }) => {
    const isWhole = message.shop !== undefined
    if (!isWhole && !snapshot) return // a change without the snapshot before it
    const figures = { ...message.figures }
    const changed = new Set(Object.keys(figures))
    for (const id of unchanged) {
      const known = snapshot?.figures[id]
      if (known && message.at) figures[id] = { ...known, asOf: message.at }
    }
    snapshot = /** @type {Snapshot} */ ({
      ...snapshot,
      ...message,
      figures: isWhole ? figures : { ...snapshot?.figures, ...figures },
    })
    heardMs = Date.now()
    failures = 0
    if (state !== 'live') become('live')
    listener.onSnapshot(snapshot, changed)
  }

  const connect = () => {
    connectedMs = Date.now()
    const opened = new EventSource('/api/stream')
    source = opened
    const hear = (/** @type {MessageEvent<string>} */ event) => {
      if (source === opened) receive(JSON.parse(event.data))
    }
    for (const name of ['message', 'snapshot', 'figures']) opened.addEventListener(name, hear)
    opened.onerror = () => {
      if (source === opened) retryLater('gone')
    }
  }

  /** @param {State} next */
  const retryLater = (next) => {
    source?.close()
    source = undefined
    const waitMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** failures++)
    // Slightly random, so that many open pages don't reconnect at the same instant.
    retryAtMs = Date.now() + waitMs * (0.8 + 0.2 * Math.random())
    become(next)
  }

  const look = () => {
    const nowMs = Date.now()
    if (source) {
      if (nowMs - Math.max(heardMs, connectedMs) > SILENCE_MS) retryLater('stale')
    } else if (nowMs >= retryAtMs) connect()
    if (state !== 'live') become(state)
  }

  connect()
  setInterval(look, LOOK_EVERY_MS)
  // Timers sleep in a hidden tab and on a closed laptop, so check at once on return.
  document.addEventListener('visibilitychange', look)
  addEventListener('online', () => {
    failures = 0
    retryAtMs = 0
    look()
  })
}
