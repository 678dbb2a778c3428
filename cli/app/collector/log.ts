/** Composition of where the collector writes: its own partition here, all partitions on Kafka. */
import { systemClock } from '../../adapters/process/system-clock.ts'
import type { CollectWriters } from '../../domain/collector/group-commit.ts'
import type { RecentIds } from '../../domain/collector/recent-ids.ts'
import type { ImportContract } from '../../domain/ingest/import-contract.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { retryWithin } from '../../domain/kernel/retry.ts'
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
/** Senders wait for their answers: a Kafka that is away longer is a 503. */
const KAFKA_LIMIT_MS = 3_000
const KAFKA_WAIT_MS = 200
/** How many records are read again at the start, of all partitions. */
const RECALLED_MAX = 50_000

/** The log of the target, for one collector. */
export async function openCollectLog({ target, ...project }: Project) {
  const clock = systemClock()
  const withRetry = <T>(run: () => Promise<T>): Promise<T> =>
    retryWithin(run, {
      ...{ clock, waitMs: KAFKA_WAIT_MS, limitMs: KAFKA_LIMIT_MS },
      onLimit: () => silentKafka(target.kafka?.brokers ?? []),
    })
  const { log, fault } = await openProjectStore({ target, ...project }, withRetry, KAFKA_LIMIT_MS)
  const places = async () =>
    target.kafka
      ? { events: await log.partitions(RAW_TOPIC), rejects: ENGINE_PARTITION }
      : { events: [COLLECTOR_PARTITION], rejects: COLLECTOR_PARTITION }
  const openAll = async (): Promise<CollectWriters> => {
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
  // Writers that are opened too late hold nothing that must be closed.
  const openWriters = () => (target.kafka ? withRetry(openAll) : openAll())
  const recall = async (contract: ImportContract, ids: RecentIds) => {
    const { recallIds } = await import('../../domain/collector/recall-ids.ts')
    const { events } = await places()
    const most = Math.ceil(RECALLED_MAX / events.length)
    for (const partition of events)
      await recallIds(log, { topic: RAW_TOPIC, partition, most }, contract.readEventId, ids)
  }
  return { clock, openWriters, recall, fault, close: () => log.close() }
}

function silentKafka(brokers: readonly string[]): CcsError {
  const seconds = KAFKA_LIMIT_MS / 1000
  const message = `Kafka at ${brokers.join(',')} does not answer within ${seconds} seconds.`
  return new CcsError('CCS_KAFKA_UNREACHABLE', message, {
    hint: 'Is it running? On this machine: ccs stack up',
  })
}
