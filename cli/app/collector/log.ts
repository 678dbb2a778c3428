/** Composition of where the collector writes: its own partition here, all partitions on Kafka. */
import { systemClock } from '../../adapters/process/system-clock.ts'
import type { CollectWriters } from '../../domain/collector/group-commit.ts'
import type { RecentIds } from '../../domain/collector/recent-ids.ts'
import type { ImportContract } from '../../domain/ingest/import-contract.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import type { LogWriter } from '../../domain/log/event-log.ts'
import {
  COLLECTOR_PARTITION,
  DLQ_TOPIC,
  ENGINE_PARTITION,
  RAW_TOPIC,
} from '../../domain/log/topics.ts'
import type { Project } from '../../project.ts'
import { openProjectStore } from '../targets/log.ts'

const OWNER = 'ccs collect'
const KAFKA_TRIES = 3
const KAFKA_WAIT_MS = 200

/** The log of the target, for one collector. */
export async function openCollectLog({ target, ...project }: Project) {
  const clock = systemClock()
  const withRetry = async <T>(run: () => Promise<T>): Promise<T> => {
    for (let left = KAFKA_TRIES; ; left--)
      try {
        return await run()
      } catch (error) {
        if (left === 1 || !(error instanceof CcsError && error.exit === EXIT.unreachable))
          throw error
        await clock.sleep(KAFKA_WAIT_MS)
      }
  }
  const { log, fault } = await openProjectStore({ target, ...project }, withRetry)
  const places = async () =>
    target.kafka
      ? { events: await log.partitions(RAW_TOPIC), rejects: ENGINE_PARTITION }
      : { events: [COLLECTOR_PARTITION], rejects: COLLECTOR_PARTITION }
  const openWriters = async (): Promise<CollectWriters> => {
    const opened: LogWriter[] = []
    const close = async () => {
      for (const one of opened) await one.close()
    }
    const open = async (topic: string, partition: number) => {
      const writer = await log.writer(topic, partition, OWNER)
      opened.push(writer)
      return writer
    }
    try {
      const { events, rejects } = await places()
      const writers: LogWriter[] = []
      // A topic that is missing is named by the writer's error.
      for (const one of events.length > 0 ? events : [0]) writers.push(await open(RAW_TOPIC, one))
      return { events: writers, rejects: await open(DLQ_TOPIC, rejects), close }
    } catch (error) {
      await close()
      throw error
    }
  }
  const recall = async (contract: ImportContract, ids: RecentIds) => {
    const { recallIds } = await import('../../domain/collector/recall-ids.ts')
    for (const partition of (await places()).events)
      await recallIds(log, { topic: RAW_TOPIC, partition }, contract.readEventId, ids)
  }
  return { clock, openWriters, recall, fault, close: () => log.close() }
}
