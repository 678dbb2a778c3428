/**
 * Finds out up to where the events of a target are accounted for: the job has read them, and has
 * committed what it made of them. Waits for what is there at the start, not for what comes after.
 */
import { sleep } from '../../../adapters/process/system-clock.ts'
import type { TopicProgress } from '../../../domain/log/topic-progress.ts'
import type { JobStatus } from '../../../domain/pipeline/job-status.ts'
import { awaitCaughtUp } from '../plan/catch-up.ts'

/** The job that is audited. */
export interface AuditedJob {
  readStatus(): Promise<JobStatus>
  /** Whether all its parts run. */
  isRunning(): Promise<boolean>
  /** How far it has committed each partition of events.valid. */
  progress(): Promise<readonly TopicProgress[]>
  readonly checkpointMs: number
}

/** Up to where events are accounted for. */
export interface AuditCut {
  /** By partition of events.valid the first offset that need not be in other topics yet. */
  readonly ends: ReadonlyMap<number, number>
  readonly status: JobStatus
}

/** Time limits, ms. */
export interface RestOptions {
  /** For reading what is there. */
  readonly readMaxMs?: number
  /** For the checkpoint after that. */
  readonly checkpointMaxMs?: number
  readonly pollMs?: number
}

/**
 * Waits until a running job has read what there is, or goes on without the rest after a while. Of a
 * job that does not run, what it committed last counts.
 */
export async function waitForRest(job: AuditedJob, options: RestOptions = {}): Promise<AuditCut> {
  const { readMaxMs = 120_000, checkpointMaxMs = 120_000, pollMs = 500 } = options
  const { checkpointMs } = job
  const readEndMs = Date.now() + readMaxMs
  const enough = new Error('enough')
  const checkRunning = async () => {
    if (Date.now() > readEndMs || !(await job.isRunning())) throw enough
  }
  const topics = { progress: () => job.progress() }
  await checkRunning()
    .then(() => awaitCaughtUp('', '', { topics, checkRunning, checkpointMs, pollMs }))
    .catch((error: unknown) => {
      if (error !== enough) throw error
    })
  const ends = new Map(
    (await job.progress()).map((one) => [one.partition, one.committed ?? one.start]),
  )
  // Sinks commit beside the source: with the next checkpoint, those of this one have.
  let status = await job.readStatus()
  const { serial } = status
  const endMs = Date.now() + checkpointMaxMs
  while (status.running && status.serial <= serial && Date.now() < endMs) {
    await sleep(Math.max(pollMs, checkpointMs / 4))
    status = await job.readStatus()
  }
  return { ends, status }
}
