/** Starts to publish the Gold of a running engine to a copy elsewhere. */
import type { SchemaRegistry } from '../avro/schema-registry.ts'
import { addPrefix } from '../config/target.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Closable } from '../kernel/closers.ts'
import { CcsError } from '../kernel/errors.ts'
import type { Manifest } from '../lake/manifest.ts'
import { subjectFor } from '../log/topics.ts'
import type { Logic } from '../models/logic.ts'
import { compileGoldEncoder, type GoldEncoder } from './gold-encoder.ts'
import type { FeedJournal, GoldFeed, PublishedState } from './gold-feed.ts'
import { GoldPublisher, restoreState } from './gold-publisher.ts'
import type { GoldSink } from './gold-sink.ts'

/** What publishing reads from and writes to. */
export interface PublishGoldPorts {
  readonly sink: GoldSink
  readonly journal: FeedJournal
  readonly registry: SchemaRegistry
  readonly clock: Clock
  readonly onNotice: (text: string) => void
  readonly pipeline: { readonly hasCaughtUp: boolean }
  readonly engine: {
    openFeed(
      options: Pick<PublishedState, 'serial' | 'copies'> & {
        readonly onRebuild: (model: string) => Promise<void>
      },
    ): Promise<GoldFeed>
  }
}

/** What is published. */
export interface PublishGoldOptions {
  readonly logic: Pick<Logic, 'graph'>
  /** That the engine was opened with. */
  readonly manifest?: Manifest
  readonly target: { readonly name: string; readonly prefix: string }
}

/** Publishes until it is closed. */
export interface OpenPublisher extends Closable {
  /** Publishes what has changed so far; the copy has it when it resolves. */
  publish(): Promise<void>
}

/**
 * Publishes each second; undefined if no model has a copy and a contract. Nothing may have been
 * ingested before. Closing it publishes the last changes.
 */
export async function openPublisher(
  ports: PublishGoldPorts,
  options: PublishGoldOptions,
): Promise<OpenPublisher | undefined> {
  const { sink, journal, engine, pipeline, onNotice } = ports
  const { encoders, identities } = await findPublishedModels(ports, options)
  if (identities.size === 0) return undefined
  const { generation = 1, serial = 0 } = options.manifest ?? {}
  const copies = { generation, serial, identities }
  const feed = await engine.openFeed({
    ...restoreState(await journal.load(), copies),
    onRebuild: (model) => journal.requestComparison(model),
  })
  const hasCaughtUp = () => pipeline.hasCaughtUp
  const publisher = new GoldPublisher({ ...ports, feed, encoders, hasCaughtUp }, copies)
  const stop = new AbortController()
  const running = publisher.run(stop.signal)
  return {
    publish: () => publisher.publish(),
    close: async () => {
      stop.abort()
      await running
      if (pipeline.hasCaughtUp)
        await publisher.publish().catch((error: unknown) => {
          const text = error instanceof Error ? error.message : String(error)
          onNotice(`The last changes of Gold are published at the next start: ${text}`)
        })
      await sink.close()
      await journal.close()
    },
  }
}

/** Stored models of Gold that have a contract; those whose topic is missing are reported. */
async function findPublishedModels(
  { sink, registry, onNotice }: PublishGoldPorts,
  { logic, target }: PublishGoldOptions,
) {
  const encoders = new Map<string, GoldEncoder>()
  const identities = new Map<string, string>()
  const missing: string[] = []
  for (const { model, fingerprint } of logic.graph) {
    if (model.layer !== 'gold' || model.kind === 'view') continue
    const identity = await sink.identity(model.name).catch((error: unknown) => {
      if (!(error instanceof CcsError && error.code === 'CCS_KAFKA_TOPIC')) throw error
      missing.push(addPrefix(target, model.name))
    })
    if (identity === undefined) continue
    const schema = (await registry.versions(subjectFor(model.name))).at(-1)
    if (!schema) continue
    encoders.set(model.name, compileGoldEncoder(schema.schema, schema.id))
    identities.set(model.name, `${fingerprint} ${identity}`)
  }
  if (missing.length > 0)
    onNotice(
      `Not published, as there is no such topic: ${missing.join(', ')}. ` +
        `Make what the project needs: ccs deploy --target ${target.name}`,
    )
  return { encoders, identities }
}
