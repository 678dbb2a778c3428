/** What a JobManager says of its cluster and jobs, read from the answers of its REST API. */
import { asObject, asObjects, isObject, type JsonObject } from '../../../domain/kernel/json.ts'
import { explainTrace, summarizeTrace } from './gateway-error.ts'

/** The cluster as a whole. */
export interface ClusterOverview {
  /** Flink's version. */
  readonly version: string
  readonly taskManagers: number
  /** Slots of all TaskManagers; a job takes as many as its parallelism. */
  readonly slots: number
  readonly freeSlots: number
}

/** One TaskManager; its sizes are in bytes. */
export interface TaskManagerState {
  readonly id: string
  readonly slots: number
  readonly freeSlots: number
  /** Heap of the jobs' operators, of all slots together. */
  readonly heapBytes: number
  /** Memory of RocksDB and of batch sorts, of all slots together. */
  readonly managedBytes: number
}

/** One job; those that ended recently are among them. */
export interface JobSummary {
  /** 32 hexadecimal digits. */
  readonly id: string
  /** `pipeline.name`; several jobs may have the same. */
  readonly name: string
  /** Such as RUNNING, RESTARTING, FAILED: Flink's own words. */
  readonly state: string
  readonly startMs: number
  /** Null: it has not ended. */
  readonly endMs: number | null
}

/** A job with its parts. */
export interface JobDetail extends JobSummary {
  readonly vertices: readonly JobVertex[]
}

/** Operators that run as one chain. */
export interface JobVertex {
  readonly id: string
  /** Such as `Source: KafkaSource-… -> Calc[2]`; the numbers differ between submissions. */
  readonly name: string
  readonly parallelism: number
  /** As that of a job; RUNNING when all its subtasks run. */
  readonly state: string
}

/** The checkpoints of a job since it was submitted, or since its JobManager started. */
export interface JobCheckpoints {
  readonly completed: number
  readonly failed: number
  readonly restored: number
  readonly latest: JobCheckpoint | undefined
  /**
   * Where the newest state is that a new job could begin with: of the latest checkpoint or
   * savepoint, or else where this job began; undefined: it has saved none, and began with none.
   */
  readonly statePath: string | undefined
  /** When the newest failed one was begun, and why it failed. */
  readonly latestFailed: { readonly atMs: number; readonly message: string } | undefined
}

/** A checkpoint or savepoint that is complete. */
export interface JobCheckpoint {
  readonly id: number
  /** When its last task had saved its state. */
  readonly endMs: number
  readonly durationMs: number
  /** Of the whole state. */
  readonly stateBytes: number
  /** URL of its folder; undefined if it lies in the JobManager's memory alone. */
  readonly path: string | undefined
}

/** An exception that made a job restart or fail. */
export interface JobException {
  readonly atMs: number
  /** What its innermost causes say, without a full stop. */
  readonly message: string
}

/** How much a vertex waits for those after it. */
export interface Backpressure {
  /** `ok`, `low` or `high`. */
  readonly level: string
  /** Share of the time in which its slowest subtask had to wait, 0 to 1. */
  readonly ratio: number
}

/** A metric over all subtasks of a vertex that have it. */
export interface VertexMetric {
  /** With the operator's name before it, such as `Calc[26].numRecordsIn`. */
  readonly name: string
  readonly min: number
  readonly max: number
  readonly sum: number
}

/** A savepoint that was asked for. */
export type SavepointProgress =
  | { readonly state: 'running' }
  | { readonly state: 'completed'; readonly path: string }
  | { readonly state: 'failed'; readonly message: string }

const ENDED: ReadonlySet<string> = new Set(['FAILED', 'CANCELED', 'FINISHED'])

/** Whether a job in this state never runs again by itself. */
export function isEnded({ state }: Pick<JobSummary, 'state'>): boolean {
  return ENDED.has(state)
}

/** Whether all parts of a job run: Flink calls it RUNNING while they are started, too. */
export function isWhole({ state, vertices }: JobDetail): boolean {
  return state === 'RUNNING' && vertices.every((one) => one.state === 'RUNNING')
}

/** Undefined: no JobManager gives such an answer. */
export function readOverview(body: unknown): ClusterOverview | undefined {
  const found = asObject(body)
  const { 'flink-version': version } = found
  if (typeof version !== 'string') return undefined
  return {
    version,
    taskManagers: asNumber(found.taskmanagers),
    slots: asNumber(found['slots-total']),
    freeSlots: asNumber(found['slots-available']),
  }
}

/** Reads `GET /taskmanagers`. */
export function readTaskManagers(body: unknown): readonly TaskManagerState[] {
  return asObjects(asObject(body).taskmanagers).map((one) => {
    const memory = asObject(one.memoryConfiguration)
    return {
      id: String(one.id),
      slots: asNumber(one.slotsNumber),
      freeSlots: asNumber(one.freeSlots),
      heapBytes: asNumber(memory.taskHeap),
      managedBytes: asNumber(memory.managedMemory),
    }
  })
}

/** Reads a list of settings, each with `key` and `value`. */
export function readSettings(body: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(asObjects(body).map(({ key, value }) => [String(key), String(value)]))
}

/** Reads `GET /jobs/overview`, or the same fields of one job. */
export function readJob(job: JsonObject): JobSummary {
  const endMs = asNumber(job['end-time'])
  return {
    id: String(job.jid),
    name: String(job.name),
    state: String(job.state),
    startMs: asNumber(job['start-time']),
    endMs: endMs < 0 ? null : endMs,
  }
}

/** Reads `GET /jobs/<id>`. */
export function readJobDetail(body: unknown): JobDetail {
  const job = asObject(body)
  const vertices = asObjects(job.vertices).map((one) => ({
    id: String(one.id),
    name: String(one.name),
    parallelism: asNumber(one.parallelism),
    state: String(one.status),
  }))
  return { ...readJob(job), vertices }
}

/** Reads `GET /jobs/<id>/checkpoints`. */
export function readCheckpoints(body: unknown): JobCheckpoints {
  const { counts, latest, history } = asObject(body)
  const { completed, failed, restored } = asObject(counts)
  const last = asObject(latest).completed
  const { savepoint, restored: start } = asObject(latest)
  const saved = [last, savepoint].filter(isObject)
  const [newest] = saved.sort((a, b) => asNumber(b.id) - asNumber(a.id))
  const begun = isObject(start) ? start : undefined
  const [broken] = asObjects(history).filter((one) => one.status === 'FAILED')
  return {
    completed: asNumber(completed ?? 0),
    failed: asNumber(failed ?? 0),
    restored: asNumber(restored ?? 0),
    latest: isObject(last) ? readCheckpoint(last) : undefined,
    statePath: readPath(newest ?? begun),
    latestFailed: broken && {
      atMs: asNumber(broken.trigger_timestamp),
      message: String(broken.failure_message ?? 'no reason is given').replace(/\.\s*$/, ''),
    },
  }
}

/** Undefined for a checkpoint in the JobManager's memory. */
function readPath(one: JsonObject | undefined): string | undefined {
  const path = one?.external_path
  return typeof path === 'string' && path.includes(':') ? path : undefined
}

function readCheckpoint(one: JsonObject): JobCheckpoint {
  return {
    id: asNumber(one.id),
    endMs: asNumber(one.latest_ack_timestamp),
    durationMs: asNumber(one.end_to_end_duration),
    stateBytes: asNumber(one.state_size),
    path: readPath(one),
  }
}

/** Reads `GET /jobs/<id>/exceptions`, the newest first. */
export function readExceptions(body: unknown): readonly JobException[] {
  const { entries } = asObject(asObject(body).exceptionHistory)
  return asObjects(entries).map(({ timestamp, stacktrace, exceptionName }) => ({
    atMs: asNumber(timestamp),
    message: explainTrace(String(stacktrace ?? '')) ?? String(exceptionName),
  }))
}

/** Reads `GET …/backpressure`; undefined: it is not measured yet. */
export function readBackpressure(body: unknown): Backpressure | undefined {
  const { status, subtasks, backpressureLevel } = asObject(body)
  if (status !== 'ok') return undefined
  const ratios = asObjects(subtasks).map(({ ratio }) => asNumber(ratio))
  return { level: String(backpressureLevel), ratio: Math.max(0, ...ratios) }
}

/** Reads `GET …/subtasks/metrics?get=…`. */
export function readMetrics(body: unknown): readonly VertexMetric[] {
  return asObjects(body).map(({ id, min, max, sum }) => ({
    name: String(id),
    min: asNumber(min),
    max: asNumber(max),
    sum: asNumber(sum),
  }))
}

/** Reads `GET /jobs/<id>/savepoints/<trigger>`. */
export function readSavepoint(body: unknown): SavepointProgress {
  const { status, operation } = asObject(body)
  if (asObject(status).id !== 'COMPLETED') return { state: 'running' }
  const { location, 'failure-cause': cause } = asObject(operation)
  if (typeof location === 'string') return { state: 'completed', path: location }
  const trace = String(asObject(cause)['stack-trace'] ?? '')
  return { state: 'failed', message: summarizeTrace(trace) ?? 'no reason is given' }
}

function asNumber(value: unknown): number {
  return typeof value === 'number' ? value : Number(value ?? Number.NaN)
}
