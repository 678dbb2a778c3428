/** The documents of the live page, as docs/json-output.md describes them. */

/** One figure as last computed. */
export interface FigureRows {
  /** When the rows were asked for, ISO 8601. */
  readonly asOf: string
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** Why there are none: the figure's SQL is broken, or the question failed. */
  readonly error?: string
}

export interface LiveHealth {
  /** Whether an engine takes events in; the rest is as last committed when none does. */
  readonly running: boolean
  /** Over the last seconds somebody looked, ten at most; null: not known yet. */
  readonly eventsPerSecond: number | null
  /** Age of the newest event taken in; null before the first, and when no engine runs. */
  readonly freshnessMs: number | null
  readonly lagEvents: number
  readonly records: number
  readonly late: number
  readonly duplicates: number
  /** Records in events.dlq. */
  readonly dlq: number
  /** The same by reason; may lag behind while a long topic is read for the first time. */
  readonly dlqByReason: Readonly<Record<string, number>>
  readonly watermark: string | null
  /** What keeps the pipeline or the page from going on; null: nothing. */
  readonly stalled: string | null
  readonly commit: { readonly serial: number; readonly at: string | null }
  readonly marts: {
    readonly builtAt: string | null
    readonly ok: boolean
    readonly message: string
  } | null
}

/** GET /api/snapshot, and the first message of the stream. */
export interface LiveSnapshot {
  readonly at: string
  readonly shop: {
    readonly name: string
    readonly timezone: string
    readonly currency: string | null
  }
  readonly figures: Readonly<Record<string, FigureRows>>
  readonly health: LiveHealth
}

/** Later messages of the stream: what changed, and what was asked again without a change. */
export interface LiveChange {
  readonly at: string
  readonly figures: Readonly<Record<string, FigureRows>>
  /** Ids of figures whose rows are the same as before, as of `at`. */
  readonly unchanged: readonly string[]
  readonly health: LiveHealth
}

/** One entry of GET /api/figures. */
export interface FigureAbout {
  readonly id: string
  readonly title: string
  readonly sql: string
  readonly everyMs: number
  readonly note: string
  /** What is wrong with its file, with the place in it. */
  readonly error?: string
}
