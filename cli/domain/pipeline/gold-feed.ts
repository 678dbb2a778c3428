/**
 * Ports for publishing Gold to a copy elsewhere: the engine reports changes, a journal remembers
 * what was published, and a GoldSink receives it.
 */

/** What was published of one model. */
export interface PublishedCopy {
  /**
   * Keys of published rows that can still change; undefined: unknown, so that
   * the copy must be compared.
   */
  readonly keys: readonly string[] | undefined
}

/** Rows of one model that are not published yet. */
export interface FeedChange {
  readonly model: string
  /** How many rows there are to `read`. */
  readonly rows: number
  /** Keys of rows that no longer exist. */
  readonly deletedKeys: readonly string[]
  /**
   * If not 0, a comparison is under way: the rows of this and all further changes up to one
   * with `isLast` are all rows of the model; whatever else the copy holds must be deleted.
   * A new number starts over.
   */
  readonly comparison: number
  readonly isLast: boolean
}

/** All changes at one moment. */
export interface FeedRound {
  /** Once these changes are published and `hasMore` is false, all rows of this manifest are. */
  readonly serial: number
  readonly changes: readonly FeedChange[]
  /** Whether another round should follow at once. */
  readonly hasMore: boolean
  /** Whether rows became final, so that the result of `keys` shrank. */
  readonly hasFinalized: boolean
}

/** A row, the text of its key, and whether its key has never been published. */
export interface FeedRow {
  readonly key: string
  readonly isNew: boolean
  readonly row: Readonly<Record<string, unknown>>
}

/** Changes of Gold. One round at a time; whatever is not confirmed is reported again. */
export interface GoldFeed {
  readonly models: readonly string[]
  nextRound(): Promise<FeedRound>
  /** Reads rows of a change of the current round. */
  read(model: string, from: number, count: number): Promise<readonly FeedRow[]>
  confirm(model: string): Promise<void>
  /**
   * Returns the keys of all published rows that can still change; undefined while
   * the model is being compared.
   */
  keys(model: string): Promise<readonly string[] | undefined>
}

/** What the journal remembers across restarts of the engine. */
export interface PublishedState {
  /** All rows that were in the lake at this manifest are published. */
  readonly serial: number
  readonly generation: number
  readonly copies: ReadonlyMap<string, PublishedCopy & { readonly identity: string }>
}

/** Stores on disk what was published; each write is durable when it resolves. */
export interface FeedJournal {
  load(): Promise<PublishedState | undefined>
  /**
   * Replaces everything. Does nothing and returns false if a comparison was requested since
   * `comparisonRequests` was read.
   */
  replace(memory: PublishedState, comparisonRequests: number): Promise<boolean>
  /** Stores keys that are about to be published for the first time. */
  addKeys(model: string, keys: readonly string[]): Promise<void>
  /** The model is compared at the next start, unless everything is replaced before. */
  requestComparison(model: string): Promise<void>
  readonly doubts: number
  /** Records that all rows of the lake at this manifest are published. */
  advance(serial: number): Promise<void>
  /** Bytes written since the last `replace`. */
  readonly bytes: number
  close(): Promise<void>
}
