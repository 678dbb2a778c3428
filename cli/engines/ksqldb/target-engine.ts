/**
 * A ksqlDB as the engine of a target. The project compiled to streams and tables is compared with
 * the engine's part of the deployment record and with what the server and the cluster have.
 */
import type { RemoteRegistry } from '../../domain/avro/schema-registry.ts'
import { engineProfile } from '../../domain/config/engines.ts'
import type { KafkaSettings } from '../../domain/config/target.ts'
import type { Deployment } from '../../domain/deploy/deployment.ts'
import { deployedModels } from '../../domain/deploy/plan/desired.ts'
import type { EnginePlan } from '../../domain/deploy/plan/plan.ts'
import type { Step } from '../../domain/deploy/plan/step.ts'
import type { EngineState, EngineWork, TargetEngine } from '../../domain/deploy/target-engine.ts'
import { compileProject } from '../../domain/dialects/compile.ts'
import type { DeployedModel } from '../../domain/lake/manifest.ts'
import type { TopicAdmin } from '../../domain/log/topic-admin.ts'
import type { Logic } from '../../domain/models/logic.ts'
import type { Seed } from '../../domain/models/seed.ts'
import type { KsqlClient } from './client/client.ts'
import { isStarting } from './client/connection.ts'
import { projectRelations } from './compile/relations.ts'
import { type KsqlPlan, type KsqlState, type Names, namesOf } from './plan/actions.ts'
import { applyKsql } from './plan/apply.ts'
import { fillSeed, type PublishSeed } from './plan/fill-seed.ts'
import { planKsql } from './plan/plan.ts'
import { type KsqlRecord, readRecord, recordText, settledRecord } from './plan/record.ts'
import { ownsTopic, type Relation } from './plan/relation.ts'
import { ksqlSteps } from './plan/steps.ts'

/** What the engine of a target is opened with. */
export interface KsqldbTargetParts {
  readonly client: KsqlClient
  readonly topics: TopicAdmin
  readonly registry: RemoteRegistry
  readonly kafka: Pick<KafkaSettings, 'partitions' | 'replication' | 'retentionMs'>
  /** Of the target's topics, subjects and sources. */
  readonly prefix: string
  /** With the columns of its models. */
  readonly logic: Logic
  readonly timezone: string
  readonly publishSeed: PublishSeed
  /** Rebuild all that has a query, changed or not. */
  readonly isRebuild: boolean
  /** All models go. */
  readonly isDestroying: boolean
}

interface KsqldbState extends EngineState {
  readonly record: KsqlRecord
  readonly found: KsqlState
  /** Models as they were deployed last. */
  readonly deployed: readonly DeployedModel[]
  /** What a rebuild can't bring back; undefined: the topics from outside still hold all. */
  readonly lost: string | undefined
  /** The last deployment was finished. */
  readonly isComplete: boolean
}

/** The ksqlDB of one target. */
export class KsqldbTargetEngine implements TargetEngine {
  readonly profile = engineProfile('ksqldb')
  readonly #parts: KsqldbTargetParts
  readonly #names: Names
  /** Each after what it reads. */
  readonly #desired: readonly Relation[]
  /** Text by model, and by seed that models join, in order. */
  readonly #texts: ReadonlyMap<string, string>

  /** CCS_SQL_UNSUPPORTED, with every place, for models that ksqlDB can't run. Asks no server. */
  constructor(parts: KsqldbTargetParts) {
    const { logic, timezone, prefix, isDestroying } = parts
    this.#parts = parts
    this.#names = namesOf(prefix)
    this.#desired = isDestroying ? [] : projectRelations(compileProject(logic, timezone))
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
      deployed: deployedModels(deployment?.resources ?? []),
      lost: await this.#findLost(),
      isComplete: deployment?.complete ?? true,
    }
  }

  diff(state: KsqldbState): EnginePlan {
    const { record, deployed, lost, isComplete } = state
    const plan = this.#plan(state)
    const steps = ksqlSteps({
      plan,
      desired: this.#desired,
      record,
      names: this.#names,
      wanted: this.#texts,
      deployed: new Map(deployed.map((one) => [one.name, one.text])),
      ...(lost === undefined ? {} : { lost }),
      isComplete,
    })
    const touched = steps.filter((one) => one.action !== 'remove').length
    return {
      steps,
      unchanged: this.#texts.size - touched,
      record: recordText(settledRecord(plan, record)),
    }
  }

  /** The claim on the deployment is enough: nothing of ccs runs beside the server. */
  async hold(): Promise<readonly string[]> {
    return []
  }

  async apply(_steps: readonly Step[], state: KsqldbState, work: EngineWork): Promise<void> {
    const { client, topics, registry, kafka, logic, publishSeed: publish } = this.#parts
    await applyKsql(
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
          if (!seed) throw new Error(`${name} is to be filled, and is not known`)
          await fillSeed(seed, topic, { registry, publish })
        },
      },
      {
        check: () => work.check(),
        onReached: () => work.onReached(),
        save: (record) => work.saveRecord(recordText(record)),
      },
    )
  }

  async close(): Promise<void> {}

  /** Actions and steps come from the same state, so they say the same. */
  #plan({ record, found }: Pick<KsqldbState, 'record' | 'found'>): KsqlPlan {
    return planKsql({
      desired: this.#desired,
      placed: record.placed,
      found,
      names: this.#names,
      begun: record.begun.map((one) => one.source),
      begunTopics: record.begun.flatMap((one) => one.topic ?? []),
      rebuild: this.#parts.isRebuild,
    })
  }

  /** Which topic from outside has already expired records: a rebuild from it is incomplete. */
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

/** What a plan says of a seed: its rows are too many to be kept with a deployment. */
function describeSeed({ columns, key, rows }: Seed): string {
  const names = columns.map((one) => one.name).join(', ')
  return `-- ${rows.length} rows by ${key}: ${names}`
}

/** Waits for a server that is starting; one that is not there is an error at once. */
async function awaitStarted(client: KsqlClient): Promise<void> {
  try {
    await client.info()
  } catch (error) {
    if (!isStarting(error)) throw error
    await client.ready()
  }
}
