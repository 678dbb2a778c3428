/**
 * One process in a consumer group, by the group's own requests (join, sync, heartbeat, leave) on
 * its own connection. kafkajs's consumer also fetches, and after an outage it may come back beside
 * its successor and hold partitions that nobody works on. Here there is only one loop.
 */
import { sleep } from '../process/system-clock.ts'
import type { Cluster } from './fetch.ts'

/** What to join, and whom to notify. */
export interface MemberOptions {
  readonly group: string
  readonly topic: string
  /** A member that is silent for so long loses its partitions. */
  readonly sessionMs: number
  /** Called with this process's partitions, ascending, whenever they change. */
  readonly onAssigned: (partitions: readonly number[]) => void
  /** Called with kafkajs's errors; throws to give up. */
  readonly onError: (error: unknown) => void
}

/** kafkajs's encoding of subscriptions and assignments. */
export interface MemberCodec {
  readonly MemberMetadata: { encode(of: { version: number; topics: string[] }): Buffer }
  readonly MemberAssignment: {
    encode(of: { version: number; assignment: Record<string, number[]> }): Buffer
    decode(bytes: Buffer): { readonly assignment: Record<string, number[]> } | null
  }
}

/** The part of kafkajs's cluster object that a membership uses; it is missing in its types. */
interface GroupCluster extends Omit<Cluster, 'findGroupCoordinator'> {
  findGroupCoordinator(of: { readonly groupId: string }): Promise<GroupCoordinator>
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[]
}

interface GroupCoordinator {
  joinGroup(request: object): Promise<Joined>
  syncGroup(request: object): Promise<{ readonly memberAssignment: Buffer }>
  heartbeat(request: object): Promise<unknown>
  leaveGroup(request: object): Promise<unknown>
}

interface Joined {
  readonly generationId: number
  readonly leaderId: string
  readonly memberId: string
  readonly members: readonly { readonly memberId: string }[]
}

/** Kafka's name for assigning partitions in turn. */
const PROTOCOL = 'roundrobin'
const RETRY_MS = { first: 100, most: 2_000 }
/** How often a leader checks whether the topic has more partitions. */
const TOPIC_CHECK_MS = 30_000
const CLOSE_MS = 3_000
/** How long the broker waits for others to rejoin; ours do so with their next heartbeat. */
const REBALANCE_MS = 30_000

/** One membership; call `run` once. */
export class GroupMember {
  readonly #options: MemberOptions
  readonly #connect: () => Promise<Cluster>
  readonly #codec: MemberCodec
  readonly #waiting = new Set<() => void>()
  readonly #closing = new AbortController()
  #memberId = ''
  #done: Promise<void> | undefined

  constructor(options: MemberOptions, connect: () => Promise<Cluster>, codec: MemberCodec) {
    this.#options = options
    this.#connect = connect
    this.#codec = codec
  }

  /** Joins, and stays a member until `close`; rejects with what `onError` throws. */
  run(): Promise<void> {
    this.#done = this.#run()
    return this.#done
  }

  /** Resolves at the group's next confirmation that this process is a member, or on `close`. */
  confirmed(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.add(resolve))
  }

  /** Leaves the group, so that others need not wait for the session to end. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#notifyConfirmed()
    await this.#done?.catch(() => undefined)
  }

  async #run(): Promise<void> {
    let waitMs = RETRY_MS.first
    while (!this.#closing.signal.aborted) {
      let cluster: GroupCluster | undefined
      try {
        // kafkajs's cluster object also has group methods; this type describes those.
        cluster = (await this.#connect()) as unknown as GroupCluster
        await this.#stayMember(cluster, () => {
          waitMs = RETRY_MS.first
        })
      } catch (error) {
        if (!this.#closing.signal.aborted) this.#options.onError(error)
        await sleep(waitMs, this.#closing.signal)
        waitMs = Math.min(RETRY_MS.most, waitMs * 2)
      } finally {
        // A request that hangs on this connection may end by itself: nothing repeats it.
        await withTimeout(CLOSE_MS, cluster?.disconnect()).catch(() => undefined)
      }
    }
  }

  async #stayMember(cluster: GroupCluster, onJoined: () => void): Promise<void> {
    const { group, topic } = this.#options
    await cluster.addTargetTopic(topic)
    while (!this.#closing.signal.aborted) {
      const coordinator = await cluster.findGroupCoordinator({ groupId: group })
      try {
        const joined = await this.#join(cluster, coordinator)
        onJoined()
        await this.#sendHeartbeats(cluster, coordinator, joined)
      } catch (error) {
        // An error may have a type.
        const { type = '' } = error as { readonly type?: string }
        if (/^(UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION)$/.test(type)) this.#memberId = ''
        else if (type !== 'REBALANCE_IN_PROGRESS') throw error
      }
      if (this.#closing.signal.aborted && this.#memberId !== '')
        await withTimeout(
          CLOSE_MS,
          coordinator.leaveGroup({ groupId: group, memberId: this.#memberId }),
        ).catch(() => undefined)
    }
  }

  async #join(cluster: GroupCluster, coordinator: GroupCoordinator): Promise<Joined> {
    const { group, topic, sessionMs, onAssigned } = this.#options
    const { MemberAssignment, MemberMetadata } = this.#codec
    const metadata = MemberMetadata.encode({ version: 0, topics: [topic] })
    const joined = await coordinator.joinGroup({
      groupId: group,
      sessionTimeout: sessionMs,
      rebalanceTimeout: Math.max(REBALANCE_MS, sessionMs),
      memberId: this.#memberId,
      groupProtocols: [{ name: PROTOCOL, metadata }],
    })
    this.#memberId = joined.memberId
    const { memberAssignment } = await coordinator.syncGroup({
      groupId: group,
      generationId: joined.generationId,
      memberId: joined.memberId,
      groupAssignment:
        joined.leaderId === joined.memberId ? await this.#assignPartitions(cluster, joined) : [],
    })
    const mine = MemberAssignment.decode(memberAssignment)?.assignment[topic] ?? []
    if (!this.#closing.signal.aborted) onAssigned([...mine].sort((a, b) => a - b))
    this.#notifyConfirmed()
    return joined
  }

  /** Assigns partitions in turn, as the group's leader. */
  async #assignPartitions(cluster: GroupCluster, { members }: Joined) {
    const { topic } = this.#options
    await cluster.refreshMetadata()
    const ids = members.map(({ memberId }) => memberId).sort()
    const partitions = listPartitions(cluster, topic)
    return ids.map((memberId, at) => ({
      memberId,
      memberAssignment: this.#codec.MemberAssignment.encode({
        version: 0,
        assignment: { [topic]: partitions.filter((_, i) => i % ids.length === at) },
      }),
    }))
  }

  /** Until the group rebalances, which kafkajs reports as an error, or the topic has grown. */
  async #sendHeartbeats(
    cluster: GroupCluster,
    coordinator: GroupCoordinator,
    joined: Joined,
  ): Promise<void> {
    const { group, topic, sessionMs } = this.#options
    const { generationId, memberId, leaderId } = joined
    const count = listPartitions(cluster, topic).length
    let lookedMs = performance.now()
    for (;;) {
      await sleep(sessionMs / 5, this.#closing.signal)
      if (this.#closing.signal.aborted) return
      const request = { groupId: group, groupGenerationId: generationId, memberId }
      await withTimeout(sessionMs, coordinator.heartbeat(request))
      this.#notifyConfirmed()
      if (leaderId !== memberId || performance.now() - lookedMs < TOPIC_CHECK_MS) continue
      lookedMs = performance.now()
      await cluster.refreshMetadata()
      // If the leader rejoins, all others do.
      if (listPartitions(cluster, topic).length !== count) return
    }
  }

  #notifyConfirmed(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

function listPartitions(cluster: GroupCluster, topic: string): number[] {
  return cluster
    .findTopicPartitionMetadata(topic)
    .map(({ partitionId }) => partitionId)
    .sort((a, b) => a - b)
}

async function withTimeout<T>(ms: number, work: Promise<T> | undefined): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Connection: no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
