/**
 * Deployments in the compacted topic `_ccs.manifest` of their own cluster. A writer initialises
 * the target's one transactional producer, which fences all earlier ones at the broker. So a write
 * succeeds only if nobody else has written since the writer last read the claim.
 */
import { randomBytes } from 'node:crypto'
import type { Deployment } from '../../domain/deploy/deployment.ts'
import {
  type DeploymentClaim,
  type DeploymentStore,
  recordTopic,
} from '../../domain/deploy/deployment-store.ts'
import { refuseSecrets } from '../../domain/deploy/secret-guard.ts'
import type { Clock } from '../../domain/kernel/clock.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { type Processes, systemProcesses } from '../files/process-id.ts'
import type { KafkaConnection, Producer } from './connection.ts'
import {
  type ClaimRecord,
  encodeClaim,
  encodeDeployment,
  type KeyedRecord,
  readClaim,
  readCurrent,
  readHistory,
} from './deployment-records.ts'
import { toKafkaFault } from './fault.ts'
import { ManifestTopic } from './manifest-topic.ts'

/** Where deployments are stored. */
export interface DeploymentStoreOptions {
  /** Closed with the store. */
  readonly kafka: KafkaConnection
  /** The target's prefix. */
  readonly prefix: string
  /** Replication of the topic if it has to be created. */
  readonly replication: number
  readonly clock: Clock
  /** How long a claim outlives a deployer that stopped renewing it. */
  readonly leaseMs?: number
  readonly processes?: Processes
}

const LEASE_MS = 30_000
/** Attempts of a write whose outcome is unknown, or whose producer was fenced. */
const ATTEMPTS_MAX = 6
/** kafkajs's retries of one request, about 8 seconds. */
const RETRIES = 6

/** Nothing is read or created before the first call. */
export function openDeploymentStore(options: DeploymentStoreOptions): DeploymentStore {
  const { kafka, prefix, replication } = options
  const topic = new ManifestTopic(kafka, recordTopic({ prefix }), replication)
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
  #claim: ClaimRecord
  /** undefined until it is initialised, which fences the producers of all other processes. */
  #producer: Producer | undefined
  #timer: NodeJS.Timeout | undefined
  /** One write at a time. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(options: ClaimOptions) {
    this.#options = options
    const nobody = { epoch: 0, token: '', owner: '', sinceMs: 0, untilMs: 0 }
    this.#claim = { ...nobody, ...options.processes.self() }
  }

  get epoch(): number {
    return this.#claim.epoch
  }

  /** Throws CCS_DEPLOY_LOCKED if another process has the claim. */
  async take(owner: string): Promise<void> {
    const { topic, clock, leaseMs } = this.#options
    // Checked before the producer is initialised: an attempt that is rejected here fences nobody.
    this.#refuseHeld(readClaim(await topic.read()))
    const token = randomBytes(12).toString('hex')
    await this.#write((records) => {
      const held = readClaim(records)
      if (held?.token !== token) this.#refuseHeld(held)
      const sinceMs = clock.nowMs()
      const epoch = Math.max(held?.epoch ?? 0, readCurrent(records)?.epoch ?? 0) + 1
      const untilMs = sinceMs + leaseMs
      this.#claim = { ...this.#claim, owner, token, epoch, sinceMs, untilMs }
      return [encodeClaim(this.#claim)]
    })
    this.#timer = setInterval(() => {
      // A fault shows at the next check or save.
      this.#renew().catch(() => undefined)
    }, leaseMs / 3).unref()
  }

  async save(deployment: Deployment): Promise<void> {
    refuseSecrets(deployment)
    await this.#write((records) => {
      this.#refuseLost(readClaim(records))
      return encodeDeployment(deployment, records)
    })
  }

  async check(): Promise<void> {
    const { topic, clock, leaseMs } = this.#options
    this.#refuseLost(readClaim(await topic.read()))
    if (this.#claim.untilMs - clock.nowMs() < (leaseMs * 2) / 3) await this.#renew()
  }

  async release(): Promise<void> {
    this.stop()
    try {
      await this.#write((records) => {
        this.#refuseLost(readClaim(records))
        return [encodeClaim({ ...this.#claim, untilMs: 0 })]
      })
    } catch (error) {
      if (!(error instanceof CcsError) || error.code !== 'CCS_DEPLOY_LOCKED') throw error
    } finally {
      this.#claim = { ...this.#claim, token: '' }
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
      this.#claim = { ...this.#claim, untilMs: clock.nowMs() + leaseMs }
      return [encodeClaim(this.#claim)]
    })
  }

  /**
   * Writes what `decide` returns for the current records, all or nothing. A failed write is
   * repeated with a new producer and the records of that time; `decide` throws if the claim was
   * lost meanwhile.
   */
  #write(decide: (records: ReadonlyMap<string, Buffer>) => readonly KeyedRecord[]): Promise<void> {
    const run = async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#tryWrite(decide)
        } catch (error) {
          await this.#dropProducer()
          if (error instanceof CcsError) throw error
          if (attempt === ATTEMPTS_MAX) throw toKafkaFault(error, this.#options.kafka.brokers)
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
    // Initialises the producer at the broker; only what is read after that counts.
    const transaction = await this.#producer.transaction()
    const records = decide(await topic.read())
    let last = -1
    // One request each, because all together could exceed what Kafka accepts.
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
    if (held === undefined || held.untilMs <= clock.nowMs()) return
    if (processes.isAlive(held) !== false) throw lockedError(held)
  }

  #refuseLost(held: ClaimRecord | undefined): void {
    if (held?.token !== this.#claim.token) throw lockedError(held)
  }
}

function lockedError(holder: ClaimRecord | undefined): CcsError {
  const since = holder && new Date(holder.sinceMs).toISOString()
  const who = holder
    ? `${holder.owner} (process ${holder.pid} on ${holder.host}), since ${since}`
    : 'another process'
  return new CcsError('CCS_DEPLOY_LOCKED', `This target is being deployed by ${who}.`, {
    hint: 'Wait for it to end, then run ccs plan again. After a kill the claim ends in a minute.',
  })
}
