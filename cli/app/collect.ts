/** The part of the composition root for rejects from an engine's processing log: its topic, Kafka and registry. */

import { systemClock } from '../adapters/process/system-clock.ts'
import type { EngineName } from '../domain/config/engines.ts'
import { addPrefix } from '../domain/config/target.ts'
import { addCounts, type CollectCounts, collectRejects } from '../domain/dlq/collect-rejects.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import { RAW_TOPIC, VALID_TOPIC } from '../domain/log/topics.ts'
import type { Project } from '../project.ts'
import { openGateSchemas } from './gate.ts'
import { openRejectDecoder } from './reader.ts'
import { loadEngine } from './targets/engine.ts'

export interface CollectChoice {
  /** Whole name of the processing log's topic; the server is asked where absent. */
  readonly log?: string
  readonly isFollowing: boolean
  readonly signal: AbortSignal
  readonly onProgress: (counts: CollectCounts) => void
  /** Something that a person should know. */
  readonly onNotice: (text: string) => void
}

export interface Collected extends CollectCounts {
  /** Topic of the processing log. */
  readonly log: string
}

/** What ksqlDB may read events from: with a gate before it, or none. */
const EVENT_TOPICS = [RAW_TOPIC, VALID_TOPIC]

const RETRY_MS = { first: 500, most: 10_000 }

/** Who follows waits for servers that are away, and goes on from what is in Kafka. */
export async function collect(project: Project, choice: CollectChoice): Promise<Collected> {
  const { isFollowing, signal, onProgress, onNotice } = choice
  const { first, most } = RETRY_MS
  let before: CollectCounts | undefined
  for (let waitMs = first; ; waitMs = Math.min(most, waitMs * 2)) {
    let counts = before
    const note = (now: CollectCounts) => {
      counts = addCounts(before, now)
      waitMs = first
      onProgress(counts)
    }
    try {
      const result = await collectOnce(project, { ...choice, onProgress: note })
      return { ...result, ...addCounts(before, result) }
    } catch (error) {
      const isPassing = error instanceof CcsError && error.exit === EXIT.unreachable
      if (!isFollowing || !isPassing || signal.aborted) throw error
      if (waitMs === first) onNotice(`${error.message} Waiting for it.`)
      before = counts
      await systemClock().sleep(waitMs, signal)
    }
  }
}

/** CCS_CONFIG_INVALID for a target without Kafka, or of which nobody says where its processing log is. */
async function collectOnce(
  project: Project,
  choice: Omit<CollectChoice, 'onNotice'>,
): Promise<Collected> {
  const { kafka: settings, prefix } = project.target
  if (settings === undefined) throw noServer(project, 'has no Kafka')
  const [
    { openKafka },
    { openKafkaLog },
    { openCollectStream },
    { createRecordLocator },
    decode,
    schemas,
    topic,
  ] = await Promise.all([
    import('../adapters/kafka/connection.ts'),
    import('../adapters/kafka/event-log.ts'),
    import('../adapters/kafka/collect-stream.ts'),
    import('../adapters/kafka/find-offsets.ts'),
    openRejectDecoder(project),
    openGateSchemas(project),
    choice.log ?? findLogTopic(project),
  ])
  const connect = () => openKafka(settings, project.dir)
  // First the stream: with it whoever collected before is at an end, and what is in events.dlq stays.
  const stream = await openCollectStream({ kafka: await connect(), prefix, log: topic })
  const kafka = await connect()
  const log = openKafkaLog(kafka, { prefix, withRetry: (run) => run() })
  const { recordBytesMax, futureToleranceMs } = project.config.gate
  try {
    const counts = await collectRejects(
      {
        stream,
        log,
        decode,
        schemas,
        locateRecords: createRecordLocator(kafka),
        clock: systemClock(),
      },
      {
        ...{ recordBytesMax, futureToleranceMs, ...choice },
        topics: new Map(EVENT_TOPICS.map((name) => [addPrefix(project.target, name), name])),
      },
    )
    return { log: topic, ...counts }
  } finally {
    await Promise.all([stream.close(), log.close()])
  }
}

async function findLogTopic(project: Project): Promise<string> {
  const { target } = project
  const names = Object.keys(target.engineServers ?? {}) as EngineName[] // engines are its keys
  for (const name of names) {
    const topic = await (await loadEngine(name)).findProcessingLog?.(target)
    if (topic !== undefined) return topic
  }
  throw noServer(project, 'has no engine that keeps a processing log')
}

function noServer({ target }: Project, problem: string): CcsError {
  return new CcsError('CCS_CONFIG_INVALID', `Target "${target.name}" ${problem}.`, {
    exit: EXIT.usage,
    hint: 'Name a target whose engine keeps one: ccs dlq collect --target NAME. Or name its topic: --log TOPIC',
  })
}
