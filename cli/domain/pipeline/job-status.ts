/**
 * `ccs status` of a target whose models run as a job on a cluster: whether it runs, how far behind
 * it is, and when it last saved its state.
 */
import { formatBytes, formatCount, formatDuration } from '../kernel/units.ts'

/** What `ccs status --json` prints for such a target; times are ISO 8601 in UTC. */
export interface JobStatus {
  readonly target: string
  /** Whether the job computes rows at this moment. */
  readonly running: boolean
  /** Why no rows are computed, in a sentence; null: they are. */
  readonly stalled: string | null
  /** What to do about it. */
  readonly hint: string | null
  /** Null: nothing is deployed. */
  readonly job: DeployedJobStatus | null
  /** Names of further jobs of the target, which a deployment builds or left behind. */
  readonly others: readonly string[]
  /** Records of events.valid that the job has not read yet. */
  readonly lagEvents: number
  /** Records of events.raw that the gate has not validated yet; see `ccs gate`. */
  readonly gateLagEvents: number
  /** Null before the first event, and while the job does not run. */
  readonly watermark: string | null
  /** Records that windows dropped since the job was started; null: the job does not run. */
  readonly late: number | null
  /** When the last checkpoint was complete, and its number. */
  readonly lastCommit: string | null
  readonly serial: number
  readonly checkpoints: JobCheckpointStatus
  /** Null: the job does not run. */
  readonly backpressure: JobBackpressure | null
  /** The last exception that restarted or ended the job. */
  readonly exception: { readonly at: string; readonly message: string } | null
  readonly partitions: readonly JobPartition[]
}

/** The job that was deployed. */
export interface DeployedJobStatus {
  readonly name: string
  readonly id: string
  /** The cluster's word, such as RUNNING; null: the cluster does not know the job. */
  readonly state: string | null
  readonly since: string | null
  /** How often it was restarted; null: the job has ended. */
  readonly restarts: number | null
}

/** Counts since the job was started. */
export interface JobCheckpointStatus {
  readonly completed: number
  readonly failed: number
  /** Of the last one that is complete; null before the first. */
  readonly ageMs: number | null
  readonly bytes: number | null
  readonly durationMs: number | null
  readonly path: string | null
  /** Why the last failed one did, if it is newer. */
  readonly failure: string | null
}

/** The part of a job that waits most for the parts after it. */
export interface JobBackpressure {
  readonly level: string
  /** Share of the last seconds in which it waited, 0 to 1. */
  readonly ratio: number
  /** Begin of its name. */
  readonly part: string
}

/** How far a job has read a partition; `watermark` as in JobStatus. */
export interface JobPartition {
  readonly topic: string
  readonly partition: number
  /** Null: nothing was read. */
  readonly nextOffset: number | null
  readonly end: number
  readonly lag: number
  readonly watermark: string | null
}

/** Rows of a label and a text. */
export function describeJobStatus(status: JobStatus): readonly (readonly [string, string])[] {
  const { job, backpressure, exception, late } = status
  const engine = status.running ? 'running' : (status.stalled ?? 'not running')
  if (job === null) return [['engine', engine]]
  const jobs = [job.name, job.state ?? 'unknown to the cluster', describeStart(job)]
  return [
    ['engine', engine],
    ['job', jobs.filter((one) => one !== '').join(', ')],
    ...status.others.map((one): readonly [string, string] => ['beside it', one]),
    ['lag', describeLag(status)],
    ['watermark', status.watermark ?? '-'],
    ['late', late === null ? '-' : `${formatCount(late)} dropped by windows`],
    ['last commit', describeCommit(status)],
    ['backpressure', backpressure === null ? '-' : describeBackpressure(backpressure)],
    ...(exception ? [['last exception', `${exception.at}  ${exception.message}`] as const] : []),
  ]
}

function describeStart({ since, restarts }: DeployedJobStatus): string {
  const times = restarts === 1 ? 'once' : `${restarts} times`
  const often = restarts === null || restarts === 0 ? '' : `, restarted ${times}`
  return since === null ? '' : `since ${since}${often}`
}

function describeLag({ lagEvents, gateLagEvents, partitions }: JobStatus): string {
  const behind = partitions
    .filter(({ lag }) => lag > 0)
    .map(({ partition, lag }) => `${partition}: ${formatCount(lag)}`)
  const where = behind.length === 0 ? '' : ` (partition ${behind.join(', ')})`
  const gate = gateLagEvents === 0 ? '' : `; ${formatCount(gateLagEvents)} wait for the gate`
  return `${formatCount(lagEvents)} records${where}${gate}`
}

function describeCommit({ lastCommit, serial, checkpoints }: JobStatus): string {
  const { ageMs, bytes, durationMs, failed, failure } = checkpoints
  const last =
    lastCommit === null || ageMs === null
      ? '-'
      : `${lastCommit}, ${formatDuration(ageMs)} ago  (no. ${serial}, ` +
        `${formatBytes(bytes ?? 0)} in ${formatDuration(durationMs ?? 0)})`
  const why = failure === null ? '' : `, the last: ${failure}`
  return failed === 0 ? last : `${last}; ${failed} failed${why}`
}

function describeBackpressure({ level, ratio, part }: JobBackpressure): string {
  return level === 'ok' ? 'none' : `${level}, ${Math.round(100 * ratio)} % of the time: ${part}`
}
