/**
 * Keeps a copy of Gold elsewhere: each second what has changed, as upserts by key, and a tombstone for a row that
 * is no more. It begins when the engine has taken in what the log held, so that the copy never goes back, and
 * begins by telling again what may not have arrived. Keys are in the journal before they are in the copy, so no
 * tombstone is lost; all else can be repeated.
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

export interface PublishPorts {
  readonly clock: Clock
  readonly feed: GoldFeed
  readonly sink: GoldSink
  readonly journal: FeedJournal
  /** Of each model of the feed. */
  readonly encoders: ReadonlyMap<string, GoldEncoder>
  /** Whether the engine has taken in what the log held when it was opened. */
  readonly hasCaughtUp: () => boolean
  readonly onNotice: (text: string) => void
}

export interface PublishOptions {
  readonly generation: number
  /** Of the manifest that the engine was opened with. */
  readonly serial: number
  /** What the copy of each model is one of: its topic, and the model as deployed. */
  readonly identities: ReadonlyMap<string, string>
}

const EVERY_MS = 1_000
/** Of a core, at most so much goes into publishing. */
const SHARE = 0.2
const RETRY_MS_MAX = 30_000
const ROWS = 2_000
/** The journal is written anew, with what is still open, when it has grown by so much. */
const JOURNAL_BYTES = 4 * 1024 * 1024

/** What was told before, of copies that are still what they were; others are to be compared. */
export function restoreState(
  memory: PublishedState | undefined,
  { generation, serial, identities }: PublishOptions,
): Pick<PublishedState, 'serial' | 'copies'> {
  // A memory of later commits than there are is of other data.
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
  /** Keys of the copy that no row has had yet. */
  readonly unseenKeys: Set<string>
}

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

  /** Until `stop` aborts. A copy that cannot be reached is told of once, and tried again. */
  async run(stop: AbortSignal): Promise<void> {
    const { clock, onNotice } = this.#ports
    let failures = 0
    while (!stop.aborted) {
      const startMs = clock.elapsedMs()
      const startCpuMs = clock.cpuMs()
      try {
        if (this.#ports.hasCaughtUp()) await this.publish()
        if (failures > 0) onNotice('Gold is published again.')
        failures = 0
      } catch (error) {
        if (failures++ === 0)
          onNotice(`Gold is not published: ${describeError(error)} Trying again.`)
      }
      const tookMs = clock.elapsedMs() - startMs
      // On a busy machine a round takes longer than it costs, and this process does other things meanwhile.
      const costMs = Math.min(tookMs, clock.cpuMs() - startCpuMs)
      const retryMs = failures > 0 ? Math.min(RETRY_MS_MAX, EVERY_MS * 2 ** failures) : 0
      await clock.sleep(Math.max(EVERY_MS - tookMs, costMs * (1 / SHARE - 1), retryMs), stop)
    }
  }

  /** Tells all that has changed so far; the copy has it when it resolves. */
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
      const some = await feed.read(model, from, ROWS)
      const opened = some.filter((one) => one.isNew).map((one) => one.key)
      if (opened.length > 0) await journal.addKeys(model, opened)
      for (const { key } of some) comparison?.unseenKeys.delete(key)
      await sink.publish(
        model,
        some.map(({ key, row }) => ({ key: Buffer.from(key), value: encode(row) })),
      )
    }
    const lost = change.isLast && comparison ? [...comparison.unseenKeys] : []
    const tombstones = [...deletedKeys, ...lost].map(toTombstone)
    for (let from = 0; from < tombstones.length; from += ROWS)
      await sink.publish(model, tombstones.slice(from, from + ROWS))
    if (!change.isLast || !comparison) return
    this.#comparisons.delete(model)
    // The journal says that the copy is doubted, until it is written anew.
    this.#hasFinalized = true
  }

  async #findComparison({ model, comparison }: FeedChange): Promise<CopyComparison | undefined> {
    if (comparison === 0) return undefined
    const known = this.#comparisons.get(model)
    if (known?.number === comparison) return known
    const begun = { number: comparison, unseenKeys: new Set(await this.#ports.sink.keys(model)) }
    this.#comparisons.set(model, begun)
    return begun
  }

  /** Everything up to `serial` is told: what is still open is all that has to be known of it. */
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
