/** The stream of Gold's changes to be published, in rounds over all published models. */
import type {
  FeedChange,
  FeedRound,
  FeedRow,
  GoldFeed,
} from '../../../domain/pipeline/gold-feed.ts'
import type { GoldSet } from './gold-set.ts'
import type { PublishedRows } from './published-rows.ts'

/** What the feed needs of its engine. */
export interface FeedEngine {
  /** Runs alone on the engine's own connection. */
  exclusively<T>(run: () => Promise<T>): Promise<T>
  /** Within `exclusively`: updates the models and makes their open rows tables. */
  bringUpToDate(models: ReadonlySet<string>): Promise<void>
}

/** See GoldFeed; the engine opens at most one. */
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
      await this.#engine.bringUpToDate(new Set(this.models))
      const changes: FeedChange[] = []
      let hasLeft = false
      let more = false
      for (const model of this.models) {
        const rows = this.#published(model)
        if (!rows.hasPending) continue
        const { source, ...change } = await rows.take(this.#gold.get(model).openRowsTable ?? '')
        if (source === 'lake') hasLeft = more = true
        changes.push({ model, isLast: source === 'open', ...change })
      }
      return { serial: this.#gold.serial, changes, hasMore: more, hasFinalized: hasLeft }
    })
  }

  read(model: string, from: number, count: number): Promise<readonly FeedRow[]> {
    return this.#engine.exclusively(async () => {
      const rows = await this.#published(model).read(from, count)
      return rows.map(({ _key, _isNew, ...row }) => ({
        ...{ key: String(_key), isNew: _isNew === true, row },
      }))
    })
  }

  confirm(model: string): Promise<void> {
    return this.#engine.exclusively(() => this.#published(model).confirm())
  }

  keys(model: string): Promise<readonly string[] | undefined> {
    return this.#engine.exclusively(async () => {
      const rows = this.#published(model)
      return rows.isComparing ? undefined : rows.keys()
    })
  }

  #published(model: string): PublishedRows {
    const { published } = this.#gold.get(model)
    if (!published) throw new Error(`${model} is not published`)
    return published
  }
}
