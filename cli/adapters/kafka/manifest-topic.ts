/** A compacted topic of one partition as a map from key to newest committed value. */
import { CcsError } from '../../domain/kernel/errors.ts'
import { sleep } from '../process/system-clock.ts'
import type { KafkaConnection } from './connection.ts'
import { toKafkaFault } from './fault.ts'
import { createTopics, describeTopics } from './topics.ts'

const FETCH_BYTES = 4 * 1024 * 1024
const POLL_MS = 5
const THERE_POLL_MS = 100
const VISIBLE_MS = 10_000

/** Reads incrementally: each read continues where the last one ended. */
export class ManifestTopic {
  readonly name: string
  readonly #kafka: KafkaConnection
  readonly #replication: number
  #records = new Map<string, Buffer>()
  #nextOffset = 0
  #isThere = false
  #reading: Promise<unknown> = Promise.resolve()

  constructor(kafka: KafkaConnection, name: string, replication: number) {
    this.#kafka = kafka
    this.name = name
    this.#replication = replication
  }

  /** Creates the topic if missing. Throws CCS_MANIFEST_INVALID if it isn't compacted. */
  async ensure(): Promise<void> {
    const { name } = this
    const admin = await this.#kafka.admin()
    try {
      const config = { 'cleanup.policy': 'compact' }
      const topic = { name, partitions: 1, replication: this.#replication, config }
      const isNew = await createTopics(admin, [topic])
      await this.#waitUntilThere()
      if (isNew) return
      const found = await describeTopics(admin, [name], ['cleanup.policy'])
      if (found.get(name)?.[0]?.value === 'compact') return
    } catch (error) {
      throw toKafkaFault(error, this.#kafka.brokers, { topic: name })
    }
    throw new CcsError('CCS_MANIFEST_INVALID', `The topic ${name} is not compacted.`, {
      hint: `Kafka would delete the deployments. Set cleanup.policy=compact for ${name}.`,
    })
  }

  /** Not all brokers know a new topic at once, whoever created it. */
  async #waitUntilThere(): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += THERE_POLL_MS) {
      try {
        await this.#kafka.fetch(this.name, 0, 0, { bytesMax: 1, waitMs: 0 })
        this.#isThere = true
        return
      } catch (error) {
        // Its first records have expired or were compacted: the topic exists.
        if (readCode(error) === 'CCS_KAFKA_OFFSET') this.#isThere = true
        if (this.#isThere) return
        if (readCode(error) !== 'CCS_KAFKA_TOPIC' || waitedMs >= VISIBLE_MS) throw error
        await sleep(THERE_POLL_MS)
      }
    }
  }

  /** All keys, up to the last finished transaction; empty without the topic. */
  read(): Promise<ReadonlyMap<string, Buffer>> {
    const done = this.#reading.then(() => this.#read())
    this.#reading = done.catch(() => undefined)
    return done
  }

  /** Waits until the record at `offset` is readable: a commit is answered shortly before that. */
  async readPast(offset: number): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += POLL_MS) {
      await this.read()
      if (this.#nextOffset > offset) return
      if (waitedMs > VISIBLE_MS) throw new Error(`${this.name} does not show offset ${offset}`)
      await sleep(POLL_MS)
    }
  }

  async #read(): Promise<ReadonlyMap<string, Buffer>> {
    this.#isThere ||= await this.#exists()
    if (!this.#isThere) return this.#records
    try {
      await this.#readNext()
    } catch (error) {
      // The topic was recreated. (One that is only unavailable is not taken for an empty one.)
      if (readCode(error) !== 'CCS_KAFKA_OFFSET') throw error
      this.#records = new Map()
      this.#nextOffset = 0
      await this.#readNext()
    }
    return this.#records
  }

  async #readNext(): Promise<void> {
    // A read that fails halfway changes nothing.
    const records = new Map(this.#records)
    let at = this.#nextOffset
    for (;;) {
      const options = { bytesMax: FETCH_BYTES, waitMs: 0 }
      const fetched = await this.#kafka.fetch(this.name, 0, at, options)
      for (const { key, value } of fetched.records) {
        if (value === null) records.delete(String(key))
        else records.set(String(key), value)
      }
      const isEnd = fetched.nextOffset >= fetched.endOffset
      // Compaction may leave a batch without records: it is skipped offset by offset.
      at = Math.max(fetched.nextOffset, isEnd ? at : at + 1)
      if (isEnd) break
    }
    this.#records = records
    this.#nextOffset = at
  }

  async #exists(): Promise<boolean> {
    const admin = await this.#kafka.admin()
    try {
      return (await admin.listTopics()).includes(this.name)
    } catch (error) {
      throw toKafkaFault(error, this.#kafka.brokers, { topic: this.name })
    }
  }
}

function readCode(error: unknown): string {
  return error instanceof CcsError ? error.code : ''
}
