/**
 * A Flink as the engine of a target: compiles the project to one job, and compares it with the
 * engine's part of the deployment record, the jobs of the cluster and the topics that they fill.
 */
import type { RemoteRegistry } from '../../domain/avro/schema-registry.ts'
import { getEngineProfile } from '../../domain/config/engines.ts'
import type { JobSettings, KafkaSettings } from '../../domain/config/target.ts'
import type { Deployment } from '../../domain/deploy/deployment.ts'
import { readDeployedModels, toModelResources } from '../../domain/deploy/plan/desired.ts'
import type { EnginePlan } from '../../domain/deploy/plan/plan.ts'
import { hashText, printCanonicalJson } from '../../domain/deploy/plan/resource-content.ts'
import type { Step } from '../../domain/deploy/plan/step.ts'
import type { EngineState, EngineWork, TargetEngine } from '../../domain/deploy/target-engine.ts'
import type { DeployedModel } from '../../domain/lake/manifest.ts'
import type { TopicAdmin, TopicState } from '../../domain/log/topic-admin.ts'
import { VALID_TOPIC } from '../../domain/log/topics.ts'
import type { Logic } from '../../domain/models/logic.ts'
import type { FlinkCluster, FlinkFacts } from './client/flink-cluster.ts'
import { isEnded, type JobSummary } from './client/job-answers.ts'
import { requireUsableFlink } from './client/requirements.ts'
import type { ProjectJob } from './compile/project-job.ts'
import { applyJobPlan } from './plan/apply.ts'
import type { CompletedPlan } from './plan/compare.ts'
import { createJobNames, hideSecrets, type JobNames, type Naming } from './plan/names.ts'
import {
  type DesiredJob,
  findBefore,
  type JobComparison,
  type JobPlan,
  planJob,
  type SavedState,
} from './plan/plan.ts'
import { type FlinkRecord, printRecord, type RecordedSink, readRecord } from './plan/record.ts'
import { printJobProperties, type Submission, toJobScript } from './plan/script.ts'
import { hasForgotten } from './plan/state-ttl.ts'
import { toSteps } from './plan/steps.ts'

/** What the engine of a target is opened with. */
export interface FlinkTargetParts {
  readonly cluster: FlinkCluster
  readonly topics: TopicAdmin
  readonly registry: RemoteRegistry
  readonly kafka: Pick<KafkaSettings, 'partitions' | 'replication' | 'retentionMs'>
  readonly settings: JobSettings
  /** Where Flink finds Kafka and the registry. */
  readonly servers: Omit<Naming, 'prefix' | 'version'>
  readonly prefix: string
  readonly logic: Logic
  /** Undefined: all models are removed. */
  readonly job: ProjectJob | undefined
  /** Of a newly compiled plan: how long each operator keeps its state. */
  readonly complete: (plan: string) => CompletedPlan
  /** Of the newly compiled plan with the stored one. */
  readonly compare: (stored: string, next: string) => JobComparison
  readonly isRebuild: boolean
  /** Gets sentences for the user while a job is built. */
  readonly onNotice: (text: string) => void
}

interface FlinkState extends EngineState {
  readonly record: FlinkRecord
  readonly jobs: readonly JobSummary[]
  readonly topics: ReadonlyMap<string, TopicState>
  readonly state: SavedState
  readonly comparison: JobComparison | undefined
  /** Models as they were deployed last. */
  readonly deployed: readonly DeployedModel[]
  readonly lost: string | undefined
  readonly isComplete: boolean
}

/** The Flink of one target. */
export class FlinkTargetEngine implements TargetEngine {
  readonly profile = getEngineProfile('flink')
  readonly #parts: FlinkTargetParts
  readonly #names: JobNames
  readonly #desired: DesiredJob | undefined
  /** Compiled once: the target is read twice, and planning takes Flink seconds. */
  #compiled: CompletedPlan | undefined

  constructor(parts: FlinkTargetParts) {
    this.#parts = parts
    this.#names = createJobNames(parts.prefix)
    this.#desired = parts.job && describeJob(parts.job, parts)
  }

  async inspect(deployment: Deployment | undefined): Promise<FlinkState> {
    const { cluster, topics, prefix } = this.#parts
    const [facts, there] = await Promise.all([cluster.inspect(), topics.topics()])
    if (this.#desired) requireUsableFlink(facts)
    const record = readRecord(deployment?.engine)
    const own = there.filter((one) => one.name.startsWith(prefix))
    const base = {
      record,
      jobs: facts.jobs,
      topics: new Map(own.map((one) => [one.name, one])),
      deployed: readDeployedModels(deployment?.resources ?? []),
      isComplete: deployment?.complete ?? true,
    }
    return {
      ...base,
      state: await this.#findState(record, facts),
      comparison: await this.#compare(record, facts.jobs),
      lost: await this.#findLost(),
    }
  }

  diff(state: FlinkState): EnginePlan {
    const { deployed, lost, isComplete, topics } = state
    const { logic, job } = this.#parts
    const plan = this.#plan(state)
    const models = job ? toModelResources(logic).filter(({ name }) => job.notes.has(name)) : []
    const wanted = new Map(models.map((one) => [one.name, one.content]))
    const steps = toSteps({
      plan,
      wanted,
      deployed: new Map(deployed.map((one) => [one.name, one.text])),
      fingerprints: {
        wanted: new Map(models.map((one) => [one.name, one.fingerprint])),
        deployed: new Map(deployed.map((one) => [one.name, one.fingerprint])),
      },
      lost,
      topics,
      configureTopic: (sink) => this.#configureTopic(sink),
      isComplete,
    })
    const touched = steps.filter((one) => one.kind === 'model' && one.action !== 'remove')
    return {
      steps,
      unchanged: wanted.size - touched.length,
      remarks: [
        ...touched.flatMap(({ name }) =>
          (job?.notes.get(name) ?? []).map((note) => `${name}: ${note}`),
        ),
        ...(this.#compiled?.endless ?? []),
      ],
    }
  }

  /** Does nothing: the claim on the deployment is enough, since no process of ccs runs there. */
  async hold(): Promise<readonly string[]> {
    return []
  }

  async apply(_steps: readonly Step[], state: FlinkState, work: EngineWork): Promise<void> {
    const { cluster, topics, registry, prefix, settings, kafka, onNotice } = this.#parts
    await applyJobPlan(
      this.#plan(state),
      {
        cluster,
        topics,
        registry,
        names: this.#names,
        prefix,
        settings,
        partitions: kafka.partitions,
        replication: kafka.replication,
        configureTopic: (sink) => this.#configureTopic(sink),
        printScript: (version, submission) => this.#printScript(version, submission),
        onNotice,
      },
      {
        check: () => work.check(),
        afterChange: () => work.afterChange(),
        save: (record) => work.saveRecord(printRecord(record)),
      },
    )
  }

  async close(): Promise<void> {}

  /** Called with the same state for steps and changes, so that both say the same. */
  #plan({ record, jobs, topics, state, comparison }: FlinkState): JobPlan {
    return planJob({
      desired: this.#desired,
      record,
      jobs,
      topics,
      state,
      comparison,
      partitions: this.#parts.kafka.partitions,
      isRebuild: this.#parts.isRebuild,
      names: this.#names,
    })
  }

  /** Compiles the desired job, unless it is the one that is deployed. */
  async #compare(
    record: FlinkRecord,
    jobs: readonly JobSummary[],
  ): Promise<JobComparison | undefined> {
    const { cluster, complete, compare } = this.#parts
    if (this.#desired === undefined) return undefined
    const before = findBefore(record, jobs)
    const name = this.#names.job(before?.version ?? 1, this.#desired.hash)
    if (name === before?.name) return undefined
    // With the names of the first version, whatever the version, so that plans can be compared.
    const script = this.#printScript(1, { name, settings: this.#parts.settings })
    this.#compiled ??= complete(hideSecrets(await cluster.compile(script), this.#parts.servers))
    const { plan } = this.#compiled
    if (before !== undefined) return compare(before.plan, plan)
    return { kind: 'rebuild', plan, reasons: [], dropsState: false }
  }

  async #findState(
    record: FlinkRecord,
    { jobs, nowMs }: Pick<FlinkFacts, 'jobs' | 'nowMs'>,
  ): Promise<SavedState> {
    const before = findBefore(record, jobs)
    const job = jobs.find((one) => one.id === before?.id)
    if (before === undefined || (job && !isEnded(job))) return { is: 'lost' }
    if (job && hasForgotten(job, nowMs)) return { is: 'old' }
    if (before.savepoint !== undefined) return { is: 'saved', path: before.savepoint }
    if (job === undefined) return { is: 'lost' }
    const path = await this.#parts.cluster.findState(before.id)
    return path === undefined ? { is: 'none' } : { is: 'saved', path }
  }

  #printScript(version: number, submission: Submission): ReturnType<typeof toJobScript> {
    const { job, servers, prefix } = this.#parts
    if (job === undefined) throw new Error('there is no job to start')
    return toJobScript(job, { ...servers, prefix, version }, printJobProperties(submission))
  }

  /** Of a stream all rows are kept as long as the events, of others the last of each key. */
  #configureTopic({ model }: RecordedSink): Readonly<Record<string, string>> {
    const { job, kafka } = this.#parts
    const sink = job?.sinks.find((one) => one.model.name === model)
    return sink?.isUpserted
      ? { 'cleanup.policy': 'compact' }
      : { 'cleanup.policy': 'delete', 'retention.ms': String(kafka.retentionMs) }
  }

  /** Finds out whether events have expired, so that a rebuild is incomplete. */
  async #findLost(): Promise<string | undefined> {
    const { topics, prefix } = this.#parts
    const name = `${prefix}${VALID_TOPIC}`
    const progress = await topics.progress(name, this.#names.group(1))
    return progress.some((one) => one.start > 0)
      ? `rows older than what ${name} still holds`
      : undefined
  }
}

function describeJob(
  { sinks }: ProjectJob,
  { settings, servers }: Pick<FlinkTargetParts, 'settings' | 'servers'>,
): DesiredJob {
  const desired = sinks.map(({ model, isUpserted, fingerprint }) => ({
    model: model.name,
    isUpserted,
    fingerprint,
  }))
  const { parallelism, checkpointMs } = settings
  const { brokers, registryUrl } = servers
  const parts = [desired, parallelism, checkpointMs, brokers, registryUrl]
  return { hash: hashText(printCanonicalJson(parts)), sinks: desired }
}
