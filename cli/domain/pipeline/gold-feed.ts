/**
 * Ports of what keeps a copy of Gold elsewhere up to date: the engine tells what has changed, a journal remembers
 * what the copy was told, and a GoldSink (core/ports.ts) takes it.
 */

/** What a copy of a Gold model elsewhere was told before. */
export interface PublishedCopy {
  /** Keys of rows that had not left for the lake; undefined: nobody knows, and the copy is to be compared. */
  readonly keys: readonly string[] | undefined
}

/** Rows of one model that a copy of it was not told. */
export interface FeedChange {
  readonly model: string
  /** How many there are to `read`. */
  readonly rows: number
  /** Keys of rows that are no more. */
  readonly deletedKeys: readonly string[]
  /**
   * Not 0: the rows of this and all further changes up to one that `isLast` are all there are, and what else
   * the copy has is gone. Another number begins anew.
   */
  readonly comparison: number
  readonly isLast: boolean
}

export interface FeedRound {
  /** Serial of the manifest whose rows are all told when these changes are, if there is no `more`. */
  readonly serial: number
  readonly changes: readonly FeedChange[]
  /** There is more to be told at once. */
  readonly hasMore: boolean
  /** Rows have left for the lake, and so their keys those of `keys`. */
  readonly hasFinalized: boolean
}

/** A row with the text of its key, and whether the copy has never been told of it. */
export interface FeedRow {
  readonly key: string
  readonly isNew: boolean
  readonly row: Readonly<Record<string, unknown>>
}

/** Gold as it changes, for a copy of it elsewhere. One round at a time; what is not confirmed comes again. */
export interface GoldFeed {
  readonly models: readonly string[]
  nextRound(): Promise<FeedRound>
  /** Rows of a change, of the round that was taken last. */
  read(model: string, from: number, count: number): Promise<readonly FeedRow[]>
  confirm(model: string): Promise<void>
  /** Keys of all rows that were told and have not left; undefined while the copy is being compared. */
  keys(model: string): Promise<readonly string[] | undefined>
}

/** What is known of a copy of Gold from one life of the engine to the next. */
export interface PublishedState {
  /** All rows that were in the lake by this manifest are told. */
  readonly serial: number
  readonly generation: number
  readonly copies: ReadonlyMap<string, PublishedCopy & { readonly identity: string }>
}

/** Keeps the memory of a copy on the disk; what is written is durable when it resolves. */
export interface FeedJournal {
  load(): Promise<PublishedState | undefined>
  /** All at once; not done, and false, when a copy was doubted since `doubts` was asked. */
  replace(memory: PublishedState, comparisonRequests: number): Promise<boolean>
  /** Keys of rows that are about to be told for the first time. */
  addKeys(model: string, keys: readonly string[]): Promise<void>
  /** The copy of a model is to be compared at the next start, unless all is replaced before. */
  requestComparison(model: string): Promise<void>
  readonly doubts: number
  /** All rows that were in the lake by this manifest are told. */
  advance(serial: number): Promise<void>
  /** Bytes written since the last `replace`. */
  readonly bytes: number
  close(): Promise<void>
}
