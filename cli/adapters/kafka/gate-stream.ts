/**
 * Validates events.raw into events.valid and events.dlq on Kafka: the group assigns partitions to
 * this process, and one worker handles each. After a failure because a broker is away or another
 * process has the partition, the worker starts again once the group confirms the assignment.
 */

import type { GatePartition, GateStream } from '../../domain/gate/gate-stream.ts'
import type { Clock } from '../../domain/kernel/clock.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import type { GroupMember, KafkaConnection } from './connection.ts'
import { missingTopic, toKafkaFault } from './fault.ts'
import { readGateLag } from './gate-lag.ts'
import { type GateNames, nameGate } from './gate-names.ts'
import { openGateWorker } from './gate-worker.ts'
import { describeTopics } from './topics.ts'

/** Where and how the gate runs. */
export interface GateStreamOptions {
  /** Opens a new connection per caller. */
  readonly connect: () => Promise<KafkaConnection>
  readonly prefix: string
  /** A process that is silent for so long loses its partitions. */
  readonly sessionMs: number
  readonly clock: Clock
  readonly onNotice: (text: string) => void
}

type Work = (partition: GatePartition, stop: AbortSignal) => Promise<void>

const RETRY_MS = { first: 200, most: 5_000 }
/** How long running transactions may take when the gate stops. */
const DRAIN_MS = 20_000
/** Faults that pass with time; CCS_KAFKA_REFUSED is that of a fenced producer. */
const PASSING_FAULTS = [
  'CCS_KAFKA_UNREACHABLE',
  'CCS_KAFKA_REFUSED',
  'CCS_KAFKA_TOPIC',
  'CCS_KAFKA_OFFSET',
]

/** Errors of the membership that don't pass with time. */
const LASTING_FAULTS = /^(INVALID_SESSION_TIMEOUT|INCONSISTENT_GROUP_PROTOCOL|INVALID_GROUP_ID)$/

/** Throws CCS_KAFKA_TOPIC if a topic is missing, or events.valid has fewer partitions. */
export async function openGateStream(options: GateStreamOptions): Promise<GateStream> {
  const kafka = await options.connect()
  try {
    const names = nameGate(options.prefix)
    const sizes = await readTopicSizes(kafka, names)
    if (sizes.dlqBytesMax < sizes.rawBytesMax + REJECT_BYTES)
      options.onNotice(describeTightDlq(names))
    return {
      run: (work, stop) => runGroup({ ...options, kafka, names, sizes }, work, stop),
      lag: () => readGateLag(kafka, options.prefix),
      close: () => kafka.close(),
    }
  } catch (error) {
    await kafka.close()
    throw error
  }
}

interface GateRun extends GateStreamOptions {
  readonly kafka: KafkaConnection
  readonly names: GateNames
  readonly sizes: TopicSizes
}

async function runGroup(gate: GateRun, work: Work, stop: AbortSignal): Promise<void> {
  const { kafka, names, sessionMs } = gate
  const workers = new Map<
    number,
    { readonly leave: AbortController; readonly done: Promise<void> }
  >()
  const failing = new AbortController()
  const ending = AbortSignal.any([stop, failing.signal])
  let fault: unknown
  const enter = (partition: number, after: Promise<void> | undefined) => {
    const leave = new AbortController()
    const until = AbortSignal.any([ending, leave.signal])
    const pass = async () => {
      await after
      await runWorker(gate, { group, partition, work, until })
    }
    const done = pass().catch((error: unknown) => {
      fault ??= error
      failing.abort()
    })
    workers.set(partition, { leave, done })
  }
  const onAssigned = (partitions: readonly number[]) => {
    if (ending.aborted) return
    for (const [partition, { leave }] of workers) if (!partitions.includes(partition)) leave.abort()
    for (const partition of partitions) {
      const worker = workers.get(partition)
      // A partition that is being left is taken again after its worker has ended.
      if (!worker || worker.leave.signal.aborted) enter(partition, worker?.done)
    }
  }
  const group = kafka.member({
    group: names.group,
    topic: names.raw,
    sessionMs,
    onAssigned,
    onError: (error) => {
      const kind = toKafkaFault(error, kafka.brokers, { topic: names.raw })
      // An error may have a type.
      const { type = '' } = error as { readonly type?: string }
      if (!PASSING_FAULTS.includes(kind.code) || LASTING_FAULTS.test(type)) throw kind
    },
  })
  const membership = group.run().catch((error: unknown) => {
    fault ??= error
    failing.abort()
  })
  await untilAborted(ending)
  // Other members get these partitions once the running transactions are done.
  const drained = Promise.all([...workers.values()].map(({ done }) => done))
  const late = new AbortController()
  await Promise.race([drained, gate.clock.sleep(DRAIN_MS, late.signal)])
  late.abort()
  await group.close()
  await membership
  if (fault !== undefined) throw fault
}

interface WorkerTask {
  readonly group: GroupMember
  readonly partition: number
  readonly work: Work
  readonly until: AbortSignal
}

/** Runs a worker again and again; ends by `until`, or by a fault that doesn't pass with time. */
async function runWorker(gate: GateRun, task: WorkerTask): Promise<void> {
  const { names, sizes, clock, onNotice, connect } = gate
  const { group, partition, work, until } = task
  let waitMs = RETRY_MS.first
  while (!until.aborted) {
    const openedMs = clock.nowMs()
    try {
      const worker = await openGateWorker({ ...sizes, kafka: await connect(), names, partition })
      if (worker.missing > 0)
        onNotice(
          `Partition ${partition}: ${worker.missing} records expired before the gate had them.`,
        )
      await work(worker, until).finally(() => worker.close())
    } catch (error) {
      if (!(error instanceof CcsError) || !PASSING_FAULTS.includes(error.code)) throw error
      if (until.aborted) return
      // After a long run, retry soon again.
      if (clock.nowMs() - openedMs > 2 * RETRY_MS.most) waitMs = RETRY_MS.first
      // Losing the partition to another process is normal, unless it lasts.
      const isAway = error.exit === EXIT.unreachable
      if (isAway ? waitMs === RETRY_MS.first : waitMs === RETRY_MS.most)
        onNotice(`Partition ${partition}: ${error.message} Trying again.`)
      await Promise.race([group.confirmed(), untilAborted(until)])
      await clock.sleep(waitMs, until)
      waitMs = Math.min(RETRY_MS.most, waitMs * 2)
    }
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

interface TopicSizes {
  readonly dlqPartitions: number
  readonly rawBytesMax: number
  readonly validBytesMax: number
  readonly dlqBytesMax: number
}

/** Kafka's default of max.message.bytes. */
const MESSAGE_BYTES = 1_048_588
/** What a reject has besides the record's bytes: reason and place. */
const REJECT_BYTES = 4_096

async function readTopicSizes(
  kafka: KafkaConnection,
  { raw, valid, dlq }: GateNames,
): Promise<TopicSizes> {
  const admin = await kafka.admin()
  const topics = [raw, valid, dlq]
  const ask = async () => {
    const there = await admin.listTopics()
    const missing = topics.find((topic) => !there.includes(topic))
    if (missing !== undefined)
      throw missingTopic(`topic ${missing}`, kafka.brokers, { exit: EXIT.usage })
    const [metadata, settings] = await Promise.all([
      admin.fetchTopicMetadata({ topics }),
      describeTopics(admin, topics, ['max.message.bytes']),
    ])
    const partitionsOf = (topic: string) =>
      metadata.topics.find(({ name }) => name === topic)?.partitions.length ?? 1
    const bytesOf = (topic: string) => Number(settings.get(topic)?.[0]?.value ?? MESSAGE_BYTES)
    if (partitionsOf(valid) < partitionsOf(raw))
      throw new CcsError(
        'CCS_KAFKA_TOPIC',
        `${valid} has ${partitionsOf(valid)} partitions, ${raw} has ${partitionsOf(raw)}.`,
        {
          exit: EXIT.usage,
          hint: `Records keep their partition, so that order is kept: give ${valid} as many.`,
        },
      )
    return {
      dlqPartitions: partitionsOf(dlq),
      rawBytesMax: bytesOf(raw),
      validBytesMax: bytesOf(valid),
      dlqBytesMax: bytesOf(dlq),
    }
  }
  return ask().catch((error: unknown) => {
    throw toKafkaFault(error, kafka.brokers)
  })
}

function describeTightDlq({ raw, dlq }: GateNames): string {
  return (
    `${dlq} accepts no larger records than ${raw}, but a reject is up to ${REJECT_BYTES} bytes ` +
    `larger than its record. Raise max.message.bytes of ${dlq}.`
  )
}
