/** Tells Kafka how far the engine is, so that its lag can be seen as that of a consumer group. */
import { addPrefix, type Target } from '../../domain/config/target.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import type { KafkaConnection } from './connection.ts'

/** Consumer group that the engine's positions are told under; it never reads them. */
const ENGINE_GROUP = 'ccs.engine'
const TELL_MS = 2_000

/** Returns what to call after each commit; it takes two seconds at most. */
export function createPositionReporter(
  kafka: Pick<KafkaConnection, 'stream'>,
  target: Pick<Target, 'prefix'>,
): (manifest: Manifest) => Promise<void> {
  return async ({ positions, sources = [] }) => {
    const offsets = positions.map(({ topic, partition, nextOffset }) => {
      const source = sources.find((one) => one.topic === topic && one.partition === partition)
      const offset = Math.max(0, nextOffset - (source?.shift ?? 0))
      return { topic: addPrefix(target, topic), partition, offset }
    })
    const telling = kafka.stream.commitOffsets(addPrefix(target, ENGINE_GROUP), offsets)
    await withinMs(TELL_MS, telling)
  }
}

async function withinMs<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
