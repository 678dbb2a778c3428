/**
 * Writes events to the log in groups: while one group becomes durable, the next one fills. Whoever
 * adds to a group waits for it, so that an answer means that the event is on disk.
 */
import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import { greatest } from '../kernel/lists.ts'
import { assignPartition } from '../log/assign-partition.ts'
import type { LogWriter } from '../log/event-log.ts'
import { RecordBatch } from '../log/record-batch.ts'

/** Writers of the partitions of events.raw, and of one of events.dlq. */
export interface CollectWriters {
  readonly events: readonly LogWriter[]
  readonly rejects: LogWriter
  close(): Promise<void>
}

/** Where groups are written. */
export interface GroupCommitPorts {
  /** Called again after a failed write: what of it was written is not known on Kafka. */
  readonly openWriters: () => Promise<CollectWriters>
  readonly clock: Clock
}

/** More than this waits for the disk: further requests are refused until it is written. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024
/** A larger group is refused; a frame of the log may have four times as much. */
const FRAME_BYTES_MAX = 16 * 1024 * 1024
/** After a failed write and until the next good one, the collector is unwell for so long. */
const UNWELL_MS = 10_000

interface Group {
  readonly events: readonly RecordBatch[]
  readonly rejects: RecordBatch
  /** Resolves when the group is durable, and fails when it could not be written. */
  readonly written: Promise<void>
  readonly settle: (error?: unknown) => void
}

/** The group that is being filled, and the one that is being written. */
export class GroupCommit {
  readonly #ports: GroupCommitPorts
  #writers: CollectWriters | undefined
  #partitions: number
  #filling: Group
  #spare: Group | undefined
  #running: Promise<void> | undefined
  #writingBytes = 0
  /** When the last group failed; undefined after one that was written. */
  #failedMs: number | undefined
  /** Groups written so far. */
  groups = 0

  private constructor(ports: GroupCommitPorts, writers: CollectWriters) {
    this.#ports = ports
    this.#writers = writers
    this.#partitions = writers.events.length
    this.#filling = createGroup(this.#partitions)
  }

  /** Opens the writers; throws what they throw. */
  static async open(ports: GroupCommitPorts): Promise<GroupCommit> {
    return new GroupCommit(ports, await ports.openWriters())
  }

  /** Whether the disk is so far behind that no more should be added. */
  get isBehind(): boolean {
    return this.#writingBytes + countBytes(this.#filling) > WAITING_BYTES_MAX
  }

  /** Whether the last group failed, a moment ago: for health checks, which send nothing. */
  get hasJustFailed(): boolean {
    const now = this.#ports.clock.elapsedMs()
    return this.#failedMs !== undefined && now - this.#failedMs < UNWELL_MS
  }

  /** Adds a record of a visitor; it is copied. */
  addEvent(visitor: string, record: Uint8Array): void {
    this.#filling.events[assignPartition(visitor, this.#partitions)]?.add(record)
  }

  /** Adds a record of events.dlq; it is copied. */
  addReject(record: Uint8Array): void {
    this.#filling.rejects.add(record)
  }

  /** Resolves when what was added so far is durable; throws if it could not be written. */
  commit(): Promise<void> {
    const { written } = this.#filling
    this.#running ??= this.#run()
    return written
  }

  /** Writes what is left and closes the writers. */
  async close(): Promise<void> {
    await this.#running
    await this.#writers?.close()
    this.#writers = undefined
  }

  async #run(): Promise<void> {
    // Requests that arrived together are one group: their handlers run before this goes on.
    await Promise.resolve()
    while (countBytes(this.#filling) > 0) {
      const group = this.#filling
      this.#filling = this.#spare ? renew(this.#spare) : createGroup(this.#partitions)
      this.#spare = undefined
      this.#writingBytes = countBytes(group)
      try {
        await this.#write(group)
        this.groups++
        this.#failedMs = undefined
        group.settle()
      } catch (error) {
        this.#failedMs = this.#ports.clock.elapsedMs()
        await this.#forgetWriters()
        group.settle(error)
      }
      this.#spare = group
      this.#writingBytes = 0
    }
    this.#filling.settle()
    this.#filling = renew(this.#filling)
    this.#running = undefined
  }

  async #write({ events, rejects }: Group): Promise<void> {
    this.#writers ??= await this.#ports.openWriters()
    const { events: writers, rejects: dlq } = this.#writers
    const nowMs = this.#ports.clock.nowMs()
    const largest = greatest(events.map(({ bytes }) => bytes))
    if (largest > FRAME_BYTES_MAX) throw tooLarge(largest)
    const appends = events.map((batch, index) => {
      if (batch.count === 0) return undefined
      // A topic that was created again may have fewer partitions than this group.
      return writers[index % writers.length]?.append(batch, nowMs)
    })
    const all = [...appends, rejects.count > 0 ? dlq.append(rejects, nowMs) : undefined]
    const results = await Promise.allSettled(all)
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  async #forgetWriters(): Promise<void> {
    const writers = this.#writers
    this.#writers = undefined
    await writers?.close().catch(() => undefined)
  }
}

function createGroup(partitions: number): Group {
  const events = Array.from({ length: partitions }, () => new RecordBatch())
  return { events, rejects: new RecordBatch(4096), ...createPromise() }
}

/** The same buffers for another group. */
function renew({ events, rejects }: Group): Group {
  for (const batch of [...events, rejects]) batch.clear()
  return { events, rejects, ...createPromise() }
}

function createPromise(): Pick<Group, 'written' | 'settle'> {
  let settle: Group['settle'] = () => undefined
  const written = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error))
  })
  // Whoever waits gets the error; a group that nobody waits for must not end the process.
  written.catch(() => undefined)
  return { written, settle }
}

function countBytes({ events, rejects }: Group): number {
  let bytes = rejects.bytes
  for (const batch of events) bytes += batch.bytes
  return bytes
}

function tooLarge(bytes: number): CcsError {
  return new CcsError('CCS_LOG_RECORD_TOO_LARGE', `A group of ${bytes} bytes is too large.`)
}
