/**
 * Applies a plan to a ksqlDB. Before the first statement, the record names all that will be
 * created; after each statement, it has the outcome. So the next plan can continue from the record
 * of a deployment that died. A statement whose answer was lost is sent again only after the server
 * was asked whether it was executed.
 */
import type { RemoteRegistry } from '../../../domain/avro/schema-registry.ts'
import type { EngineWork } from '../../../domain/deploy/target-engine.ts'
import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import { CcsError, EXIT } from '../../../domain/kernel/errors.ts'
import type { TopicAdmin } from '../../../domain/log/topic-admin.ts'
import { subjectFor } from '../../../domain/log/topics.ts'
import type { KsqlClient } from '../client/client.ts'
import { printDefinition } from '../client/server-answers.ts'
import {
  createNaming,
  type DeployedRelation,
  type Names,
  type RelationAction,
  type RelationPlan,
} from './actions.ts'
import { awaitCaughtUp } from './catch-up.ts'
import { executeOnce } from './execute.ts'
import {
  finalizeRecord,
  type InProgressSource,
  type KsqlRecord,
  mergeInProgress,
  recordDeployed,
} from './record.ts'
import {
  findInput,
  type Naming,
  ownsTopic,
  planTopicConfig,
  printStatement,
  type Relation,
} from './relation.ts'

/** What a plan is applied with. */
export interface ApplyParts {
  readonly client: KsqlClient
  readonly topics: Pick<TopicAdmin, 'create' | 'names' | 'progress' | 'remove'>
  readonly registry: Pick<RemoteRegistry, 'subjects' | 'remove'>
  readonly names: Names
  /** Of topics that are created. */
  readonly partitions: number
  readonly replication: number
  /** Of topics of streams; -1: for ever. */
  readonly retentionMs: number
  /** Writes all rows of a seed into an empty topic; durable when it resolves. */
  fill(seed: string, topic: string): Promise<void>
  /** How long to check whether a statement without an answer was executed. */
  readonly confirmMs?: number
}

type Work = Pick<EngineWork, 'check' | 'afterChange'> & {
  save(record: KsqlRecord): Promise<void>
}

/** Runs all actions in order; resolves when all are done and the record is saved. */
export async function applyRelationPlan(
  plan: RelationPlan,
  { desired, before }: { readonly desired: readonly Relation[]; readonly before: KsqlRecord },
  parts: ApplyParts,
  work: Work,
): Promise<void> {
  const planRun = new PlanRun(plan, desired, before, parts)
  await work.save(planRun.begin())
  for (const action of plan.actions) {
    await work.check()
    await planRun.apply(action)
    work.afterChange()
    await work.save(planRun.record)
  }
  await planRun.finish()
  await work.save(planRun.record)
}

/** One run through the actions of a plan. */
class PlanRun {
  record: KsqlRecord
  readonly #plan: RelationPlan
  readonly #desired: readonly Relation[]
  readonly #parts: ApplyParts
  readonly #naming: Naming
  /** New versions that the record does not name yet, by relation. */
  readonly #next = new Map<string, DeployedRelation>()

  constructor(
    plan: RelationPlan,
    desired: readonly Relation[],
    before: KsqlRecord,
    parts: ApplyParts,
  ) {
    this.#plan = plan
    this.#desired = desired
    this.#parts = parts
    this.#naming = createNaming(parts.names, plan.versions, parts.partitions, parts.retentionMs)
    this.record = before
  }

  /** The record with all that will be created. */
  begin(): KsqlRecord {
    const made = this.#plan.actions.flatMap((one) =>
      one.do === 'create' ? [this.#toInProgress(one.relation, one.version)] : [],
    )
    return this.#set({ inProgress: mergeInProgress(this.record.inProgress, made) })
  }

  apply(action: RelationAction): Promise<void> | undefined {
    switch (action.do) {
      case 'create':
        return this.#create(action.relation, action.version)
      case 'replace':
      case 'alter':
        return this.#change(action)
      case 'resume':
        return this.#resume(action.name, action.queryId)
      case 'await':
        return this.#await(action.names)
      case 'promote':
        return void this.#promote(action.moves)
      case 'drop':
        return this.#drop(action)
      case 'remove topic':
        return this.#removeTopic(action.topic)
    }
  }

  /** Records what others have already changed to what the project wants. */
  async finish(): Promise<void> {
    for (const name of this.#plan.drifted) {
      const relation = this.#desired.find((one) => one.name === name)
      if (relation) this.#keepDeployed(await this.#describe(relation, this.#findVersion(name)))
    }
    this.record = finalizeRecord(this.#plan, this.record)
  }

  async #create(relation: Relation, version: number): Promise<void> {
    const { names, topics } = this.#parts
    const name = names.source(relation.name, version)
    const topic = names.topic(relation.topic, version)
    // In a topic with rows, the query would write each row a second time.
    if (ownsTopic(relation) && (await topics.names()).includes(topic))
      throw new CcsError('CCS_PLAN_CHANGES', `Topic ${topic} was created after the plan.`, {
        hint: 'Make the plan again: ccs plan',
      })
    const was = this.record.deployed.find((one) => one.relation.name === relation.name)
    // Dropping it with its topic left its schemas, which the new ones may be incompatible with.
    if (ownsTopic(relation) && was?.version === version) await this.#removeSubjects(topic)
    // If the deployment dies here, the record names the topic, and the next one removes it first.
    const config = planTopicConfig(relation, this.#naming)
    const { partitions, replication } = this.#parts
    if (config) await topics.create([{ name: topic, partitions, replication, config }])
    // Queries join the table as it is, so it must be full before anything reads it.
    if (relation.seed !== undefined) await this.#parts.fill(relation.model, topic)
    await this.#execute(printStatement(relation, this.#naming), relation, async () =>
      Boolean(await this.#parts.client.describe(name)),
    )
    const next = await this.#describe(relation, version)
    if (was !== undefined && was.version !== version) this.#next.set(relation.name, next)
    else this.#keepDeployed(next)
  }

  async #change(action: Extract<RelationAction, { do: 'replace' | 'alter' }>): Promise<void> {
    const { relation, version } = action
    const name = this.#parts.names.source(relation.name, version)
    const was = await this.#parts.client.describe(name)
    const sql =
      action.do === 'replace'
        ? printStatement(relation, this.#naming, 'CREATE OR REPLACE')
        : `ALTER ${relation.kind.toUpperCase()} ${quoteName(name)} ${action.columns
            .map((one) => `ADD COLUMN ${quoteName(one.name)} ${one.type}`)
            .join(', ')}`
    await this.#execute(sql, relation, async () => {
      const is = await this.#parts.client.describe(name)
      return is !== undefined && printDefinition(is) !== (was && printDefinition(was))
    })
    this.#keepDeployed(await this.#describe(relation, version))
  }

  async #resume(name: string, queryId: string): Promise<void> {
    const { client, names } = this.#parts
    const relation = this.#findRelation(name)
    await this.#execute(`RESUME ${queryId}`, relation, async () => {
      const is = await client.describe(names.source(name, this.#findVersion(name)))
      return (is?.writers[0]?.counts.PAUSED ?? 0) === 0
    })
  }

  /** In the order of reading: a source has caught up before its readers are waited for. */
  async #await(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const read = this.#findRelation(findInput(this.#findRelation(name)) ?? '')
      const source = this.#parts.names.source(name, this.#findVersion(name))
      await awaitCaughtUp(source, this.#naming.topic(read), this.#parts)
    }
  }

  #promote(moves: Extract<RelationAction, { do: 'promote' }>['moves']): void {
    const left: InProgressSource[] = []
    for (const { name, from } of moves) {
      const next = this.#next.get(name)
      const was = this.record.deployed.find((one) => one.relation.name === name)
      if (next === undefined) continue
      if (was) left.push(this.#toInProgress(was.relation, from))
      this.#keepDeployed(next)
    }
    this.#set({ inProgress: mergeInProgress(this.record.inProgress, left) })
  }

  async #drop({ source, kind, topic }: Extract<RelationAction, { do: 'drop' }>): Promise<void> {
    const { client } = this.#parts
    await this.#execute(`DROP ${kind} ${quoteName(source)}`, undefined, async () => {
      return (await client.describe(source)) === undefined
    })
    if (topic !== undefined) await this.#removeTopic(topic)
    this.#forget(
      ({ relation, version }) => this.#parts.names.source(relation.name, version) === source,
    )
    this.#set({ inProgress: this.record.inProgress.filter((one) => one.source !== source) })
  }

  /** Removes the topic's schemas too: a topic of the same name may get other columns. */
  async #removeTopic(topic: string): Promise<void> {
    const { topics, names } = this.#parts
    await topics.remove([topic])
    await this.#removeSubjects(topic)
    this.#forget(
      ({ relation, version }) =>
        ownsTopic(relation) &&
        names.topic(relation.topic, version) === topic &&
        this.#plan.versions.get(relation.name) !== version,
    )
    this.#set({ inProgress: this.record.inProgress.filter((one) => one.topic !== topic) })
  }

  async #removeSubjects(topic: string): Promise<void> {
    const { registry } = this.#parts
    const subjects = await registry.subjects()
    for (const subject of [`${topic}-key`, subjectFor(topic)])
      if (subjects.includes(subject)) await registry.remove(subject)
  }

  #execute(
    sql: string,
    relation: Relation | undefined,
    isDone: () => Promise<boolean>,
  ): Promise<void> {
    const { client, confirmMs = 20_000 } = this.#parts
    return executeOnce(sql, { client, relation, isDone, confirmMs })
  }

  async #describe(relation: Relation, version: number): Promise<DeployedRelation> {
    const name = this.#parts.names.source(relation.name, version)
    const is = await this.#parts.client.describe(name)
    if (is === undefined)
      throw new CcsError('CCS_ENGINE_REFUSED', `Somebody dropped ${name}, which ccs created.`, {
        exit: EXIT.changes,
        hint: 'Find out who else changes this ksqlDB, then run ccs deploy again.',
      })
    return { relation, version, statement: is.statement, fields: is.fields }
  }

  #findRelation(name: string): Relation {
    const found = this.#desired.find((one) => one.name === name)
    if (found) return found
    throw new Error(`the plan names ${name}, which is not desired`)
  }

  #findVersion(name: string): number {
    return this.#plan.versions.get(name) ?? 1
  }

  #toInProgress(relation: Relation, version: number): InProgressSource {
    const { names } = this.#parts
    const source = names.source(relation.name, version)
    const { model } = relation
    return ownsTopic(relation)
      ? { source, model, topic: names.topic(relation.topic, version) }
      : { source, model }
  }

  #keepDeployed(next: DeployedRelation): void {
    const source = this.#parts.names.source(next.relation.name, next.version)
    this.record = recordDeployed(this.record, next, source)
  }

  #forget(isGone: (one: DeployedRelation) => boolean): void {
    this.#set({ deployed: this.record.deployed.filter((one) => !isGone(one)) })
  }

  #set(change: Partial<KsqlRecord>): KsqlRecord {
    this.record = { ...this.record, ...change }
    return this.record
  }
}
