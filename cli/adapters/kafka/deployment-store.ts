/**
 * Deployments in the compacted topic `_ccs.manifest` of their own cluster. Who writes has initialised the one
 * transactional producer of the target: that fences every earlier one at the broker. So a write succeeds only
 * if nobody else came since its writer last read, and the claim that was read then is the one in force.
 */
import { randomBytes } from 'node:crypto'
import type { Deployment } from '../../domain/deploy/deployment.ts'
import type { DeploymentClaim, DeploymentStore } from '../../domain/deploy/deployment-store.ts'
import { refuseSecrets } from '../../domain/deploy/secret-guard.ts'
import type { Clock } from '../../domain/kernel/clock.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { type Processes, systemProcesses } from '../files/file-lock.ts'
import type { KafkaConnection, Producer } from './connection.ts'
import {
  type ClaimRecord,
  claimRecord,
  deploymentRecords,
  type KeyedRecord,
  readClaim,
  readCurrent,
  readHistory,
} from './deployment-records.ts'
import { kafkaFault } from './fault.ts'
import { ManifestTopic } from './manifest-topic.ts'

export interface DeploymentStoreOptions {
  /** Closed with the store. */
  readonly kafka: KafkaConnection
  /** Of the target. */
  readonly prefix: string
  /** Of the topic, where it has to be made. */
  readonly replication: number
  readonly clock: Clock
  /** How long a claim outlives a deployer that says nothing. */
  readonly leaseMs?: number
  readonly processes?: Processes
}

const LEASE_MS = 30_000
/** Of a write whose fate is unknown, or whose producer was fenced by someone who then held back. */
const ATTEMPTS_MAX = 6
/** kafkajs's own repetitions of one request, about 8 seconds. */
const RETRIES = 6

export function openDeploymentStore(options: DeploymentStoreOptions): DeploymentStore {
  const { kafka, prefix, replication } = options
  const topic = new ManifestTopic(kafka, `${prefix}_ccs.manifest`, replication)
  const claims = new Set<Claim>()
  const read = async <T>(from: (records: ReadonlyMap<string, Buffer>) => T) =>
    from(await topic.read())
  return {
    load: () => read(readCurrent),
    history: () => read(readHistory),
    claim: async (owner) => {
      await topic.ensure()
      const claim = new Claim({
        leaseMs: LEASE_MS,
        processes: systemProcesses(),
        ...options,
        topic,
      })
      await claim.take(owner)
      claims.add(claim)
      return claim
    },
    close: async () => {
      for (const claim of claims) claim.stop()
      await kafka.close()
    },
  }
}

interface ClaimOptions extends Required<DeploymentStoreOptions> {
  readonly topic: ManifestTopic
}

class Claim implements DeploymentClaim {
  readonly #options: ClaimOptions
  #mine: ClaimRecord
  /** Undefined: to be initialised, which fences all others. */
  #producer: Producer | undefined
  #timer: NodeJS.Timeout | undefined
  /** One write at a time. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(options: ClaimOptions) {
    this.#options = options
    const nobody = { epoch: 0, token: '', owner: '', sinceMs: 0, untilMs: 0 }
    this.#mine = { ...nobody, ...options.processes.self() }
  }

  get epoch(): number {
    return this.#mine.epoch
  }

  /** CCS_DEPLOY_LOCKED when another has it. */
  async take(owner: string): Promise<void> {
    const { topic, clock, leaseMs } = this.#options
    // Whoever is refused here has fenced nobody.
    this.#refuseHeld(readClaim(await topic.read()))
    const token = randomBytes(12).toString('hex')
    await this.#write((records) => {
      const held = readClaim(records)
      if (held?.token !== token) this.#refuseHeld(held)
      const sinceMs = clock.nowMs()
      const epoch = Math.max(held?.epoch ?? 0, readCurrent(records)?.epoch ?? 0) + 1
      const untilMs = sinceMs + leaseMs
      this.#mine = { ...this.#mine, owner, token, epoch, sinceMs, untilMs }
      return [claimRecord(this.#mine)]
    })
    this.#timer = setInterval(() => {
      // What is wrong shows at the next check or save.
      this.#renew().catch(() => undefined)
    }, leaseMs / 3).unref()
  }

  async save(deployment: Deployment): Promise<void> {
    refuseSecrets(deployment)
    await this.#write((records) => {
      this.#refuseLost(readClaim(records))
      return deploymentRecords(deployment, records)
    })
  }

  async check(): Promise<void> {
    const { topic, clock, leaseMs } = this.#options
    this.#refuseLost(readClaim(await topic.read()))
    if (this.#mine.untilMs - clock.nowMs() < (leaseMs * 2) / 3) await this.#renew()
  }

  async release(): Promise<void> {
    this.stop()
    try {
      await this.#write((records) => {
        this.#refuseLost(readClaim(records))
        return [claimRecord({ ...this.#mine, untilMs: 0 })]
      })
    } catch (error) {
      if (!(error instanceof CcsError) || error.code !== 'CCS_DEPLOY_LOCKED') throw error
    } finally {
      this.#mine = { ...this.#mine, token: '' }
      await this.#dropProducer()
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #renew(): Promise<void> {
    const { clock, leaseMs } = this.#options
    await this.#write((records) => {
      this.#refuseLost(readClaim(records))
      this.#mine = { ...this.#mine, untilMs: clock.nowMs() + leaseMs }
      return [claimRecord(this.#mine)]
    })
  }

  /**
   * Writes what `decide` makes of the records in force, all or nothing. A write that failed is tried anew with
   * a new producer and what is there then: `decide` throws when the claim was lost meanwhile.
   */
  #write(decide: (records: ReadonlyMap<string, Buffer>) => readonly KeyedRecord[]): Promise<void> {
    const run = async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#tryWrite(decide)
        } catch (error) {
          await this.#dropProducer()
          if (error instanceof CcsError) throw error
          if (attempt === ATTEMPTS_MAX) throw kafkaFault(error, this.#options.kafka.brokers)
          await this.#options.clock.sleep(Math.random() * 100 * attempt)
        }
      }
    }
    const done = this.#queue.then(run)
    this.#queue = done.catch(() => undefined)
    return done
  }

  async #tryWrite(
    decide: (records: ReadonlyMap<string, Buffer>) => readonly KeyedRecord[],
  ): Promise<void> {
    const { kafka, prefix, topic } = this.#options
    const transactionalId = `${prefix}ccs.deploy`
    this.#producer ??= await kafka.producer({ transactionalId, retries: RETRIES })
    // The first of a producer initialises it at the broker; only what is read after that may be decided on.
    const transaction = await this.#producer.transaction()
    const records = decide(await topic.read())
    let last = -1
    // One request each: together they would be more than Kafka takes at once.
    for (const { key, value } of records) {
      const messages = [{ key, value, partition: 0 }]
      const [sent] = await transaction.send({ topic: topic.name, messages })
      last = Number(sent?.baseOffset ?? last)
    }
    await transaction.commit()
    await topic.readPast(last)
  }

  async #dropProducer(): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    await producer?.disconnect().catch(() => undefined)
  }

  #refuseHeld(held: ClaimRecord | undefined): void {
    const { clock, processes } = this.#options
    if (held === undefined || held.untilMs <= clock.nowMs() || !processes.isAlive(held)) return
    throw locked(held)
  }

  #refuseLost(held: ClaimRecord | undefined): void {
    if (held?.token !== this.#mine.token) throw locked(held)
  }
}

function locked(holder: ClaimRecord | undefined): CcsError {
  const who =
    holder === undefined
      ? 'another process'
      : `${holder.owner} (process ${holder.pid} on ${holder.host}), since ${new Date(holder.sinceMs).toISOString()}`
  return new CcsError('CCS_DEPLOY_LOCKED', `This target is being deployed by ${who}.`, {
    hint: 'Wait for it to end, then look again: ccs plan. A killed one frees it within a minute.',
  })
}
