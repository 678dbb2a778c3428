/** The page's status line: the pipeline's state and rate, rejects by reason, the marts. */

import type { DlqCounts } from '../dlq/dlq-tally.ts'
import type { Clock } from '../kernel/clock.ts'
import type { StatusResult } from '../pipeline/read-status.ts'
import type { LiveHealth } from './live-document.ts'

/** Where the numbers of the status line come from. */
export interface HealthPorts {
  readonly clock: Clock
  readonly status: () => Promise<StatusResult>
  readonly dlq: () => Promise<DlqCounts>
  readonly marts: () => Promise<LiveHealth['marts']>
  readonly leftOut: () => Promise<LiveHealth['leftOut']>
  /** Reads the length of each segment of the log. */
  readonly disk: () => Promise<LiveHealth['disk']>
}

/** Length of the window over which the event rate is averaged. */
const RATE_MS = 10_000

/** The disk is measured again after this time. */
const DISK_MS = 60_000

/** Remembers earlier readings, to compute a rate from one to the next. */
export class HealthReader {
  readonly #ports: HealthPorts
  /** Record counts, oldest first: those of the last RATE_MS and one before. */
  #readings: { readonly atMs: number; readonly records: number }[] = []

  #disk: LiveHealth['disk'] = null
  #diskReadMs = Number.NEGATIVE_INFINITY

  constructor(ports: HealthPorts) {
    this.#ports = ports
  }

  async read(): Promise<LiveHealth> {
    const { clock } = this.#ports
    const [status, dlq, marts, leftOut] = await Promise.all([
      this.#ports.status(),
      this.#ports.dlq(),
      this.#ports.marts(),
      this.#ports.leftOut(),
    ])
    const { counts, running, stalled, lagEvents, watermark, serial, lastCommit } = status
    return {
      running,
      eventsPerSecond: running ? this.#measureRate(clock.nowMs(), counts.records) : 0,
      freshnessMs: running ? status.newestAgeMs : null,
      lagEvents,
      records: counts.records,
      late: counts.late,
      duplicates: counts.duplicates,
      dlq: dlq.total,
      setAside: counts.setAside,
      dlqByReason: dlq.byReason,
      watermark,
      stalled,
      commit: { serial, at: lastCommit },
      marts,
      leftOut,
      disk: this.#readDisk(),
      job: null,
    }
  }

  /** As last measured: nobody waits for it. */
  #readDisk(): LiveHealth['disk'] {
    const { clock, disk } = this.#ports
    if (clock.elapsedMs() - this.#diskReadMs >= DISK_MS) {
      this.#diskReadMs = clock.elapsedMs()
      const keep = (read: LiveHealth['disk']) => {
        this.#disk = read
      }
      disk().then(keep, () => keep(null))
    }
    return this.#disk
  }

  #measureRate(atMs: number, records: number): number | null {
    const last = this.#readings.at(-1)
    // Nobody was looking for a while, or the engine was restarted: measure from the start.
    if (last && (atMs - last.atMs > RATE_MS || records < last.records)) this.#readings = []
    this.#readings.push({ atMs, records })
    while (this.#readings.length > 2 && atMs - (this.#readings[1]?.atMs ?? atMs) >= RATE_MS)
      this.#readings.shift()
    const first = this.#readings[0]
    if (!first || atMs - first.atMs < 500) return null
    return Math.round(((records - first.records) * 10_000) / (atMs - first.atMs)) / 10
  }
}
