/** Composition of publishing: what changes in the running engine's Gold is told to a copy of it elsewhere. */

import { addPrefix } from '../domain/config/target.ts'
import type { Clock } from '../domain/kernel/clock.ts'
import { CcsError } from '../domain/kernel/errors.ts'
import type { Manifest } from '../domain/lake/manifest.ts'
import { subjectFor } from '../domain/log/topics.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { GoldEncoder } from '../domain/pipeline/gold-encoder.ts'
import type { GoldPublisher } from '../domain/pipeline/gold-publisher.ts'
import type { GoldSink } from '../domain/pipeline/gold-sink.ts'
import type { Pipeline } from '../domain/pipeline/pipeline.ts'
import type { EmbeddedEngine } from '../engines/embedded/engine.ts'
import type { Project } from '../project.ts'
import { openRegistry, type ProjectStore } from './targets/log.ts'

export interface PublishParts {
  readonly project: Project
  readonly logic: Logic
  readonly store: ProjectStore
  readonly engine: EmbeddedEngine
  readonly pipeline: Pick<Pipeline, 'hasCaughtUp'>
  /** That the engine was opened with. */
  readonly manifest?: Manifest
  readonly clock: Clock
  readonly owner: string
  readonly onNotice: (text: string) => void
  /** Where the store has no copy of Gold, topics of its log are one. */
  readonly hasTopics: boolean
}

export interface OpenPublisher {
  /** Tells what has changed so far; the copy has it when it resolves. */
  publish(): Promise<void>
  /** Tells the last changes and ends. */
  close(): Promise<void>
}

/** Publishes each second until it is closed; undefined where nobody is told. Nothing may have been taken in yet. */
export async function openPublisher(parts: PublishParts): Promise<OpenPublisher | undefined> {
  const { store, onNotice } = parts
  const sink = store.gold ?? (parts.hasTopics ? await logTopics(parts) : undefined)
  if (!sink) return undefined
  const { encoders, identities } = await published(parts, sink)
  if (identities.size === 0) return undefined
  const publisher = await makePublisher(parts, sink, { encoders, identities })
  const stop = new AbortController()
  const running = publisher.publisher.run(stop.signal)
  return {
    publish: () => publisher.publisher.publish(),
    close: async () => {
      stop.abort()
      await running
      if (parts.pipeline.hasCaughtUp)
        await publisher.publisher.publish().catch((error: unknown) => {
          const text = error instanceof Error ? error.message : String(error)
          onNotice(`The last changes of Gold are published at the next start: ${text}`)
        })
      await sink.close()
      await publisher.journal.close()
    },
  }
}

async function logTopics({ store, clock, owner }: PublishParts): Promise<GoldSink> {
  const { openLogGold } = await import('../adapters/kafka/gold-topics.ts')
  return openLogGold(store.log, clock, owner)
}

interface Published {
  readonly encoders: ReadonlyMap<string, GoldEncoder>
  /** Model → what its copy is one of. */
  readonly identities: ReadonlyMap<string, string>
}

/** Gold that is stored by key and has a contract; a model whose topic was not made is left out, and told. */
async function published(parts: PublishParts, sink: GoldSink): Promise<Published> {
  const { project, logic, onNotice } = parts
  const [{ compileGoldEncoder }, registry] = await Promise.all([
    import('../domain/pipeline/gold-encoder.ts'),
    openRegistry(project),
  ])
  const encoders = new Map<string, GoldEncoder>()
  const identities = new Map<string, string>()
  const missing: string[] = []
  for (const { model, fingerprint } of logic.graph) {
    if (model.layer !== 'gold' || model.kind === 'view') continue
    const identity = await sink.identity(model.name).catch((error: unknown) => {
      if (!(error instanceof CcsError && error.code === 'CCS_KAFKA_TOPIC')) throw error
      missing.push(addPrefix(project.target, model.name))
    })
    if (identity === undefined) continue
    const schema = (await registry.versions(subjectFor(model.name))).at(-1)
    if (!schema) continue
    encoders.set(model.name, compileGoldEncoder(schema.schema, schema.id))
    identities.set(model.name, `${fingerprint} ${identity}`)
  }
  if (missing.length > 0)
    onNotice(
      `Not published, as there is no such topic: ${missing.join(', ')}. Make what the project needs: ccs deploy --target ${project.target.name}`,
    )
  return { encoders, identities }
}

async function makePublisher(
  { engine, store, pipeline, manifest, clock, onNotice }: PublishParts,
  sink: GoldSink,
  { encoders, identities }: Published,
): Promise<{ readonly publisher: GoldPublisher; readonly journal: { close(): Promise<void> } }> {
  const [{ DiskFeedJournal }, { GoldPublisher, restoreState }] = await Promise.all([
    import('../adapters/lake/feed-journal.ts'),
    import('../domain/pipeline/gold-publisher.ts'),
  ])
  const { generation = 1, serial = 0 } = manifest ?? {}
  const options = { generation, serial, identities }
  const journal = new DiskFeedJournal(store.files, store.root)
  const feed = await engine.openFeed({
    ...restoreState(await journal.load(), options),
    onRebuild: (model) => journal.requestComparison(model),
  })
  const hasCaughtUp = () => pipeline.hasCaughtUp
  const ports = { clock, feed, sink, journal, encoders, hasCaughtUp, onNotice }
  return { publisher: new GoldPublisher(ports, options), journal }
}
