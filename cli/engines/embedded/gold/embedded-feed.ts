/** What has changed in Gold, for a copy of it elsewhere: the rounds over all models that are followed. */
import type {
  FeedChange,
  FeedRound,
  FeedRow,
  GoldFeed,
  PublishedCopy,
} from '../../../domain/pipeline/gold-feed.ts'
import type { GoldSet } from './gold-set.ts'
import type { PublishedRows } from './published-rows.ts'

export interface FeedOptions {
  /** The models to follow, of kind window or session. */
  readonly copies: ReadonlyMap<string, PublishedCopy>
  /** All rows that were in the lake by this manifest are told. */
  readonly serial: number
  /** Called, and waited for, before a model is made anew. */
  readonly onRebuild: (model: string) => Promise<void>
}

/** What the feed needs of its engine. */
export interface FeedEngine {
  /** One at a time with all that the engine does on its own connection. */
  exclusively<T>(run: () => Promise<T>): Promise<T>
  /** Within `exclusively`: brings the models up to date, with their open rows as tables. */
  mergeNow(models: ReadonlySet<string>): Promise<void>
}

export class EmbeddedFeed implements GoldFeed {
  readonly models: readonly string[]
  readonly #gold: GoldSet
  readonly #engine: FeedEngine

  constructor(gold: GoldSet, models: readonly string[], engine: FeedEngine) {
    this.#gold = gold
    this.models = models
    this.#engine = engine
  }

  nextRound(): Promise<FeedRound> {
    return this.#engine.exclusively(async () => {
      await this.#engine.mergeNow(new Set(this.models))
      const changes: FeedChange[] = []
      let hasLeft = false
      let more = false
      for (const model of this.models) {
        const told = this.#told(model)
        if (!told.isBehind) continue
        const { source, ...untold } = await told.take(this.#gold.get(model).openRowsTable ?? '')
        if (source === 'lake') hasLeft = more = true
        changes.push({ model, isLast: source === 'open', ...untold })
      }
      return { serial: this.#gold.serial, changes, hasMore: more, hasFinalized: hasLeft }
    })
  }

  read(model: string, from: number, count: number): Promise<readonly FeedRow[]> {
    return this.#engine.exclusively(async () => {
      const rows = await this.#told(model).read(from, count)
      return rows.map(({ _key, _isNew, ...row }) => ({
        ...{ key: String(_key), isNew: _isNew === true, row },
      }))
    })
  }

  confirm(model: string): Promise<void> {
    return this.#engine.exclusively(() => this.#told(model).confirm())
  }

  keys(model: string): Promise<readonly string[] | undefined> {
    return this.#engine.exclusively(async () => {
      const told = this.#told(model)
      return told.isComparing ? undefined : told.keys()
    })
  }

  #told(model: string): PublishedRows {
    const { told } = this.#gold.get(model)
    if (!told) throw new Error(`${model} is not followed`)
    return told
  }
}
