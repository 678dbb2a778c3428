/** A compacted topic of one partition as a map: the newest committed value of each key, read without a group. */
import { CcsError } from '../../domain/kernel/errors.ts'
import { sleep } from '../process/system-clock.ts'
import type { KafkaConnection } from './connection.ts'
import { kafkaFault } from './fault.ts'

const FETCH_BYTES = 4 * 1024 * 1024
const POLL_MS = 5
const THERE_POLL_MS = 100
const VISIBLE_MS = 10_000
/** kafkajs's number of a topic among the resources of a cluster. */
const TOPIC_RESOURCE = 2

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

  /** Makes the topic when it is missing. CCS_MANIFEST_INVALID for one that Kafka would let expire. */
  async ensure(): Promise<void> {
    const { name } = this
    const admin = await this.#kafka.admin()
    try {
      const isMade = await admin.createTopics({
        topics: [
          {
            topic: name,
            numPartitions: 1,
            replicationFactor: this.#replication,
            configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
          },
        ],
      })
      await this.#untilThere()
      if (isMade) return
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: TOPIC_RESOURCE, name, configNames: ['cleanup.policy'] }],
      })
      if (resources[0]?.configEntries[0]?.configValue === 'compact') return
    } catch (error) {
      throw kafkaFault(error, this.#kafka.brokers, { topic: name })
    }
    throw new CcsError('CCS_MANIFEST_INVALID', `The topic ${name} is not compacted.`, {
      hint: `Kafka would forget what was deployed. Set cleanup.policy=compact for ${name}.`,
    })
  }

  /** A topic that was made just now, maybe by another, is not known to all brokers at once. */
  async #untilThere(): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += THERE_POLL_MS) {
      try {
        await this.#kafka.fetch(this.name, 0, 0, { bytesMax: 1, waitMs: 0 })
        this.#isThere = true
        return
      } catch (error) {
        // Its first records have expired, or were compacted: it is there.
        if (codeOf(error) === 'CCS_KAFKA_OFFSET') this.#isThere = true
        if (this.#isThere) return
        if (codeOf(error) !== 'CCS_KAFKA_TOPIC' || waitedMs >= VISIBLE_MS) throw error
        await sleep(THERE_POLL_MS)
      }
    }
  }

  /** All there is, up to the last transaction that is finished; empty without the topic. */
  read(): Promise<ReadonlyMap<string, Buffer>> {
    const done = this.#reading.then(() => this.#read())
    this.#reading = done.catch(() => undefined)
    return done
  }

  /** Waits until the record at `offset` can be read: a commit is answered a little before that. */
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
      await this.#readOn()
    } catch (error) {
      // Another topic of that name, made anew; one that is only missing for now is not taken for an empty one.
      if (codeOf(error) !== 'CCS_KAFKA_OFFSET') throw error
      this.#records = new Map()
      this.#nextOffset = 0
      await this.#readOn()
    }
    return this.#records
  }

  async #readOn(): Promise<void> {
    // A read that fails on the way leaves all as it was.
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
      // Compaction may leave a batch without any record: such are passed over one offset at a time.
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
      throw kafkaFault(error, this.#kafka.brokers, { topic: this.name })
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof CcsError ? error.code : ''
}
