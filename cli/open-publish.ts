/** Composition of publishing: what changes in the running engine's Gold is told to a copy of it elsewhere. */
import type { Clock, EventLog, GoldSink, RegisteredSchema } from './core/ports.ts'
import type { EmbeddedEngine } from './engines/embedded/engine.ts'
import type { Logic, Store } from './open.ts'

export interface PublishParts {
  readonly logic: Logic
  readonly store: Store
  readonly engine: EmbeddedEngine
  readonly clock: Clock
  readonly sink: GoldSink
  /** The engine's, and the topic that it takes in. */
  readonly log: EventLog
  readonly topic: string
  /** The contract of a model, with the id that its records carry; undefined: the model is not published. */
  readonly schemaOf: (model: string) => Promise<RegisteredSchema | undefined>
  readonly onNotice: (text: string) => void
}

export interface OpenPublisher {
  /** Each second, until it is closed. */
  start(): void
  /** Tells what has changed so far; the copy has it when it resolves. */
  publish(): Promise<void>
  /** Ends after the round that runs. The sink stays open. */
  close(): Promise<void>
}

/** Right after the engine was opened: nothing may have been taken in. */
export async function openPublisher(parts: PublishParts): Promise<OpenPublisher> {
  const [{ DiskFeedJournal }, { GoldPublisher, startOf }, { goldEncoder }] = await Promise.all([
    import('./lake/feed-journal.ts'),
    import('./flows/publish-gold.ts'),
    import('./core/gold-record.ts'),
  ])
  const { engine, store, sink, clock } = parts
  const identities = new Map<string, string>()
  const encoders = new Map<string, ReturnType<typeof goldEncoder>>()
  for (const { model, fingerprint } of parts.logic.graph) {
    if (model.layer !== 'gold' || model.kind === 'view') continue
    const schema = await parts.schemaOf(model.name)
    if (!schema) continue
    encoders.set(model.name, goldEncoder(schema.schema, schema.id))
    identities.set(model.name, `${fingerprint} ${await sink.identity(model.name)}`)
  }
  const ends = await endsOf(parts.log, parts.topic)
  const manifest = await store.manifests.load()
  const options = {
    ...{ generation: manifest?.generation ?? 1, serial: manifest?.serial ?? 0, identities },
  }
  const journal = new DiskFeedJournal(store.files, store.root)
  const feed = await engine.feed({
    ...startOf(await journal.load(), options),
    onRemake: (model) => journal.doubt(model),
  })
  const hasCaughtUp = () =>
    [...ends].every(([partition, end]) =>
      engine.positions.some((one) => one.partition === partition && one.nextOffset >= end),
    )
  const { onNotice } = parts
  const ports = { clock, feed, sink, journal, encoders, hasCaughtUp, onNotice }
  const publisher = new GoldPublisher(ports, options)
  const stop = new AbortController()
  let running: Promise<void> | undefined
  return {
    start: () => {
      running ??= publisher.run(stop.signal)
    },
    publish: () => publisher.publish(),
    close: async () => {
      stop.abort()
      await running
      await journal.close()
    },
  }
}

/** Partitions that hold anything, with their ends. */
async function endsOf(log: EventLog, topic: string): Promise<ReadonlyMap<number, number>> {
  const ends = new Map<number, number>()
  for (const partition of await log.partitions(topic)) {
    const { start, end } = await log.range(topic, partition)
    if (end > start) ends.set(partition, end)
  }
  return ends
}
