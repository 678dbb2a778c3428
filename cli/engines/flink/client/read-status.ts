/**
 * Reads how the deployed job of a target is doing: from the JobManager, and, for what the job still
 * has to read, from Kafka.
 */
import { sleep } from '../../../adapters/process/system-clock.ts'
import { least } from '../../../domain/kernel/lists.ts'
import type { TopicAdmin } from '../../../domain/log/topic-admin.ts'
import type { TopicProgress } from '../../../domain/log/topic-progress.ts'
import type {
  JobBackpressure,
  JobPartition,
  JobStatus,
} from '../../../domain/pipeline/job-status.ts'
import type { DeployedJob } from '../plan/record.ts'
import { hasForgotten } from '../plan/state-ttl.ts'
import type { JobCheckpoints, JobDetail, JobException, VertexMetric } from './job-answers.ts'
import { isEnded, isWhole } from './job-answers.ts'
import type { FlinkJobManager } from './job-manager.ts'

/** What the status is read from. */
export interface StatusParts {
  readonly target: string
  readonly manager: FlinkJobManager
  readonly topics: Pick<TopicAdmin, 'progress'>
  /** Of the deployment record; undefined: nothing is deployed. */
  readonly deployed: Pick<DeployedJob, 'id' | 'name' | 'version'> | undefined
  /** How the names of the target's jobs begin. */
  readonly jobStart: string
  /** Topics with the target's prefix, and who reads them. */
  readonly valid: { readonly topic: string; readonly group: string }
  readonly raw: { readonly topic: string; readonly group: string }
  readonly nowMs: number
  /** How long Flink needs to fetch metrics once they are asked for, ms. */
  readonly pauseMs?: number
}

interface Metrics {
  readonly source: readonly VertexMetric[]
  readonly late: number
  readonly backpressure: JobBackpressure | null
  readonly restarts: number | null
}

const NO_METRICS: Metrics = { source: [], late: 0, backpressure: null, restarts: null }
const PAUSE_MS = 600
const NO_CHECKPOINTS: JobCheckpoints = {
  ...{ completed: 0, failed: 0, restored: 0 },
  ...{ latest: undefined, statePath: undefined, latestFailed: undefined },
}
const NAME_MAX = 50

/** CCS_ENGINE_UNREACHABLE if the JobManager does not answer. */
export async function readJobStatus(parts: StatusParts): Promise<JobStatus> {
  const { target, manager, topics, deployed, jobStart, valid, raw, nowMs } = parts
  const [jobs, progress, gate] = await Promise.all([
    manager.listJobs(),
    topics.progress(valid.topic, valid.group),
    topics.progress(raw.topic, raw.group),
  ])
  const others = jobs.filter(
    (one) => one.name.startsWith(jobStart) && one.id !== deployed?.id && !isEnded(one),
  )
  const job = deployed && (await manager.readJob(deployed.id))
  const [checkpoints, exceptions] =
    job === undefined
      ? [NO_CHECKPOINTS, []]
      : await Promise.all([manager.readCheckpoints(job.id), manager.readExceptions(job.id, 1)])
  const isRunning = job !== undefined && isWhole(job)
  const metrics = isRunning ? await readMetrics(manager, job, parts.pauseMs) : NO_METRICS
  const partitions = readPartitions(valid.topic, progress, metrics.source)
  const why = deployed && isRunning ? undefined : await explain(parts, job, exceptions)
  const [exception] = exceptions
  return {
    target,
    running: isRunning,
    stalled: why?.why ?? null,
    hint: why?.hint ?? null,
    job: deployed
      ? {
          ...{ name: deployed.name, id: deployed.id, state: job?.state ?? null },
          since: job ? formatTime(job.startMs) : null,
          restarts: metrics.restarts,
        }
      : null,
    others: others.map(({ name }) => name),
    lagEvents: sum(partitions.map(({ lag }) => lag)),
    gateLagEvents: sum(gate.map((one) => countLag(one, one.committed))),
    watermark: readLeast(metrics.source, '.currentOutputWatermark'),
    late: isRunning ? metrics.late : null,
    lastCommit: checkpoints.latest ? formatTime(checkpoints.latest.endMs) : null,
    serial: checkpoints.latest?.id ?? 0,
    checkpoints: describeCheckpoints(checkpoints, nowMs),
    backpressure: metrics.backpressure,
    exception: exception ? { at: formatTime(exception.atMs), message: exception.message } : null,
    partitions,
  }
}

async function readMetrics(
  manager: FlinkJobManager,
  { id, vertices }: JobDetail,
  pauseMs = PAUSE_MS,
): Promise<Metrics> {
  const [source] = vertices.filter(({ name }) => name.startsWith('Source: '))
  if (source === undefined) return NO_METRICS
  const readSource = () => manager.readMetrics(id, source.id, (name) => SOURCE_METRICS.test(name))
  // Flink fetches metrics when it is asked, and answers with those that it has.
  await Promise.all([readSource(), ...vertices.map((one) => manager.readBackpressure(id, one.id))])
  await sleep(pauseMs)
  const isLate = (name: string) => name.endsWith('.numLateRecordsDropped')
  const windows = vertices.filter(({ name }) => /\bWindow|SESSION/.test(name))
  const [found, late, waits, { numRestarts }] = await Promise.all([
    readSource(),
    Promise.all(windows.map((one) => manager.readMetrics(id, one.id, isLate))),
    Promise.all(vertices.map((one) => manager.readBackpressure(id, one.id))),
    manager.readJobMetrics(id, ['numRestarts']),
  ])
  const [most] = vertices
    .map(({ name }, index) => ({ part: shorten(name), level: '-', ratio: -1, ...waits[index] }))
    .filter(({ ratio }) => ratio >= 0)
    .sort((a, b) => b.ratio - a.ratio)
  return {
    source: found,
    late: sum(late.flat().map((one) => one.sum)),
    backpressure: most ?? null,
    restarts: numRestarts ?? null,
  }
}

const SOURCE_METRICS = /\.(currentOffset|currentWatermark|currentOutputWatermark)$/

function shorten(name: string): string {
  return name.length > NAME_MAX ? `${name.slice(0, NAME_MAX)}…` : name
}

/** In names of metrics, Flink writes _ for what is not a letter or digit. */
function readPartitions(
  topic: string,
  progress: readonly TopicProgress[],
  source: readonly VertexMetric[],
): readonly JobPartition[] {
  const find = (ending: string) => source.find(({ name }) => name.endsWith(ending))
  return progress
    .map((one) => {
      const { partition, end, committed } = one
      const last = find(`.partition.${partition}.currentOffset`)?.max ?? -1
      const read = Math.max(last + 1, committed ?? 0)
      return {
        ...{ topic, partition, end },
        nextOffset: read === 0 ? null : read,
        lag: countLag(one, read),
        watermark: readLeast(source, `-${partition}.watermark.currentWatermark`),
      }
    })
    .sort((a, b) => a.partition - b.partition)
}

/** One record at the end may be the mark of a transaction, which nobody reads. */
function countLag({ start, end }: TopicProgress, read: number | null): number {
  const lag = Math.max(0, end - Math.max(start, read ?? 0))
  return lag === 1 ? 0 : lag
}

function readLeast(source: readonly VertexMetric[], ending: string): string | null {
  const all = source.filter(({ name }) => name.endsWith(ending)).map(({ min }) => min)
  const value = least(all)
  // Before the first event it is the least number of 64 bits, after the last one the greatest.
  return Number.isFinite(value) && Math.abs(value) < 8.64e15 ? formatTime(value) : null
}

function describeCheckpoints(
  { latest, latestFailed, completed, failed }: JobCheckpoints,
  nowMs: number,
): JobStatus['checkpoints'] {
  const isNewer = latestFailed !== undefined && latestFailed.atMs > (latest?.endMs ?? 0)
  return {
    completed,
    failed,
    ageMs: latest ? Math.max(0, nowMs - latest.endMs) : null,
    bytes: latest?.stateBytes ?? null,
    durationMs: latest?.durationMs ?? null,
    path: latest?.path ?? null,
    failure: isNewer ? latestFailed.message : null,
  }
}

const TOO_OLD =
  'It ended too long ago to go on from its last state; the next version is built from the ' +
  'earliest event by'

/** Why the job computes no rows, and what to do. */
async function explain(
  { manager, deployed, target, nowMs }: StatusParts,
  job: JobDetail | undefined,
  [exception]: readonly JobException[],
): Promise<{ readonly why: string; readonly hint: string }> {
  const deploy = `ccs deploy --target ${target}`
  if (deployed === undefined) return { why: 'not deployed', hint: `Deploy it: ${deploy}` }
  if (job === undefined)
    return {
      why: 'not running: the JobManager does not know the job any more',
      hint:
        `It was restarted without high availability, or the job ended long ago. Start the job ` +
        `again: ${deploy}`,
    }
  const at = job.endMs === null ? '' : ` since ${formatTime(job.endMs)}`
  const because = exception ? `: ${exception.message}` : ''
  const isOld = hasForgotten(job, nowMs)
  if (job.state === 'CANCELED' || job.state === 'FINISHED')
    return {
      why: `not running${at}: somebody ${job.state === 'CANCELED' ? 'cancelled' : 'stopped'} it`,
      hint: isOld ? `${TOO_OLD}: ${deploy}` : `It goes on from its last state by: ${deploy}`,
    }
  if (isEnded(job))
    return {
      why: `failed${at}${because}`,
      hint: isOld
        ? `Remove the cause. ${TOO_OLD}: ${deploy}`
        : `Remove the cause, then let it go on from its last state: ${deploy}`,
    }
  if (job.state === 'INITIALIZING')
    return {
      why: 'starting: the JobManager is recovering the job, or has just got it',
      hint: 'The job goes on by itself. Wait, then again: ccs status',
    }
  const { freeSlots, taskManagers } = await manager.readOverview()
  // Flink calls a job RUNNING also while its parts are started, at first or again.
  const starting = exception ? 'restarting' : 'starting'
  const word = job.state === 'RUNNING' ? starting : job.state.toLowerCase()
  if (freeSlots === 0 && taskManagers === 0)
    return {
      why: `${word}: no TaskManager has signed on`,
      hint:
        'Start one; here: ccs stack up flink. The job then goes on by itself. If it ends again, ' +
        'give it more memory; its log says why.',
    }
  return { why: `${word}${because}`, hint: 'Flink goes on trying. See: ccs doctor' }
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString()
}

function sum(values: readonly number[]): number {
  return values.reduce((total, one) => total + one, 0)
}
