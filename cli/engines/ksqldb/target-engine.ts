/**
 * A ksqlDB as the engine of a target: compiles the project to streams and tables, and compares them
 * with the engine's part of the deployment record, the server and the cluster.
 */
import type { RemoteRegistry } from '../../domain/avro/schema-registry.ts'
import { getEngineProfile } from '../../domain/config/engines.ts'
import type { KafkaSettings } from '../../domain/config/target.ts'
import type { Deployment } from '../../domain/deploy/deployment.ts'
import { readDeployedModels } from '../../domain/deploy/plan/desired.ts'
import type { EnginePlan } from '../../domain/deploy/plan/plan.ts'
import type { Step } from '../../domain/deploy/plan/step.ts'
import type { EngineState, EngineWork, TargetEngine } from '../../domain/deploy/target-engine.ts'
import { toCompileProject } from '../../domain/dialects/compile.ts'
import type { DeployedModel } from '../../domain/lake/manifest.ts'
import type { TopicAdmin } from '../../domain/log/topic-admin.ts'
import type { Logic } from '../../domain/models/logic.ts'
import type { Seed } from '../../domain/models/seed.ts'
import type { KsqlClient } from './client/client.ts'
import { isNotReady } from './client/connection.ts'
import { compileProjectRelations } from './compile/relations.ts'
import { createNames, type FoundObjects, type Names, type RelationPlan } from './plan/actions.ts'
import { applyRelationPlan } from './plan/apply.ts'
import { fillSeed, type PublishSeed } from './plan/fill-seed.ts'
import { planRelations } from './plan/plan.ts'
import { finalizeRecord, type KsqlRecord, printRecord, readRecord } from './plan/record.ts'
import { ownsTopic, type Relation } from './plan/relation.ts'
import { toSteps } from './plan/steps.ts'

/** What the engine of a target is opened with. */
export interface KsqldbTargetParts {
  readonly client: KsqlClient
  readonly topics: TopicAdmin
  readonly registry: RemoteRegistry
  readonly kafka: Pick<KafkaSettings, 'partitions' | 'replication' | 'retentionMs'>
  /** Of the target's topics, subjects and sources. */
  readonly prefix: string
  /** Must contain the columns of its models. */
  readonly logic: Logic
  readonly timezone: string
  readonly publishSeed: PublishSeed
  /** Whether everything that has a query is rebuilt, changed or not. */
  readonly isRebuild: boolean
  /** Whether all models are removed. */
  readonly isDestroying: boolean
}

interface KsqldbState extends EngineState {
  readonly record: KsqlRecord
  readonly found: FoundObjects
  /** Models as they were deployed last. */
  readonly deployed: readonly DeployedModel[]
  /** Rows that a rebuild can't bring back; undefined: none. */
  readonly lost: string | undefined
  /** The last deployment was finished. */
  readonly isComplete: boolean
}

/** The ksqlDB of one target. */
export class KsqldbTargetEngine implements TargetEngine {
  readonly profile = getEngineProfile('ksqldb')
  readonly #parts: KsqldbTargetParts
  readonly #names: Names
  /** Each after those that it reads. */
  readonly #desired: readonly Relation[]
  /** By model. */
  readonly #notes: ReadonlyMap<string, readonly string[]>
  /** Text by model, and by seed that models join, in order. */
  readonly #texts: ReadonlyMap<string, string>

  /** Throws CCS_SQL_UNSUPPORTED, with every place, for models that ksqlDB can't run. Pure. */
  constructor(parts: KsqldbTargetParts) {
    const { logic, timezone, prefix, isDestroying } = parts
    this.#parts = parts
    this.#names = createNames(prefix)
    const { relations, notes } = isDestroying
      ? { relations: [], notes: new Map<string, readonly string[]>() }
      : compileProjectRelations(toCompileProject(logic, timezone))
    this.#desired = relations
    this.#notes = notes
    const seeds = logic.seeds.filter((one) => this.#desired.some(({ model }) => model === one.name))
    this.#texts = new Map([
      ...seeds.map((one) => [one.name, describeSeed(one)] as const),
      ...(isDestroying ? [] : logic.graph).map(({ model }) => [model.name, model.text] as const),
    ])
  }

  async inspect(deployment: Deployment | undefined): Promise<KsqldbState> {
    const { client, topics } = this.#parts
    await awaitStarted(client)
    const [sources, names] = await Promise.all([client.sources(), topics.names()])
    return {
      record: readRecord(deployment?.engine),
      found: { sources, topics: new Set(names) },
      deployed: readDeployedModels(deployment?.resources ?? []),
      lost: await this.#findLost(),
      isComplete: deployment?.complete ?? true,
    }
  }

  diff(state: KsqldbState): EnginePlan {
    const { record, deployed, lost, isComplete } = state
    const plan = this.#plan(state)
    const steps = toSteps({
      plan,
      desired: this.#desired,
      record,
      names: this.#names,
      wanted: this.#texts,
      deployed: new Map(deployed.map((one) => [one.name, one.text])),
      ...(lost === undefined ? {} : { lost }),
      isComplete,
    })
    const touched = steps.filter((one) => one.action !== 'remove')
    return {
      steps,
      unchanged: this.#texts.size - touched.length,
      remarks: touched.flatMap(({ name }) =>
        (this.#notes.get(name) ?? []).map((note) => `${name}: ${note}`),
      ),
      record: printRecord(finalizeRecord(plan, record)),
    }
  }

  /** Does nothing: the claim on the deployment is enough, since no process of ccs runs there. */
  async hold(): Promise<readonly string[]> {
    return []
  }

  async apply(_steps: readonly Step[], state: KsqldbState, work: EngineWork): Promise<void> {
    const { client, topics, registry, kafka, logic, publishSeed: publish } = this.#parts
    await applyRelationPlan(
      this.#plan(state),
      { desired: this.#desired, before: state.record },
      {
        client,
        topics,
        registry,
        names: this.#names,
        partitions: kafka.partitions,
        replication: kafka.replication,
        retentionMs: kafka.retentionMs,
        fill: async (name, topic) => {
          const seed = logic.seeds.find((one) => one.name === name)
          if (!seed) throw new Error(`there is no seed ${name} to fill its topic`)
          await fillSeed(seed, topic, { registry, publish })
        },
      },
      {
        check: () => work.check(),
        afterChange: () => work.afterChange(),
        save: (record) => work.saveRecord(printRecord(record)),
      },
    )
  }

  async close(): Promise<void> {}

  /** Called with the same state for steps and actions, so that both say the same. */
  #plan({ record, found }: Pick<KsqldbState, 'record' | 'found'>): RelationPlan {
    return planRelations({
      desired: this.#desired,
      deployed: record.deployed,
      found,
      names: this.#names,
      inProgress: record.inProgress.map((one) => one.source),
      inProgressTopics: record.inProgress.flatMap((one) => one.topic ?? []),
      rebuild: this.#parts.isRebuild,
    })
  }

  /** Finds a topic from outside that has expired records: a rebuild from it is incomplete. */
  async #findLost(): Promise<string | undefined> {
    for (const relation of this.#desired) {
      if (ownsTopic(relation) || relation.over !== undefined) continue
      const name = this.#names.topic(relation.topic, 1)
      const progress = await this.#parts.topics.progress(name, `${name}.ccs`)
      if (progress.some((one) => one.start > 0)) return `rows older than what ${name} still holds`
    }
    return undefined
  }
}

/** A seed as `ccs diff` shows it; its rows are too many for the deployment record. */
function describeSeed({ columns, key, rows }: Seed): string {
  const names = columns.map((one) => one.name).join(', ')
  return `-- ${rows.length} rows by ${key}: ${names}`
}

/** Waits for a server that is starting; fails at once if nothing listens there. */
async function awaitStarted(client: KsqlClient): Promise<void> {
  try {
    await client.info()
  } catch (error) {
    if (!isNotReady(error)) throw error
    await client.awaitReady()
  }
}
