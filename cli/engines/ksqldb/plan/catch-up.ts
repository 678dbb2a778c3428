/**
 * Waits until a query has read all that existed: first its topic, then its own repartition topics.
 * Offsets come from Kafka, since ksqlDB shows none of a topic before something was read from it.
 */
import { sleep } from '../../../adapters/process/system-clock.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import type { TopicAdmin } from '../../../domain/log/topic-admin.ts'
import type { TopicProgress } from '../../../domain/log/topic-progress.ts'
import type { KsqlClient } from '../client/client.ts'

/** What waiting needs. */
export interface CatchUpParts {
  readonly client: Pick<KsqlClient, 'info' | 'describe'>
  readonly topics: Pick<TopicAdmin, 'names' | 'progress'>
  /** Time without progress after which waiting fails. */
  readonly stallMs?: number
  readonly pollMs?: number
}

/**
 * Waits until `source` has read all of `topic`. Throws CCS_ENGINE_REFUSED if its query ended or
 * makes no progress.
 */
export async function awaitCaughtUp(
  source: string,
  topic: string,
  parts: CatchUpParts,
): Promise<void> {
  const { serviceId } = await parts.client.info()
  const query = (await parts.client.describe(source))?.writers[0]
  if (query === undefined) throw notCatchingUpError(source, 'nothing fills it')
  const group = `_confluent-ksql-${serviceId}query_${query.id}`
  await readAll(source, { topic, group }, parts)
  const own = (await parts.topics.names()).filter(
    (name) => name.startsWith(`${group}-`) && name.endsWith('-repartition'),
  )
  for (const name of own) await readAll(source, { topic: name, group }, parts)
}

async function readAll(
  source: string,
  { topic, group }: { readonly topic: string; readonly group: string },
  { client, topics, stallMs = 180_000, pollMs = 500 }: CatchUpParts,
): Promise<void> {
  let progress = await topics.progress(topic, group)
  const goal = new Map(progress.map((one) => [one.partition, one.end]))
  let [read, sinceMs] = [-1, Date.now()]
  while (progress.some((one) => !isRead(one, goal))) {
    const now = progress.reduce((sum, one) => sum + (one.committed ?? 0), 0)
    if (now !== read) [read, sinceMs] = [now, Date.now()]
    else if (Date.now() - sinceMs > stallMs)
      throw notCatchingUpError(
        source,
        `it has read nothing of ${topic} for ${Math.round(stallMs / 1000)} s`,
      )
    await sleep(pollMs)
    const state = (await client.describe(source))?.writers[0]?.state
    if (state !== 'RUNNING') throw notCatchingUpError(source, `its query is ${state ?? 'gone'}`)
    progress = await topics.progress(topic, group)
  }
}

function isRead(one: TopicProgress, goal: ReadonlyMap<number, number>): boolean {
  const end = goal.get(one.partition) ?? 0
  return end <= one.start || (one.committed ?? one.start) >= end
}

function notCatchingUpError(source: string, why: string): CcsError {
  return new CcsError('CCS_ENGINE_REFUSED', `${source} does not catch up: ${why}.`, {
    hint: "The previous version still runs. See ksqlDB's log, then run ccs deploy again.",
  })
}
