/**
 * Carries out a plan on a ksqlDB. What is about to be made stands in the record before the first statement, and what
 * became of each statement after it: whoever dies in between leaves a record from which the next plan goes on. A
 * statement whose fate is not known is never sent again before the server was asked what is there.
 */

import type { RemoteRegistry } from '../../../domain/avro/schema-registry.ts'
import type { EngineWork } from '../../../domain/deploy/target-engine.ts'
import { quoted } from '../../../domain/dialects/dialect-syntax.ts'
import { CcsError, EXIT } from '../../../domain/kernel/errors.ts'
import type { TopicAdmin } from '../../../domain/log/topic-admin.ts'
import { subjectFor } from '../../../domain/log/topics.ts'
import type { KsqlClient } from '../client/client.ts'
import type { KsqlSource } from '../client/query-service.ts'
import { type KsqlAction, type KsqlPlan, type Names, namingAt, type Placed } from './actions.ts'
import { awaitCaughtUp } from './catch-up.ts'
import { execute } from './execute.ts'
import { type Begun, type KsqlRecord, merged, settledRecord } from './record.ts'
import {
  type Naming,
  ownsTopic,
  type Relation,
  readsOf,
  statementOf,
  topicConfigOf,
} from './relation.ts'

export interface KsqlEngineParts {
  readonly client: KsqlClient
  readonly topics: Pick<TopicAdmin, 'create' | 'names' | 'progress' | 'remove'>
  readonly registry: Pick<RemoteRegistry, 'subjects' | 'remove'>
  readonly names: Names
  /** Of topics that are made. */
  readonly partitions: number
  readonly replication: number
  /** Of topics of streams; -1: for ever. */
  readonly retentionMs: number
  /** Writes all rows of a seed into an empty topic; durable when it resolves. */
  fill(seed: string, topic: string): Promise<void>
  /** How long it is looked for what a statement without an answer may have done. */
  readonly settleMs?: number
}

type Work = Pick<EngineWork, 'check' | 'onReached'> & {
  save(record: KsqlRecord): Promise<void>
}

/** Actions in the order of the plan; resolves when all are done and the record says so. */
export async function applyKsql(
  plan: KsqlPlan,
  { desired, before }: { readonly desired: readonly Relation[]; readonly before: KsqlRecord },
  parts: KsqlEngineParts,
  work: Work,
): Promise<void> {
  const session = new Session(plan, desired, before, parts)
  await work.save(session.begin())
  for (const action of plan.actions) {
    await work.check()
    await session.take(action)
    work.onReached()
    await work.save(session.record)
  }
  await session.finish()
  await work.save(session.record)
}

class Session {
  record: KsqlRecord
  readonly #plan: KsqlPlan
  readonly #desired: readonly Relation[]
  readonly #parts: KsqlEngineParts
  readonly #naming: Naming
  /** New versions that are not promoted yet, by relation. */
  readonly #next = new Map<string, Placed>()

  constructor(
    plan: KsqlPlan,
    desired: readonly Relation[],
    before: KsqlRecord,
    parts: KsqlEngineParts,
  ) {
    this.#plan = plan
    this.#desired = desired
    this.#parts = parts
    this.#naming = namingAt(parts.names, plan.versions, parts.partitions, parts.retentionMs)
    this.record = before
  }

  /** Names all that will be made. */
  begin(): KsqlRecord {
    const made = this.#plan.actions.flatMap((one) =>
      one.do === 'create' ? [this.#begun(one.relation, one.version)] : [],
    )
    return this.#set({ begun: merged(this.record.begun, made) })
  }

  take(action: KsqlAction): Promise<void> | undefined {
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

  /** What others brought to where the project wants it is known again. */
  async finish(): Promise<void> {
    for (const name of this.#plan.drifted) {
      const relation = this.#desired.find((one) => one.name === name)
      if (relation) this.#place(await this.#described(relation, this.#versionOf(name)))
    }
    this.record = settledRecord(this.#plan, this.record)
  }

  async #create(relation: Relation, version: number): Promise<void> {
    const { names, topics } = this.#parts
    const name = names.source(relation.name, version)
    const topic = names.topic(relation.topic, version)
    // Over rows that are there already, each would come a second time.
    if (ownsTopic(relation) && (await topics.names()).includes(topic))
      throw new CcsError('CCS_PLAN_CHANGES', `Topic ${topic} came to be since the plan was made.`, {
        hint: 'Look again: ccs plan',
      })
    const was = this.record.placed.find((one) => one.relation.name === relation.name)
    // It was dropped with its topic, not with its schemas, which those of now need not be compatible with.
    if (ownsTopic(relation) && was?.version === version) await this.#removeSubjects(topic)
    // Left by a deployment that dies here, it stands among what was begun, and goes first.
    const config = topicConfigOf(relation, this.#naming)
    const { partitions, replication } = this.#parts
    if (config) await topics.create([{ name: topic, partitions, replication, config }])
    // A query takes a table as it finds it: full before anything can read it.
    if (relation.seed !== undefined) await this.#parts.fill(relation.model, topic)
    await this.#execute(statementOf(relation, this.#naming), relation, async () =>
      Boolean(await this.#parts.client.describe(name)),
    )
    const placed = await this.#described(relation, version)
    if (was !== undefined && was.version !== version) this.#next.set(relation.name, placed)
    else this.#place(placed)
  }

  async #change(action: Extract<KsqlAction, { do: 'replace' | 'alter' }>): Promise<void> {
    const { relation, version } = action
    const name = this.#parts.names.source(relation.name, version)
    const was = await this.#parts.client.describe(name)
    const sql =
      action.do === 'replace'
        ? statementOf(relation, this.#naming, 'CREATE OR REPLACE')
        : `ALTER ${relation.kind.toUpperCase()} ${quoted(name)} ${action.columns
            .map((one) => `ADD COLUMN ${quoted(one.name)} ${one.type}`)
            .join(', ')}`
    await this.#execute(sql, relation, async () => {
      const is = await this.#parts.client.describe(name)
      return is !== undefined && shape(is) !== (was && shape(was))
    })
    this.#place(await this.#described(relation, version))
  }

  async #resume(name: string, queryId: string): Promise<void> {
    const { client, names } = this.#parts
    const relation = this.#relation(name)
    await this.#execute(`RESUME ${queryId}`, relation, async () => {
      const is = await client.describe(names.source(name, this.#versionOf(name)))
      return (is?.writers[0]?.counts.PAUSED ?? 0) === 0
    })
  }

  /** In the order of reading: what is read has come to rest when its readers are looked at. */
  async #await(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const read = this.#relation(readsOf(this.#relation(name)) ?? '')
      const source = this.#parts.names.source(name, this.#versionOf(name))
      await awaitCaughtUp(source, this.#naming.topic(read), this.#parts)
    }
  }

  #promote(moves: Extract<KsqlAction, { do: 'promote' }>['moves']): void {
    const left: Begun[] = []
    for (const { name, from } of moves) {
      const next = this.#next.get(name)
      const was = this.record.placed.find((one) => one.relation.name === name)
      if (next === undefined) continue
      if (was) left.push(this.#begun(was.relation, from))
      this.#place(next)
    }
    this.#set({ begun: merged(this.record.begun, left) })
  }

  async #drop({ source, kind, topic }: Extract<KsqlAction, { do: 'drop' }>): Promise<void> {
    const { client } = this.#parts
    await this.#execute(`DROP ${kind} ${quoted(source)}`, undefined, async () => {
      return (await client.describe(source)) === undefined
    })
    if (topic !== undefined) await this.#removeTopic(topic)
    this.#forget(
      ({ relation, version }) => this.#parts.names.source(relation.name, version) === source,
    )
    this.#set({ begun: this.record.begun.filter((one) => one.source !== source) })
  }

  /** With what the registry has of it, or one of the same name could not have other columns. */
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
    this.#set({ begun: this.record.begun.filter((one) => one.topic !== topic) })
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
    const { client, settleMs = 20_000 } = this.#parts
    return execute(sql, { client, relation, isDone, settleMs })
  }

  async #described(relation: Relation, version: number): Promise<Placed> {
    const name = this.#parts.names.source(relation.name, version)
    const is = await this.#parts.client.describe(name)
    if (is === undefined)
      throw new CcsError('CCS_ENGINE_REFUSED', `${name} was made, and is gone again.`, {
        exit: EXIT.changes,
        hint: 'Who else works on this ksqlDB? Then deploy again.',
      })
    return { relation, version, statement: is.statement, fields: is.fields }
  }

  #relation(name: string): Relation {
    const found = this.#desired.find((one) => one.name === name)
    if (found) return found
    throw new Error(`the plan names ${name}, which is not wanted`)
  }

  #versionOf(name: string): number {
    return this.#plan.versions.get(name) ?? 1
  }

  #begun(relation: Relation, version: number): Begun {
    const { names } = this.#parts
    const source = names.source(relation.name, version)
    const { model } = relation
    return ownsTopic(relation)
      ? { source, model, topic: names.topic(relation.topic, version) }
      : { source, model }
  }

  /** In the place of what was placed of the relation; it is begun no more. */
  #place(placed: Placed): void {
    const { name } = placed.relation
    const source = this.#parts.names.source(name, placed.version)
    const isOther = (one: Placed) => one.relation.name !== name
    const at = this.record.placed.findIndex((one) => !isOther(one))
    const others = this.record.placed.filter(isOther)
    this.#set({
      placed: at < 0 ? [...others, placed] : others.toSpliced(at, 0, placed),
      begun: this.record.begun.filter((one) => one.source !== source),
    })
  }

  #forget(isGone: (placed: Placed) => boolean): void {
    this.#set({ placed: this.record.placed.filter((one) => !isGone(one)) })
  }

  #set(change: Partial<KsqlRecord>): KsqlRecord {
    this.record = { ...this.record, ...change }
    return this.record
  }
}

function shape({ statement, fields }: KsqlSource): string {
  return JSON.stringify([statement, fields])
}
