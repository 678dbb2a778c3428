/**
 * A Flink as a deployment needs it: jobs are planned and submitted by the SQL Gateway, and listed
 * and ended by the JobManager.
 */
import { CcsError, EXIT, type Location } from '../../../domain/kernel/errors.ts'
import type { FlinkGateway, GatewaySession } from './gateway.ts'
import { findHint, type LocateInFile } from './gateway-error.ts'
import {
  type ClusterOverview,
  isEnded,
  isWhole,
  type JobDetail,
  type JobSummary,
} from './job-answers.ts'
import type { FlinkJobManager } from './job-manager.ts'
import { withPlanFolder } from './plan-files.ts'

/** A statement with names and addresses, and where it comes from. */
export interface PlacedStatement {
  readonly sql: string
  readonly locate?: LocateInFile
}

/** What a job is planned from. */
export interface JobScript {
  /** Settings of the session, by Flink's names. */
  readonly properties: Readonly<Record<string, string>>
  /** Tables and functions. */
  readonly tables: readonly PlacedStatement[]
  readonly views: readonly PlacedStatement[]
  /** Without a closing semicolon. */
  readonly inserts: readonly PlacedStatement[]
}

/** What there is to say of a Flink before anything is deployed to it. */
export interface FlinkFacts {
  /** Of the gateway. */
  readonly version: string
  readonly overview: ClusterOverview
  /** Settings of the gateway's sessions. */
  readonly settings: Readonly<Record<string, string>>
  readonly jobs: readonly JobSummary[]
  /** ms since 1970, as the JobManager's times are. */
  readonly nowMs: number
}

/** One Flink. Throws CCS_ENGINE_UNREACHABLE if gateway or JobManager does not answer. */
export interface FlinkCluster {
  inspect(): Promise<FlinkFacts>
  /** Validates all statements and plans the job; CCS_ENGINE_REFUSED says what is wrong, where. */
  compile(script: JobScript): Promise<string>
  /** Starts a job with a compiled plan and returns its id, before it runs. */
  start(script: Omit<JobScript, 'inserts' | 'views'>, plan: string): Promise<string>
  jobs(): Promise<readonly JobSummary[]>
  /** Resolves when all parts of the job run; CCS_ENGINE_REFUSED says why they don't. */
  awaitRunning(id: string): Promise<void>
  /** Stops a job, and returns where its state was saved. */
  stop(id: string): Promise<string>
  /** Ends a job, with its state in the last checkpoint. */
  cancel(id: string): Promise<void>
  /** Where the newest saved state of a job is that has ended; undefined: nobody knows. */
  findState(id: string): Promise<string | undefined>
}

/** Time limits, ms. */
export interface FlinkClusterOptions {
  readonly planMaxMs?: number
  readonly runMaxMs?: number
  readonly pollMs?: number
}

/** The Flink of these two servers; no request is sent before the first call. */
export function openFlinkCluster(
  gateway: FlinkGateway,
  manager: FlinkJobManager,
  options: FlinkClusterOptions = {},
): FlinkCluster {
  const { planMaxMs = 600_000, runMaxMs = 120_000, pollMs = 500 } = options
  const withSession = async <T>(
    properties: Readonly<Record<string, string>>,
    run: (session: GatewaySession) => Promise<T>,
  ): Promise<T> => {
    const session = await gateway.openSession(properties)
    try {
      return await run(session)
    } finally {
      await session.close()
    }
  }
  return {
    inspect: async () => {
      const version = await gateway.readVersion()
      const settings = await withSession({}, async (session) => {
        const { rows } = await session.execute('SET')
        return Object.fromEntries(rows.map(([key, value]) => [String(key), String(value)]))
      })
      const overview = await manager.readOverview()
      const jobs = await listSettledJobs(manager, { waitMaxMs: runMaxMs, pollMs })
      return { version, overview, settings, jobs, nowMs: Date.now() }
    },
    compile: ({ properties, tables, views, inserts }) =>
      withPlanFolder(gateway, (folder) =>
        withSession(properties, async (session) => {
          for (const { sql, locate } of [...tables, ...views])
            await session.execute(sql, locate ? { locate } : {})
          const all = inserts.map((one) => one.sql).join(';\n')
          const set = `STATEMENT SET BEGIN\n${all};\nEND`
          await session.execute(`COMPILE PLAN '${folder.url}' FOR ${set}`, {
            waitMaxMs: planMaxMs,
            locate: (line, column) => locateInsert(inserts, line - 1, column),
          })
          return folder.read()
        }),
      ),
    start: ({ properties, tables }, plan) =>
      withPlanFolder(gateway, (folder) =>
        withSession(properties, async (session) => {
          const url = await folder.write(plan)
          for (const { sql } of tables) await session.execute(sql)
          const { jobId } = await session.execute(`EXECUTE PLAN '${url}'`, {
            waitMaxMs: planMaxMs,
          })
          if (jobId !== undefined) return jobId
          throw new CcsError('CCS_ENGINE_REFUSED', 'Flink started no job for the plan.')
        }),
      ),
    jobs: () => manager.listJobs(),
    awaitRunning: (id) => awaitRunning(manager, id, { runMaxMs, pollMs }),
    stop: (id) => manager.stopWithSavepoint(id),
    cancel: (id) => manager.cancel(id),
    findState: async (id) => (await manager.readCheckpoints(id)).statePath,
  }
}

/** All jobs, once none is at its very beginning: nobody can say of it yet whether it will run. */
async function listSettledJobs(
  manager: FlinkJobManager,
  { waitMaxMs, pollMs }: { readonly waitMaxMs: number; readonly pollMs: number },
): Promise<readonly JobSummary[]> {
  const { sleep } = await import('../../../adapters/process/system-clock.ts')
  for (const endMs = Date.now() + waitMaxMs; ; await sleep(pollMs)) {
    const jobs = await manager.listJobs()
    const waits = jobs.find(({ state }) => state === 'INITIALIZING')
    if (waits === undefined) return jobs
    if (Date.now() > endMs)
      throw new CcsError(
        'CCS_ENGINE_UNREACHABLE',
        `The JobManager at ${manager.url} is recovering: it has not started job ${waits.name} yet.`,
        { hint: 'Wait until it runs, then run the command again. See: ccs status' },
      )
  }
}

/** The place of a place in all INSERTs together. */
function locateInsert(
  inserts: JobScript['inserts'],
  line: number,
  column: number,
): Location | undefined {
  let first = 1
  for (const { sql, locate } of inserts) {
    const lines = sql.split('\n').length
    if (line < first + lines) return locate?.(Math.max(1, line - first + 1), column)
    first += lines
  }
  return undefined
}

/** How often a job may restart before it is said not to run. */
const RESTARTS_MAX = 3

async function awaitRunning(
  manager: FlinkJobManager,
  id: string,
  { runMaxMs, pollMs }: { readonly runMaxMs: number; readonly pollMs: number },
): Promise<void> {
  const { sleep } = await import('../../../adapters/process/system-clock.ts')
  const endMs = Date.now() + runMaxMs
  for (;;) {
    const job = await manager.readJob(id)
    if (job === undefined) throw notRunning(id, 'the JobManager does not know it any more')
    if (isWhole(job)) return
    const [failure, ...earlier] = await manager.readExceptions(id)
    const isLost = isEnded(job) || earlier.length + 1 >= RESTARTS_MAX
    const isWaiting = failure !== undefined && /minimum required resources/.test(failure.message)
    if (isLost && isWaiting) throw notRunning(id, await explainWaiting(manager, job))
    if (isLost && failure !== undefined) throw notRunning(id, failure.message)
    if (isEnded(job)) throw notRunning(id, `it is ${job.state}`)
    if (Date.now() > endMs) throw notRunning(id, await explainWaiting(manager, job))
    await sleep(pollMs)
  }
}

async function explainWaiting(
  manager: FlinkJobManager,
  { state, vertices }: JobDetail,
): Promise<string> {
  const { slots, freeSlots, taskManagers } = await manager.readOverview()
  const needed = Math.max(1, ...vertices.map((one) => one.parallelism))
  return (
    `it is ${state} and takes ${needed} slots, and ` +
    `Flink has ${slots} on ${taskManagers} TaskManagers, ${freeSlots} of them free`
  )
}

function notRunning(id: string, why: string): CcsError {
  return new CcsError('CCS_ENGINE_REFUSED', `Job ${id} does not run: ${why}.`, {
    exit: EXIT.unreachable,
    hint: findHint(why) ?? 'Correct the cause, then deploy again: it goes on from what exists.',
  })
}
