/**
 * Client of a Flink JobManager (REST API v1): the cluster and the jobs on it, which the SQL Gateway
 * submits.
 */
import {
  type HttpAnswer,
  type HttpClient,
  httpClient,
  type Method,
} from '../../../adapters/http/http.ts'
import { sleep } from '../../../adapters/process/system-clock.ts'
import type { HttpServer } from '../../../domain/config/target.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import { asObject, asObjects } from '../../../domain/kernel/json.ts'
import { appendAll } from '../../../domain/kernel/lists.ts'
import { type FlinkServer, notReadyError, notThatServer, sendRequest } from './connection.ts'
import {
  type Backpressure,
  type ClusterOverview,
  isEnded,
  type JobCheckpoints,
  type JobDetail,
  type JobException,
  type JobSummary,
  readBackpressure,
  readCheckpoints,
  readExceptions,
  readJob,
  readJobDetail,
  readMetrics,
  readOverview,
  readSavepoint,
  readSettings,
  readTaskManagers,
  type SavepointProgress,
  type TaskManagerState,
  type VertexMetric,
} from './job-answers.ts'
import { checkAnswer, isInitializing } from './job-manager-faults.ts'

/** Time limits of a client. */
export interface JobManagerOptions {
  /** Of one request, ms. */
  readonly timeoutMs?: number
  /** Pause between two questions whether something is done, ms. */
  readonly pollMs?: number
}

/** How a job is stopped. */
export interface StopOptions {
  /** URL of a folder for the savepoint; undefined: the cluster's own. */
  readonly directory?: string
  /** 32 hexadecimal digits; whoever asks twice with the same makes one savepoint. */
  readonly triggerId?: string
}

/** One JobManager. All throw CCS_ENGINE_UNREACHABLE if it does not answer. */
export interface FlinkJobManager {
  readonly url: string
  readOverview(): Promise<ClusterOverview>
  /** The settings that the JobManager was started with, by Flink's names; secrets are masked. */
  readSettings(): Promise<Readonly<Record<string, string>>>
  readTaskManagers(): Promise<readonly TaskManagerState[]>
  /** All jobs that it knows, the newest first; those that ended are kept for a while. */
  listJobs(): Promise<readonly JobSummary[]>
  /** Undefined: it knows no such job. */
  readJob(id: string): Promise<JobDetail | undefined>
  readCheckpoints(id: string): Promise<JobCheckpoints>
  /** At most `max`, the newest first. */
  readExceptions(id: string, max?: number): Promise<readonly JobException[]>
  /** Undefined: the vertex does not run, so that nothing is measured. */
  readBackpressure(id: string, vertex: string): Promise<Backpressure | undefined>
  /** The metrics of a vertex whose names pass `isWanted`; [] where it does not run. */
  readMetrics(
    id: string,
    vertex: string,
    isWanted: (name: string) => boolean,
  ): Promise<readonly VertexMetric[]>
  /** Metrics of the job itself, such as `numRestarts`, by name. */
  readJobMetrics(id: string, names: readonly string[]): Promise<Readonly<Record<string, number>>>
  /** Asks that the job stops with a savepoint, without draining; returns the trigger's id. */
  startStop(id: string, options?: StopOptions): Promise<string>
  /** How far a savepoint is; undefined: this JobManager knows of none by this trigger. */
  readSavepoint(id: string, triggerId: string): Promise<SavepointProgress | undefined>
  /** Stops a job and returns its savepoint's URL; CCS_ENGINE_REFUSED says why it goes on. */
  stopWithSavepoint(
    id: string,
    options?: StopOptions & { readonly waitMaxMs?: number },
  ): Promise<string>
  /** Ends a job without a savepoint; resolves when it has ended. */
  cancel(id: string, options?: { readonly waitMaxMs?: number }): Promise<void>
}

const WAIT_MAX_MS = 120_000
/** Metrics are fetched when they are asked for, so that the first answer has none. */
const TRIES = 8
/** Flink's server reads no longer line than 4,096 characters. */
const NAMES_LENGTH_MAX = 3_000

/** Opens a client; no request is sent before its first call. */
export function openJobManager(
  server: HttpServer,
  options: JobManagerOptions = {},
): FlinkJobManager {
  return new JobManager(server, options)
}

class JobManager implements FlinkJobManager {
  readonly #http: HttpClient
  readonly #self: FlinkServer
  readonly #pollMs: number

  constructor(server: HttpServer, { timeoutMs = 30_000, pollMs = 250 }: JobManagerOptions) {
    this.#http = httpClient(server, { timeoutMs })
    this.#pollMs = pollMs
    this.#self = {
      displayName: 'JobManager',
      url: this.#http.url,
      hint: 'Check flink.jobmanager.url of the target in ccs.yml; to start one: ccs stack up flink',
    }
  }

  get url(): string {
    return this.#http.url
  }

  async readOverview(): Promise<ClusterOverview> {
    const found = readOverview(await this.#get('/overview'))
    if (found === undefined) throw notThatServer(this.#self, { status: 200 })
    return found
  }

  async readSettings(): Promise<Readonly<Record<string, string>>> {
    return readSettings(await this.#get('/jobmanager/config'))
  }

  async readTaskManagers(): Promise<readonly TaskManagerState[]> {
    return readTaskManagers(await this.#get('/taskmanagers'))
  }

  async listJobs(): Promise<readonly JobSummary[]> {
    const { jobs } = asObject(await this.#get('/jobs/overview'))
    return asObjects(jobs)
      .map(readJob)
      .sort((a, b) => b.startMs - a.startMs)
  }

  async readJob(id: string): Promise<JobDetail | undefined> {
    const { status, body, isInitializing } = await this.#look(`/jobs/${id}`)
    if (!isInitializing) return status === 404 ? undefined : readJobDetail(body)
    const job = (await this.listJobs()).find((one) => one.id === id)
    return job && { ...job, vertices: [] }
  }

  async readCheckpoints(id: string): Promise<JobCheckpoints> {
    return readCheckpoints(await this.#find(`/jobs/${id}/checkpoints`))
  }

  async readExceptions(id: string, max = 10): Promise<readonly JobException[]> {
    return readExceptions(await this.#find(`/jobs/${id}/exceptions?maxExceptions=${max}`))
  }

  async readBackpressure(id: string, vertex: string): Promise<Backpressure | undefined> {
    const path = `/jobs/${id}/vertices/${vertex}/backpressure`
    const read = async () => readBackpressure(await this.#find(path))
    return this.#repeat(read, (found) => found !== undefined)
  }

  async readMetrics(
    id: string,
    vertex: string,
    isWanted: (name: string) => boolean,
  ): Promise<readonly VertexMetric[]> {
    const path = `/jobs/${id}/vertices/${vertex}/subtasks/metrics`
    const list = async () => readMetrics(await this.#find(path)).map(({ name }) => name)
    const names = (await this.#repeat(list, (some) => some.length > 0)).filter(isWanted)
    const values: VertexMetric[] = []
    // One name that it does not know would make the whole answer empty.
    for (const some of splitNames(names))
      appendAll(values, readMetrics(await this.#find(`${path}?get=${some}`)))
    return values
  }

  async readJobMetrics(
    id: string,
    names: readonly string[],
  ): Promise<Readonly<Record<string, number>>> {
    const read = () => this.#find(`/jobs/${id}/metrics?get=${names.join(',')}`)
    const found = await this.#repeat(read, (body) => !Array.isArray(body) || body.length > 0)
    return Object.fromEntries(asObjects(found).map((one) => [String(one.id), Number(one.value)]))
  }

  async startStop(id: string, { directory, triggerId }: StopOptions = {}): Promise<string> {
    const { body, status } = await this.#ask('POST', `/jobs/${id}/stop`, {
      drain: false,
      ...(directory === undefined ? {} : { targetDirectory: directory }),
      ...(triggerId === undefined ? {} : { triggerId }),
    })
    const { 'request-id': trigger } = asObject(body)
    if (typeof trigger !== 'string') throw notThatServer(this.#self, { status })
    return trigger
  }

  async readSavepoint(id: string, triggerId: string): Promise<SavepointProgress | undefined> {
    const body = await this.#find(`/jobs/${id}/savepoints/${triggerId}`)
    return body === undefined ? undefined : readSavepoint(body)
  }

  async stopWithSavepoint(
    id: string,
    { waitMaxMs = WAIT_MAX_MS, ...options }: StopOptions & { readonly waitMaxMs?: number } = {},
  ): Promise<string> {
    const trigger = await this.startStop(id, options)
    const read = () => this.readSavepoint(id, trigger)
    const isDone = (found: SavepointProgress | undefined) => found?.state !== 'running'
    const ended = await this.#repeat(read, isDone, this.#countTries(waitMaxMs))
    if (ended?.state === 'completed') return ended.path
    throw stopError(id, ended, waitMaxMs)
  }

  async cancel(id: string, { waitMaxMs = WAIT_MAX_MS }: { waitMaxMs?: number } = {}) {
    const { status } = await this.#ask('PATCH', `/jobs/${id}?mode=cancel`)
    if (status === 404) return
    const hasEnded = (job: JobDetail | undefined) => job === undefined || isEnded(job)
    const job = await this.#repeat(() => this.readJob(id), hasEnded, this.#countTries(waitMaxMs))
    if (!hasEnded(job)) throw notReadyError(this.#self, `job ${id} is still ${job?.state}`)
  }

  /** An answer that is a success, or 404; of a job that is being initialized it has no details. */
  async #look(path: string): Promise<HttpAnswer & { readonly isInitializing: boolean }> {
    const answer = await sendRequest(this.#self, () => this.#http.request('GET', path))
    if (isInitializing(answer)) return { ...answer, isInitializing: true }
    return { ...checkAnswer(this.#self, answer), isInitializing: false }
  }

  /** An answer that is a success, or 404. */
  async #ask(method: Method, path: string, body?: unknown): Promise<HttpAnswer> {
    const options = body === undefined ? {} : { body }
    return checkAnswer(
      this.#self,
      await sendRequest(this.#self, () => this.#http.request(method, path, options)),
    )
  }

  /** The body; undefined if there is no such thing. */
  async #find(path: string): Promise<unknown> {
    const { status, body, isInitializing } = await this.#look(path)
    return status === 404 || isInitializing ? undefined : body
  }

  async #get(path: string): Promise<unknown> {
    const body = await this.#find(path)
    if (body === undefined) throw notThatServer(this.#self, { status: 404 })
    return body
  }

  #countTries(waitMaxMs: number): number {
    return Math.max(1, Math.ceil(waitMaxMs / this.#pollMs))
  }

  async #repeat<T>(
    read: () => Promise<T>,
    isDone: (found: T) => boolean,
    triesMax = TRIES,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      const found = await read()
      if (tries >= triesMax || isDone(found)) return found
      await sleep(this.#pollMs)
    }
  }
}

/** Names for one request each, as they are written in a URL. */
function splitNames(names: readonly string[]): readonly string[] {
  const parts: string[] = []
  for (const name of names.map(encodeURIComponent)) {
    const last = parts.at(-1)
    if (last === undefined || last.length + name.length >= NAMES_LENGTH_MAX) parts.push(name)
    else parts[parts.length - 1] = `${last},${name}`
  }
  return parts
}

function stopError(id: string, ended: SavepointProgress | undefined, waitMaxMs: number): CcsError {
  const why =
    ended === undefined
      ? 'the JobManager was restarted meanwhile'
      : ended.state === 'failed'
        ? ended.message
        : `it took longer than ${waitMaxMs / 1000} s`
  return new CcsError('CCS_ENGINE_REFUSED', `Job ${id} was not stopped with a savepoint: ${why}.`, {
    hint: 'If it still runs, it goes on as before. See what it does: ccs status',
  })
}
