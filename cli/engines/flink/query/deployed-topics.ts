/**
 * Reads the topics of the job in force: a job that was rebuilt beside the old one fills topics of
 * its own, whose names the deployment record has. Others are named as their models.
 */
import type { TopicReader } from '../../../domain/log/topic-reader.ts'
import { readRecord } from '../plan/record.ts'

/** How topics of models are found. */
export interface DeployedTopicsOptions {
  /** The engine's part of the deployment record; undefined: nothing is deployed. */
  readonly loadRecord: () => Promise<string | undefined>
  /** The name of a model's topic where the record has none. */
  readonly nameOf: (model: string) => string
  /** Milliseconds since some fixed moment. */
  readonly elapsedMs: () => number
}

/** A deployment shows in queries so soon. */
const RELOAD_MS = 5_000

/** The same topics, by the names that their models give them: of the job in force. */
export function followDeployment(
  reader: TopicReader,
  { loadRecord, nameOf, elapsedMs }: DeployedTopicsOptions,
): TopicReader {
  let loadedMs = Number.NEGATIVE_INFINITY
  let names: ReadonlyMap<string, string> = new Map()
  const findName = (topic: string) => names.get(topic) ?? topic
  return {
    place: reader.place,
    inspect: async (topic) => {
      if (elapsedMs() - loadedMs >= RELOAD_MS) {
        const { deployed } = readRecord(await loadRecord())
        names = new Map(deployed?.sinks.map((one) => [nameOf(one.model), one.topic]))
        loadedMs = elapsedMs()
      }
      return reader.inspect(findName(topic))
    },
    findOffsets: (topic, timeMs) => reader.findOffsets(findName(topic), timeMs),
    read: (topic, range) => reader.read(findName(topic), range),
    close: () => reader.close(),
  }
}
