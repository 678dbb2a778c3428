/** How far the gate's group lags behind events.raw, for the gate and for `ccs status`. */
import type { GateLag } from '../../domain/gate/gate-stream.ts'
import { sleep } from '../process/system-clock.ts'
import type { Admin, KafkaConnection } from './connection.ts'
import { toKafkaFault } from './fault.ts'
import { nameGate } from './gate-names.ts'

/** All partitions by number; `committed` is null where the group has no position. */
export async function readGateLag(kafka: KafkaConnection, prefix: string): Promise<GateLag> {
  const { raw, group } = nameGate(prefix)
  const admin = await kafka.admin()
  try {
    const [ranges, committed] = await Promise.all([
      admin.fetchTopicOffsets(raw),
      readCommittedOffsets(admin, group, raw),
    ])
    const partitions = ranges
      .map(({ partition, low, high }) => {
        const at = committed.get(partition) ?? null
        const end = Number(high)
        return { partition, committed: at, end, lag: Math.max(0, end - (at ?? Number(low))) }
      })
      .sort((a, b) => a.partition - b.partition)
    return { group, partitions, lag: partitions.reduce((sum, { lag }) => sum + lag, 0) }
  } catch (error) {
    throw toKafkaFault(error, kafka.brokers, { topic: raw })
  }
}

/** By partition; partitions without a position are absent. */
export async function readCommittedOffsets(
  admin: Admin,
  group: string,
  topic: string,
): Promise<ReadonlyMap<number, number>> {
  const found = await retryWhileLoading(() =>
    admin.fetchOffsets({ groupId: group, topics: [topic] }),
  )
  return new Map(
    (found[0]?.partitions ?? [])
      .map(({ partition, offset }) => [partition, Number(offset)] as const)
      .filter(([, offset]) => offset >= 0),
  )
}

const LOADING = /GROUP_LOAD_IN_PROGRESS|COORDINATOR/
const LOADING_MS = 10_000
const RETRY_MS = 250

/** Retries while the group's coordinator is loading, as after a broker's start. */
async function retryWhileLoading<T>(ask: () => Promise<T>): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    try {
      return await ask()
    } catch (error) {
      const { type = '' } = error as { readonly type?: string }
      if (waitedMs >= LOADING_MS || !LOADING.test(type)) throw error
      await sleep(RETRY_MS)
    }
  }
}
