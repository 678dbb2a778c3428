/**
 * Where the runs of `ccs import` begin and end in their partition, as the ledger of imports tells.
 * A run is a history of its own: its first event may be older than the last of the run before, so
 * the engine treats the partition like a new one there (docs/adr/0020). Each entry of the ledger is
 * durable before its events are appended, so a frame's entry is there when the frame is read.
 */
import { isReplayPartition } from '../dlq/replay-partitions.ts'
import type { ImportLedgerEntry } from '../ingest/import-ledger.ts'
import type { EventLog, LogFrame, LogReader } from '../log/event-log.ts'
import { frameRecords } from '../log/frame-records.ts'
import { IMPORTS_TOPIC } from '../log/topics.ts'

const READ_BYTES = 1024 * 1024

interface Runs {
  /** Offsets of the first events. */
  readonly starts: Set<number>
  /** Offset after the last event of a file that is imported whole; null: one is on its way. */
  end: number | null
}

/** Reads the ledger as it grows; for a log that imports write to. */
export class ImportRuns {
  readonly #log: EventLog
  readonly #topic: string
  readonly #partitions = new Map<number, Runs>()
  #ledger: LogReader | undefined

  /** `topic` is that of the events. */
  constructor(log: EventLog, topic: string) {
    this.#log = log
    this.#topic = topic
  }

  /** Returns the frames with `startsRun` and `endsRun`. */
  async mark(frames: readonly LogFrame[]): Promise<readonly LogFrame[]> {
    if (!frames.some(({ partition }) => isImportPartition(partition))) return frames
    await this.#readLedger()
    return frames.map((frame) => {
      const runs = this.#partitions.get(frame.partition)
      const startsRun = runs?.starts.has(frame.baseOffset) ?? false
      const endsRun = runs?.end === frame.baseOffset + frame.count
      return startsRun || endsRun ? { ...frame, startsRun, endsRun } : frame
    })
  }

  async #readLedger(): Promise<void> {
    if (!this.#ledger) {
      if ((await this.#log.partitions(IMPORTS_TOPIC)).length === 0) return
      const { start } = await this.#log.range(IMPORTS_TOPIC, 0)
      this.#ledger = await this.#log.reader(IMPORTS_TOPIC, 0, start)
    }
    for (;;) {
      const frames = await this.#ledger.read(READ_BYTES)
      if (frames.length === 0) return
      // ImportLedger wrote them.
      for (const frame of frames)
        for (const { bytes } of frameRecords(frame))
          this.#add(JSON.parse(Buffer.from(bytes).toString('utf8')) as ImportLedgerEntry)
    }
  }

  #add({ topic, partition, runStart, eventsEnd, isDone, undone }: ImportLedgerEntry): void {
    if (topic !== this.#topic) return
    const runs = this.#partitions.get(partition) ?? { starts: new Set(), end: null }
    this.#partitions.set(partition, runs)
    if (runStart !== undefined) runs.starts.add(runStart)
    runs.end = isDone && undone === undefined ? eventsEnd : null
  }

  async close(): Promise<void> {
    await this.#ledger?.close()
    this.#ledger = undefined
  }
}

/** Partition 0 is the live shop's. */
function isImportPartition(partition: number): boolean {
  return partition > 0 && !isReplayPartition(partition)
}
