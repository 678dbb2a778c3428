/** Composition of publishing Gold: the running engine, the journal on disk, and the copy. */
import type { Clock } from '../domain/kernel/clock.ts'
import type { Manifest } from '../domain/lake/manifest.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { OpenPublisher, PublishGoldPorts } from '../domain/pipeline/publish-gold.ts'
import type { Project } from '../project.ts'
import { openRegistry, type ProjectStore } from './targets/log.ts'

/** What publishing is composed of. */
export interface PublishParts
  extends Pick<PublishGoldPorts, 'clock' | 'engine' | 'onNotice' | 'pipeline'> {
  readonly project: Project
  readonly logic: Logic
  readonly store: ProjectStore
  /** That the engine was opened with. */
  readonly manifest?: Manifest
  readonly owner: string
  /** Where the store has no copy of Gold, topics of its log are one. */
  readonly hasTopics: boolean
}

/** Publishes each second until it is closed; undefined where nobody reads Gold's changes. */
export async function openPublisher(parts: PublishParts): Promise<OpenPublisher | undefined> {
  const { project, store, hasTopics } = parts
  const sink = store.gold ?? (hasTopics ? await openLogTopics(parts) : undefined)
  if (!sink) return undefined
  const [publish, { DiskFeedJournal }, registry] = await Promise.all([
    import('../domain/pipeline/publish-gold.ts'),
    import('../adapters/lake/feed-journal.ts'),
    openRegistry(project),
  ])
  const journal = new DiskFeedJournal(store.files, store.root)
  return publish.openPublisher(
    { ...parts, sink, journal, registry },
    { ...parts, target: project.target },
  )
}

async function openLogTopics(of: {
  readonly store: ProjectStore
  readonly clock: Clock
  readonly owner: string
}) {
  const { openLogGold } = await import('../adapters/kafka/gold-topics.ts')
  return openLogGold(of.store.log, of.clock, of.owner)
}
