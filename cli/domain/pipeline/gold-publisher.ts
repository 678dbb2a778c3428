/**
 * Publishes Gold: once per second, whatever changed, as upserts by key, with a tombstone for each
 * deleted row. It starts when the engine has caught up with the log, so that the copy never goes
 * back in time, and repeats what may not have arrived. A key is in the journal before it is
 * published, so no tombstone is lost; everything else can be repeated.
 */
import { Buffer } from 'node:buffer'
import type { Clock } from '../kernel/clock.ts'
import type { KeyedRecord } from '../log/keyed-record.ts'
import type { GoldEncoder } from './gold-encoder.ts'
import type {
  FeedChange,
  FeedJournal,
  GoldFeed,
  PublishedCopy,
  PublishedState,
} from './gold-feed.ts'
import type { GoldSink } from './gold-sink.ts'

/** What a publisher reads from and writes to. */
export interface PublishPorts {
  readonly clock: Clock
  readonly feed: GoldFeed
  readonly sink: GoldSink
  readonly journal: FeedJournal
  /** By model; one for each model of the feed. */
  readonly encoders: ReadonlyMap<string, GoldEncoder>
  /** Whether the engine has ingested everything that the log held when it was newKeys. */
  readonly hasCaughtUp: () => boolean
  readonly onNotice: (text: string) => void
}

/** Which data is published, and to which copies. */
export interface PublishOptions {
  readonly generation: number
  /** Serial of the manifest that the engine was newKeys with. */
  readonly serial: number
  /** Model → identity of its copy: the topic, and the model as deployed. */
  readonly identities: ReadonlyMap<string, string>
}

const EVERY_MS = 1_000
/** Publishing may use this share of one core. */
const SHARE = 0.2
const RETRY_MS_MAX = 30_000
const ROWS = 2_000
/** The journal is rewritten, with the open keys only, after growing by this much. */
const JOURNAL_BYTES = 4 * 1024 * 1024

/**
 * Restores what was published to copies whose identity is unchanged; all
 * others have to be compared.
 */
export function restoreState(
  memory: PublishedState | undefined,
  { generation, serial, identities }: PublishOptions,
): Pick<PublishedState, 'serial' | 'copies'> {
  // A journal that is ahead of the manifest belongs to other data.
  const isSame = memory?.generation === generation && memory.serial <= serial
  const copies = [...identities].map(([model, identity]) => {
    const known = isSame ? memory.copies.get(model) : undefined
    const keys = known?.identity === identity ? known.keys : undefined
    return [model, { identity, keys }] as const
  })
  return { serial: isSame ? memory.serial : 0, copies: new Map(copies) }
}

interface CopyComparison {
  readonly number: number
  /** Keys in the copy that the comparison has not met yet. */
  readonly unseenKeys: Set<string>
}

/** Runs one round at a time, however often `publish` is called. */
export class GoldPublisher {
  readonly #ports: PublishPorts
  readonly #options: PublishOptions
  readonly #comparisons = new Map<string, CopyComparison>()
  #hasFinalized = true
  #serial = -1
  #round: Promise<void> = Promise.resolve()

  constructor(ports: PublishPorts, options: PublishOptions) {
    this.#ports = ports
    this.#options = options
  }

  /** Runs until `stop` aborts. An unreachable copy is reported once and retried. */
  async run(stop: AbortSignal): Promise<void> {
    const { clock, onNotice } = this.#ports
    let failures = 0
    while (!stop.aborted) {
      const startMs = clock.elapsedMs()
      const startCpuMs = clock.cpuMs()
      try {
        if (this.#ports.hasCaughtUp()) await this.publish()
        if (failures > 0) onNotice('Gold is being published again.')
        failures = 0
      } catch (error) {
        if (failures++ === 0) onNotice(`Publishing Gold failed: ${describeError(error)} Retrying.`)
      }
      const tookMs = clock.elapsedMs() - startMs
      // On a busy machine a round takes longer than it costs, and other parts of
      // this process use CPU too.
      const costMs = Math.min(tookMs, clock.cpuMs() - startCpuMs)
      const retryMs = failures > 0 ? Math.min(RETRY_MS_MAX, EVERY_MS * 2 ** failures) : 0
      await clock.sleep(Math.max(EVERY_MS - tookMs, costMs * (1 / SHARE - 1), retryMs), stop)
    }
  }

  /** Publishes all changes so far; the copy has them when it resolves. */
  publish(): Promise<void> {
    const round = this.#round.then(() => this.#publish())
    this.#round = round.catch(() => undefined)
    return round
  }

  async #publish(): Promise<void> {
    const { feed } = this.#ports
    for (;;) {
      const { serial, changes, hasMore, hasFinalized } = await feed.nextRound()
      this.#hasFinalized ||= hasFinalized
      for (const change of changes) {
        await this.#publishChange(change)
        await feed.confirm(change.model)
      }
      if (hasMore) continue
      await this.#saveState(serial)
      return
    }
  }

  async #publishChange(change: FeedChange): Promise<void> {
    const { feed, sink, journal, encoders } = this.#ports
    const { model, rows, deletedKeys } = change
    const encode = encoders.get(model)
    if (!encode) throw new Error(`${model} has no encoder`)
    const comparison = await this.#findComparison(change)
    for (let from = 0; from < rows; from += ROWS) {
      const batch = await feed.read(model, from, ROWS)
      const newKeys = batch.filter((one) => one.isNew).map((one) => one.key)
      if (newKeys.length > 0) await journal.addKeys(model, newKeys)
      for (const { key } of batch) comparison?.unseenKeys.delete(key)
      await sink.publish(
        model,
        batch.map(({ key, row }) => ({ key: Buffer.from(key), value: encode(row) })),
      )
    }
    const stale = change.isLast && comparison ? [...comparison.unseenKeys] : []
    const tombstones = [...deletedKeys, ...stale].map(toTombstone)
    for (let from = 0; from < tombstones.length; from += ROWS)
      await sink.publish(model, tombstones.slice(from, from + ROWS))
    if (!change.isLast || !comparison) return
    this.#comparisons.delete(model)
    // Until the journal is rewritten, it says that the topic must still be compared.
    this.#hasFinalized = true
  }

  async #findComparison({ model, comparison }: FeedChange): Promise<CopyComparison | undefined> {
    if (comparison === 0) return undefined
    const known = this.#comparisons.get(model)
    if (known?.number === comparison) return known
    const started = { number: comparison, unseenKeys: new Set(await this.#ports.sink.keys(model)) }
    this.#comparisons.set(model, started)
    return started
  }

  /**
   * Records that everything up to `serial` is published; only keys of open rows must be remembered.
   */
  async #saveState(serial: number): Promise<void> {
    const { feed, journal } = this.#ports
    if (!this.#hasFinalized && journal.bytes < JOURNAL_BYTES) {
      if (serial !== this.#serial) await journal.advance(serial)
      this.#serial = serial
      return
    }
    const { doubts } = journal
    const copies: [string, PublishedCopy & { readonly identity: string }][] = []
    for (const [model, identity] of this.#options.identities)
      copies.push([model, { identity, keys: await feed.keys(model) }])
    const { generation } = this.#options
    const memory = { serial, generation, copies: new Map(copies) }
    if (!(await journal.replace(memory, doubts))) return
    this.#serial = serial
    this.#hasFinalized = false
  }
}

function toTombstone(key: string): KeyedRecord {
  return { key: Buffer.from(key), value: null }
}

function describeError(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.endsWith('.') ? text : `${text}.`
}
