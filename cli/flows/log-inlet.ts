/** All partitions of a topic, read in turn from where the engine stands; new partitions join by themselves. */
import type { PartitionPosition } from '../core/manifest.ts'
import type { Clock, EventLog, LogFrame, LogReader } from '../core/ports.ts'

/** New partitions are looked for this often. */
const PARTITIONS_MS = 1_000

export class LogInlet {
  readonly #log: EventLog
  readonly #topic: string
  readonly #clock: Clock
  #nextLookMs = 0
  #readers: { readonly partition: number; readonly reader: LogReader }[] = []

  constructor(log: EventLog, topic: string, clock: Clock) {
    this.#log = log
    this.#topic = topic
    this.#clock = clock
  }

  /** The next frames, about `bytesMax` in all; [] at the end. `positions` say where a partition begins. */
  async read(
    bytesMax: number,
    positions: readonly PartitionPosition[],
  ): Promise<readonly LogFrame[]> {
    await this.#open(positions)
    const frames: LogFrame[] = []
    const share = bytesMax / Math.max(1, this.#readers.length)
    for (const { reader } of this.#readers) frames.push(...(await reader.read(share)))
    return frames
  }

  /** Where each partition ends now. */
  async ends(): Promise<ReadonlyMap<number, number>> {
    const ends = new Map<number, number>()
    for (const partition of await this.#log.partitions(this.#topic))
      ends.set(partition, (await this.#log.range(this.#topic, partition)).end)
    return ends
  }

  hasReached(ends: ReadonlyMap<number, number>): boolean {
    const at = (partition: number) =>
      this.#readers.find((one) => one.partition === partition)?.reader.position() ?? 0
    return [...ends].every(([partition, end]) => at(partition) >= end)
  }

  async close(): Promise<void> {
    for (const { reader } of this.#readers) await reader.close()
    this.#readers = []
  }

  async #open(positions: readonly PartitionPosition[]): Promise<void> {
    if (this.#clock.nowMs() < this.#nextLookMs && this.#readers.length > 0) return
    this.#nextLookMs = this.#clock.nowMs() + PARTITIONS_MS
    for (const partition of await this.#log.partitions(this.#topic)) {
      if (this.#readers.some((one) => one.partition === partition)) continue
      const at = positions.find((one) => one.topic === this.#topic && one.partition === partition)
      const from = at?.nextOffset ?? (await this.#log.range(this.#topic, partition)).start
      this.#readers.push({
        partition,
        reader: await this.#log.reader(this.#topic, partition, from),
      })
    }
  }
}
