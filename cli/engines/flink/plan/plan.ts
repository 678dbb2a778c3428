/**
 * Makes the plan for a Flink from what the project wants, what was deployed last, and which jobs
 * and topics there are. Pure. One job computes all models: it is left alone, restarted with its
 * state, or built again beside the old one under its next version, with topics of its own.
 */
import { greatest } from '../../../domain/kernel/lists.ts'
import type { TopicState } from '../../../domain/log/topic-admin.ts'
import { isEnded, type JobSummary } from '../client/job-answers.ts'
import type { JobNames } from './names.ts'
import type { DeployedJob, FlinkRecord, JobVersion, RecordedSink } from './record.ts'

/** A model that the project wants the job to write. */
export interface DesiredSink {
  readonly model: string
  readonly isUpserted: boolean
  readonly fingerprint: string
}

/** The job that the project wants. */
export interface DesiredJob {
  /** Of all that its rows and its settings depend on. */
  readonly hash: string
  readonly sinks: readonly DesiredSink[]
}

/** How the newly compiled plan of a job relates to the stored one. */
export interface JobComparison {
  /**
   * same: each operator has its state · restorable: some operators are new or gone, and the others
   * have theirs · rebuild: an operator would go on with state of another meaning.
   */
  readonly kind: 'same' | 'restorable' | 'rebuild'
  /** The new plan, with the ids of the stored one where the state is the same. */
  readonly plan: string
  /** Half sentences; `model` is undefined for what is true of the whole job. */
  readonly reasons: readonly { readonly model: string | undefined; readonly text: string }[]
  /** Whether the stored plan has state that no operator takes. */
  readonly dropsState: boolean
}

/** What is known of the state of a job that has ended. */
export type SavedState =
  | { readonly is: 'saved'; readonly path: string }
  /** It ended before it saved any: it has committed nothing. */
  | { readonly is: 'none' }
  /** It is older than a job may stand still: Flink would have forgotten what it still needs. */
  | { readonly is: 'old' }
  /** Nobody knows where it is. */
  | { readonly is: 'lost' }

/** What a plan is made from. */
export interface JobPlanInput {
  /** Undefined: everything is removed. */
  readonly desired: DesiredJob | undefined
  readonly record: FlinkRecord
  /** All jobs of the cluster, also those that have ended. */
  readonly jobs: readonly JobSummary[]
  /** All topics of the cluster. */
  readonly topics: ReadonlyMap<string, TopicState>
  /** Of the deployed job; asked for only if it has ended. */
  readonly state: SavedState
  /** Of the desired job, if it is not the deployed one. */
  readonly comparison: JobComparison | undefined
  readonly partitions: number
  readonly isRebuild: boolean
  readonly names: JobNames
}

/** What happens to the job. */
export type JobChange =
  | { readonly do: 'none' }
  /** A job is built from the earliest event on; `id`: it was started already. */
  | {
      readonly do: 'build'
      readonly next: JobVersion
      readonly id: string | undefined
      readonly why: string
      readonly isDrift: boolean
    }
  | {
      readonly do: 'restart'
      readonly next: JobVersion
      /** Undefined: the job runs, and is stopped with a savepoint. */
      readonly from: SavedState | undefined
      /** Whether the job does not take all of that state. */
      readonly dropsState: boolean
      readonly why: string
      readonly isDrift: boolean
    }
  | { readonly do: 'remove' }

/** Why nothing of a plan may be applied. */
export interface JobBlocker {
  readonly model: string
  readonly why: string
}

/** What a deployment does. */
export interface JobPlan {
  /** The job in force, as it was found. */
  readonly before: DeployedJob | undefined
  /** Jobs that write into topics of ccs and should not, or that were left behind. */
  readonly cancels: readonly JobSummary[]
  /** Topics that an unfinished deployment left behind. */
  readonly leftovers: readonly string[]
  readonly change: JobChange
  readonly blockers: readonly JobBlocker[]
}

/** Plans the job. */
export function planJob(input: JobPlanInput): JobPlan {
  const { desired, record, jobs, topics, names } = input
  const live = jobs.filter((one) => one.name.startsWith(names.jobStart) && !isEnded(one))
  const before = findBefore(record, jobs)
  const attempts = record.inProgress.filter((one) => one.version !== before?.version)
  const resumed =
    desired && attempts.findLast((one) => one.name === names.job(one.version, desired.hash))
  const resumedJob = resumed && live.find((one) => one.name === resumed.name)
  const isOurs = ({ id }: JobSummary) => id === before?.id || id === resumedJob?.id
  const cancels = live.filter((one) => !isOurs(one))
  const used = new Set(before?.sinks.map((one) => one.topic))
  const known = record.deployed ? [record.deployed, ...record.inProgress] : record.inProgress
  const leftovers = known
    .filter((one) => one !== resumed || resumedJob === undefined)
    .flatMap((one) => one.sinks.map(({ topic }) => topic))
    .filter((topic) => topics.has(topic) && !used.has(topic))
  const base = { before, cancels, leftovers: [...new Set(leftovers)] }
  if (desired === undefined) return { ...base, change: { do: 'remove' }, blockers: [] }
  if (resumed && resumedJob) {
    const why = 'an unfinished deployment started it'
    const change = { do: 'build', next: resumed, id: resumedJob.id, why, isDrift: false } as const
    return { ...base, change, blockers: [] }
  }
  if (before === undefined) {
    const next = toVersion(desired, 1, input.comparison?.plan ?? '', names)
    const change = { do: 'build', next, id: undefined, why: 'it is new', isDrift: false } as const
    return { ...base, change, blockers: findTaken(next, topics, new Set(leftovers)) }
  }
  const change = planChange(input, desired, before, live, cancels)
  return { ...base, change, blockers: [] }
}

/** The deployed job, or the one that an unfinished deployment started in its place. */
export function findBefore(
  { deployed, inProgress }: FlinkRecord,
  jobs: readonly JobSummary[],
): DeployedJob | undefined {
  if (deployed === undefined) return undefined
  const live = jobs.filter((one) => !isEnded(one))
  if (live.some((one) => one.id === deployed.id)) return deployed
  for (const one of inProgress) {
    const job = live.find(({ name }) => name === one.name)
    if (one.version === deployed.version && job) return { ...one, id: job.id }
  }
  return deployed
}

function planChange(
  input: JobPlanInput,
  desired: DesiredJob,
  before: DeployedJob,
  live: readonly JobSummary[],
  cancels: readonly JobSummary[],
): JobChange {
  const { names, comparison, state, isRebuild } = input
  const isSame = before.name === names.job(before.version, desired.hash)
  const plan = comparison?.plan ?? before.plan
  const rebuild = (why: string, isDrift: boolean): JobChange => {
    const versions = [before, ...input.record.inProgress].map((one) => one.version)
    const next = toVersion(desired, greatest(versions) + 1, plan, names)
    return { do: 'build', next, id: undefined, why, isDrift }
  }
  const broken = findBrokenTopic(before, input)
  if (broken !== undefined) return rebuild(broken, true)
  const start = `${names.jobStart}${before.version}-`
  const stranger = cancels.find((one) => one.name.startsWith(start))
  if (stranger)
    return rebuild(`somebody started job ${stranger.id}, which writes the same topics`, true)
  if (isRebuild) return rebuild('a rebuild was asked for', false)
  const isLive = live.some((one) => one.id === before.id)
  if (isSame && isLive) return { do: 'none' }
  const ended = isLive ? undefined : describeEnd(input.jobs, before)
  if (!isLive && state.is === 'old')
    return rebuild(`${ended}, so long ago that its state has forgotten too much`, true)
  if (!isLive && state.is === 'lost')
    return rebuild(`${ended}, and nobody knows where its state is`, true)
  const restart = (why: string, dropsState: boolean): JobChange => {
    const next = toVersion(desired, before.version, plan, names)
    const from = isLive ? undefined : state
    return { do: 'restart', next, from, dropsState, why, isDrift: !isLive }
  }
  if (isSame) return restart(ended ?? '', false)
  const added = desired.sinks.filter((one) => !before.sinks.some((was) => was.model === one.model))
  const [first] = added
  if (first) return rebuild(`${first.model} is new, and begins with the earliest event`, false)
  if (comparison === undefined || comparison.kind === 'rebuild')
    return rebuild(explainReasons(comparison, 'its state has another meaning'), false)
  return restart(
    [ended, explainReasons(comparison, 'every state keeps its meaning')].filter(Boolean).join('; '),
    comparison.dropsState,
  )
}

/** Names the models with a reason, or says `otherwise`. */
function explainReasons(comparison: JobComparison | undefined, otherwise: string): string {
  const texts = (comparison?.reasons ?? []).map(({ model, text }) =>
    model === undefined ? text : `${model}: ${text}`,
  )
  return texts.length === 0 ? otherwise : texts.join('; ')
}

/** Why the rows of a deployed topic are no longer what the job wrote. */
function findBrokenTopic(
  { sinks }: DeployedJob,
  { topics, partitions, desired }: JobPlanInput,
): string | undefined {
  for (const { topic, model } of sinks) {
    if (!desired?.sinks.some((one) => one.model === model)) continue
    const is = topics.get(topic)
    if (is === undefined) return `its topic ${topic} was deleted`
    if (is.partitions !== partitions)
      return `topic ${topic} has ${is.partitions} partitions instead of ${partitions}`
  }
  return undefined
}

function describeEnd(jobs: readonly JobSummary[], { id, savepoint }: DeployedJob): string {
  if (savepoint !== undefined) return 'an unfinished deployment stopped it'
  switch (jobs.find((one) => one.id === id)?.state) {
    case 'CANCELED':
      return 'somebody cancelled it'
    case 'FINISHED':
      return 'somebody stopped it'
    case 'FAILED':
      return 'it failed'
    default:
      return 'Flink does not know it any more'
  }
}

/** A job of this version that writes what is desired. */
function toVersion(
  { hash, sinks }: DesiredJob,
  version: number,
  plan: string,
  names: JobNames,
): JobVersion {
  const recorded = sinks.map(
    ({ model, fingerprint }): RecordedSink => ({
      model,
      topic: names.topic(model, version),
      fingerprint,
    }),
  )
  return { version, name: names.job(version, hash), sinks: recorded, plan }
}

function findTaken(
  { sinks }: JobVersion,
  topics: ReadonlyMap<string, TopicState>,
  leftovers: ReadonlySet<string>,
): readonly JobBlocker[] {
  return sinks
    .filter(({ topic }) => topics.has(topic) && !leftovers.has(topic))
    .map(({ model, topic }) => ({
      model,
      why:
        `the topic ${topic} exists, and ccs did not create it; ` +
        'give the target a prefix of its own in ccs.yml',
    }))
}
