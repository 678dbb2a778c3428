/** How the pipeline does, for the page's one quiet line: the status, its rate, the rejects by reason, the marts. */

import type { DlqCounts } from '../dlq/dlq-tally.ts'
import type { Clock } from '../kernel/clock.ts'
import type { StatusResult } from '../pipeline/read-status.ts'
import type { LiveHealth } from './document.ts'

export interface HealthPorts {
  readonly clock: Clock
  readonly status: () => Promise<StatusResult>
  readonly dlq: () => Promise<DlqCounts>
  readonly marts: () => Promise<LiveHealth['marts']>
}

/** The rate is taken over this long. */
const RATE_MS = 10_000

export class HealthReader {
  readonly #ports: HealthPorts
  /** Records counted, oldest first, within the last RATE_MS and one before. */
  #seen: { readonly atMs: number; readonly records: number }[] = []

  constructor(ports: HealthPorts) {
    this.#ports = ports
  }

  async read(): Promise<LiveHealth> {
    const { clock } = this.#ports
    const [status, dlq, marts] = await Promise.all([
      this.#ports.status(),
      this.#ports.dlq(),
      this.#ports.marts(),
    ])
    const { counts, running, stalled, lagEvents, watermark, serial, lastCommit } = status
    return {
      running,
      eventsPerSecond: running ? this.#rate(clock.nowMs(), counts.records) : 0,
      freshnessMs: running ? status.newestAgeMs : null,
      lagEvents,
      records: counts.records,
      late: counts.late,
      duplicates: counts.duplicates,
      dlq: dlq.total,
      dlqByReason: dlq.byReason,
      watermark,
      stalled,
      commit: { serial, at: lastCommit },
      marts,
    }
  }

  #rate(atMs: number, records: number): number | null {
    const last = this.#seen.at(-1)
    // Nobody looked for a while, or this is another engine: begin anew.
    if (last && (atMs - last.atMs > RATE_MS || records < last.records)) this.#seen = []
    this.#seen.push({ atMs, records })
    while (this.#seen.length > 2 && atMs - (this.#seen[1]?.atMs ?? atMs) >= RATE_MS)
      this.#seen.shift()
    const first = this.#seen[0]
    if (!first || atMs - first.atMs < 500) return null
    return Math.round(((records - first.records) * 10_000) / (atMs - first.atMs)) / 10
  }
}
