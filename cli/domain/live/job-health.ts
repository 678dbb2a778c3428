/**
 * The page's status line for a target whose rows a job on a cluster computes: the words of `ccs
 * status`, and how new the topics are. Each part is read in the background: a server that is away
 * is a sentence on the page, and delays no number.
 */
import type { DlqCounts } from '../dlq/dlq-tally.ts'
import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import { describeJobStatus, type JobStatus } from '../pipeline/job-status.ts'
import { LastValue, type Reading } from './last-value.ts'
import type { LiveHealth } from './live-document.ts'

/** How far the topics were read. */
export interface TopicsState {
  /** Where they are. */
  readonly from: string
  /** Time of the newest record, ms since 1970; null: none was read. */
  readonly newestMs: number | null
  /** When all of them were last read to their end; null: not yet. */
  readonly readMs: number | null
  /** Whether no topic has a record. */
  readonly isEmpty: boolean
  /** Why they can't be read now; null: they can. */
  readonly fault: string | null
}

/** Where the numbers of the status line come from. */
export interface JobHealthPorts {
  readonly clock: Clock
  readonly target: string
  readonly status: () => Promise<JobStatus>
  readonly topics: () => TopicsState
  readonly dlq: () => Promise<DlqCounts>
  readonly marts: () => Promise<LiveHealth['marts']>
  readonly leftOut: () => Promise<LiveHealth['leftOut']>
}

/** A status takes a second to read, and its numbers change every few. */
const STATUS_EVERY_MS = 5_000
const COUNTS_EVERY_MS = 2_000
const WAIT_MS = 1_500

/** Reads nothing before somebody asks. */
export class JobHealthReader {
  readonly #ports: JobHealthPorts
  readonly #status: LastValue<JobStatus>
  readonly #dlq: LastValue<DlqCounts>
  readonly #leftOut: LastValue<LiveHealth['leftOut']>

  constructor(ports: JobHealthPorts) {
    const { clock } = ports
    this.#ports = ports
    this.#status = new LastValue({
      ...{ clock, load: ports.status },
      ...{ everyMs: STATUS_EVERY_MS, waitMs: WAIT_MS },
    })
    const counts = { clock, everyMs: COUNTS_EVERY_MS, waitMs: WAIT_MS }
    this.#dlq = new LastValue({ ...counts, load: ports.dlq })
    this.#leftOut = new LastValue({ ...counts, load: ports.leftOut })
  }

  /** Never fails because of a server: what is not known is null, and `stalled` says why. */
  async read(): Promise<LiveHealth> {
    const { target, topics, marts } = this.#ports
    const [status, dlq, leftOut, built] = await Promise.all([
      this.#status.read(),
      this.#dlq.read(),
      this.#leftOut.read(),
      marts(),
    ])
    const { from, newestMs, readMs, isEmpty, fault } = topics()
    const job = status && 'value' in status ? status.value : undefined
    const counts = dlq && 'value' in dlq ? dlq.value : undefined
    const stalled = [fault, explainStatus(status, fault)].filter((one) => one !== null)
    return {
      running: job?.running === true,
      eventsPerSecond: null,
      freshnessMs: newestMs === null ? null : Math.max(0, this.#ports.clock.nowMs() - newestMs),
      lagEvents: job?.lagEvents ?? null,
      records: isEmpty ? 0 : null,
      late: job?.late ?? null,
      duplicates: null,
      dlq: counts?.isComplete ? sumCounts(counts) : null,
      setAside: null,
      dlqByReason: counts?.byReason ?? {},
      watermark: job?.watermark ?? null,
      stalled: stalled.length === 0 ? null : stalled.join(' '),
      commit: { serial: job?.serial ?? 0, at: job?.lastCommit ?? null },
      marts: built,
      leftOut: leftOut && 'value' in leftOut ? leftOut.value : null,
      disk: null,
      job: {
        ...{ target, from },
        newestAt: formatTime(newestMs),
        readAt: formatTime(readMs),
        facts: job ? describeJobStatus(job) : [],
      },
    }
  }

  /** Resolves when nothing is being read. */
  async close(): Promise<void> {
    await Promise.all([this.#status.close(), this.#dlq.close(), this.#leftOut.close()])
  }
}

/** Why the job computes no rows, as far as that is known, and what to do; null: it does. */
function explainStatus(
  status: Reading<JobStatus> | undefined,
  fault: string | null,
): string | null {
  if (status === undefined) return 'The state of the job is not known yet.'
  if ('error' in status) {
    const why = describeFault(status.error)
    return why === fault ? null : `The state of the job is not known: ${why}`
  }
  const { running, stalled, hint } = status.value
  if (running) return null
  return joinSentences(`The job is ${stalled ?? 'not running'}`, hint)
}

/** What is wrong, and what to do, in sentences. */
export function describeFault(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return joinSentences(message, error instanceof CcsError ? error.hint : undefined)
}

/** Not by offsets, some of which are those of the gate's transactions. */
function sumCounts({ byReason }: DlqCounts): number {
  return Object.values(byReason).reduce((sum, count) => sum + count, 0)
}

function joinSentences(...parts: readonly (string | null | undefined)[]): string {
  const some = parts.filter((one) => one !== null && one !== undefined)
  return some.map((one) => (/[.!?]$/.test(one) ? one : `${one}.`)).join(' ')
}

function formatTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
