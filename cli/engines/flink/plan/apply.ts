/**
 * Applies the plan for a Flink. Before anything is created, the record names the job that will be
 * started, with its topics and its compiled plan; a job is found again by its name. So a deployment
 * that died is continued by the next one, and no job is started twice.
 */
import type { RemoteRegistry } from '../../../domain/avro/schema-registry.ts'
import type { JobSettings } from '../../../domain/config/target.ts'
import type { EngineWork } from '../../../domain/deploy/target-engine.ts'
import type { TopicAdmin } from '../../../domain/log/topic-admin.ts'
import { subjectFor, VALID_TOPIC } from '../../../domain/log/topics.ts'
import type { FlinkCluster, JobScript } from '../client/flink-cluster.ts'
import { isEnded } from '../client/job-answers.ts'
import { awaitCaughtUp } from './catch-up.ts'
import type { JobNames } from './names.ts'
import type { JobChange, JobPlan } from './plan.ts'
import type { DeployedJob, FlinkRecord, JobVersion, RecordedSink } from './record.ts'
import type { Submission } from './script.ts'

/** What a plan is applied with. */
export interface ApplyParts {
  readonly cluster: FlinkCluster
  readonly topics: Pick<TopicAdmin, 'create' | 'names' | 'progress' | 'remove'>
  readonly registry: Pick<RemoteRegistry, 'subjects' | 'remove'>
  readonly names: JobNames
  /** The target's prefix. */
  readonly prefix: string
  readonly settings: Pick<JobSettings, 'parallelism' | 'checkpointMs'>
  /** Of topics that are created. */
  readonly partitions: number
  readonly replication: number
  readonly configureTopic: (sink: RecordedSink) => Readonly<Record<string, string>>
  readonly printScript: (version: number, submission: Submission) => JobScript
  readonly onNotice: (text: string) => void
}

type Work = Pick<EngineWork, 'check' | 'afterChange'> & {
  save(record: FlinkRecord): Promise<void>
}

/** Applies a plan; resolves when its job runs and the record is saved. */
export async function applyJobPlan(plan: JobPlan, parts: ApplyParts, work: Work): Promise<void> {
  const run = new JobRun(plan, parts, work)
  for (const { id } of plan.cancels) await run.step(() => parts.cluster.cancel(id))
  await run.removeTopics(plan.leftovers)
  switch (plan.change.do) {
    case 'none':
      return run.finish(plan.before)
    case 'build':
      return run.build(plan.change)
    case 'restart':
      return run.restart(plan.change)
    case 'remove':
      return run.remove()
  }
}

/** One run through a plan. */
class JobRun {
  readonly #plan: JobPlan
  readonly #parts: ApplyParts
  readonly #work: Work

  constructor(plan: JobPlan, parts: ApplyParts, work: Work) {
    this.#plan = plan
    this.#parts = parts
    this.#work = work
  }

  /** Makes one change, after checking that no other deployment has taken the target over. */
  async step<T>(change: () => Promise<T>): Promise<T> {
    await this.#work.check()
    const result = await change()
    this.#work.afterChange()
    return result
  }

  /** Builds a job from the earliest event on; the one before runs until the new one caught up. */
  async build({ next, id: started }: Extract<JobChange, { do: 'build' }>): Promise<void> {
    const { before } = this.#plan
    const { cluster, topics, names, prefix, settings } = this.#parts
    await this.#work.save({ deployed: before, inProgress: [next] })
    const id = started ?? (await this.#create(next))
    await cluster.awaitRunning(id)
    if (before !== undefined) {
      this.#parts.onNotice(`${next.name} reads all events; ${before.name} runs until it is done.`)
      await awaitCaughtUp(`${prefix}${VALID_TOPIC}`, names.group(next.version), {
        topics,
        checkRunning: () => cluster.awaitRunning(id),
        checkpointMs: settings.checkpointMs,
      })
    }
    const deployed: DeployedJob = { ...next, id }
    // From here on readers use the new rows.
    await this.#work.save({ deployed, inProgress: before ? [before] : [] })
    if (before !== undefined) {
      await this.#end(before)
      await this.removeTopics(before.sinks.map((one) => one.topic))
    }
    await this.finish(deployed)
  }

  /** Stops the job if it runs, and starts the next one with its state and its topics. */
  async restart({ next, from, dropsState }: Extract<JobChange, { do: 'restart' }>): Promise<void> {
    const { before } = this.#plan
    if (before === undefined) throw new Error('there is no job to restart')
    const { cluster } = this.#parts
    await this.#work.save({ deployed: before, inProgress: [next] })
    let state = from?.is === 'saved' ? from.path : undefined
    if (from === undefined) {
      const savepoint = await this.step(() => cluster.stop(before.id))
      state = savepoint
      await this.#work.save({ deployed: { ...before, savepoint }, inProgress: [next] })
    }
    const id = await this.#start(next, {
      ...(state === undefined ? {} : { state }),
      dropsState,
    })
    await cluster.awaitRunning(id)
    const deployed: DeployedJob = { ...next, id }
    const kept = new Set(next.sinks.map((one) => one.topic))
    const gone = before.sinks.map((one) => one.topic).filter((one) => !kept.has(one))
    await this.#work.save({ deployed, inProgress: gone.length > 0 ? [before] : [] })
    await this.removeTopics(gone)
    await this.finish(deployed)
  }

  /** Ends the job and removes what it filled. */
  async remove(): Promise<void> {
    const { before } = this.#plan
    if (before !== undefined) {
      await this.#end(before)
      await this.removeTopics(before.sinks.map((one) => one.topic))
    }
    await this.finish(undefined)
  }

  async finish(deployed: DeployedJob | undefined): Promise<void> {
    await this.#work.save({ deployed, inProgress: [] })
  }

  /** Removes the topics' schemas too: a topic of the same name may get other columns. */
  async removeTopics(topics: readonly string[]): Promise<void> {
    if (topics.length === 0) return
    const { registry } = this.#parts
    await this.step(() => this.#parts.topics.remove(topics))
    const subjects = new Set(await registry.subjects())
    for (const topic of topics)
      for (const subject of [`${topic}-key`, subjectFor(topic)])
        if (subjects.has(subject)) await this.step(() => registry.remove(subject))
  }

  async #create(next: JobVersion): Promise<string> {
    const { topics, partitions, replication, configureTopic } = this.#parts
    const there = new Set(await topics.names())
    const missing = next.sinks
      .filter((one) => !there.has(one.topic))
      .map((sink) => ({
        name: sink.topic,
        partitions,
        replication,
        config: configureTopic(sink),
      }))
    await this.step(() => topics.create(missing))
    return this.#start(next, {})
  }

  #start(next: JobVersion, how: Pick<Submission, 'state' | 'dropsState'>): Promise<string> {
    const { cluster, printScript, settings } = this.#parts
    const script = printScript(next.version, { name: next.name, settings, ...how })
    return this.step(() => cluster.start(script, next.plan))
  }

  async #end({ id }: DeployedJob): Promise<void> {
    const { cluster } = this.#parts
    const job = (await cluster.jobs()).find((one) => one.id === id)
    if (job && !isEnded(job)) await this.step(() => cluster.cancel(id))
  }
}
