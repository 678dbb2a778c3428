/**
 * Composition of the models of a target on ksqlDB: the project compiled to streams and tables, held against the record
 * in the target's deployment and against what the server and the cluster have.
 */
import { modelsOf as deployedModels } from '../../domain/deploy/plan/desired.ts'
import type { Plan } from '../../domain/deploy/plan/plan.ts'
import type { ClusterPorts } from '../../domain/deploy/read.ts'
import type { ModelsReading, TargetModels } from '../../domain/deploy/target-models.ts'
import { CcsError, EXIT, throwAll } from '../../domain/kernel/errors.ts'
import type { Seed } from '../../domain/models/seed.ts'
import type { KsqlClient } from '../../engines/ksqldb/client/client.ts'
import type { KsqlPlan, Names } from '../../engines/ksqldb/plan/actions.ts'
import type { KsqlRecord } from '../../engines/ksqldb/plan/record.ts'
import type { Relation } from '../../engines/ksqldb/plan/relation.ts'
import type { Project } from '../../project.ts'
import type { Logic } from '../project-logic.ts'
import type { ModelsOptions } from './engine.ts'

type Ports = Pick<ClusterPorts, 'topics' | 'registry'>

interface Opened {
  readonly project: Project
  readonly ports: Ports
  readonly client: KsqlClient
  readonly names: Names
  readonly partitions: number
  readonly replication: number
  readonly retentionMs: number
  /** Each after what it reads. */
  readonly desired: readonly Relation[]
  /** Text by model, in order. */
  readonly texts: ReadonlyMap<string, string>
  readonly isRebuild: boolean
}

/** CCS_SQL_UNSUPPORTED, with every place, for models that ksqlDB can't run. The server is not asked yet. */
export async function openKsqldbModels(
  project: Project,
  logic: Logic,
  ports: Ports,
  options: ModelsOptions,
): Promise<TargetModels> {
  const { ksqldb, kafka, prefix, name } = project.target
  if (!ksqldb || !kafka)
    throw new CcsError('CCS_CONFIG_INVALID', `Target "${name}" has no ksqldb.url.`, {
      exit: EXIT.usage,
      hint: 'Give it one in ccs.yml: ksqldb: { url: "http://127.0.0.1:8088" }',
    })
  const [{ openKsql }, { namesOf }] = await Promise.all([
    import('../../engines/ksqldb/client/client.ts'),
    import('../../engines/ksqldb/plan/actions.ts'),
  ])
  const { isDestroying = false, isRebuild = false } = options
  const graph = isDestroying ? [] : logic.graph
  const desired = isDestroying ? [] : await relationsOf(project, logic)
  const joined = logic.seeds.filter((seed) => desired.some((one) => one.model === seed.name))
  const opened: Opened = {
    project,
    ports,
    client: openKsql(ksqldb),
    names: namesOf(prefix),
    partitions: kafka.partitions,
    replication: kafka.replication,
    retentionMs: kafka.retentionMs,
    desired,
    texts: new Map([
      ...joined.map((one) => [one.name, seedText(one)] as const),
      ...graph.map(({ model }) => [model.name, model.text] as const),
    ]),
    isRebuild,
  }
  /** Of the plan that was read last. */
  let last: { readonly plan: KsqlPlan; readonly record: KsqlRecord } | undefined
  return {
    read: async (deployment) => {
      const { readRecord } = await import('../../engines/ksqldb/plan/record.ts')
      const record = readRecord(deployment?.engine)
      const running = deployedModels(deployment?.resources ?? [])
      const plan = await planOf(opened, record)
      last = { plan, record }
      return readingOf(opened, last, running)
    },
    // The claim on the deployment is all: nothing of ccs runs beside the server.
    hold: async () => [],
    apply: async (_plan, work) => {
      if (last === undefined) return
      const [{ applyKsql }, { recordText }] = await Promise.all([
        import('../../engines/ksqldb/target-engine.ts'),
        import('../../engines/ksqldb/plan/record.ts'),
      ])
      await applyKsql(
        last.plan,
        { desired: opened.desired, before: last.record },
        { ...opened, ...ports, fill: (name, topic) => fillSeed(opened, logic.seeds, name, topic) },
        {
          check: () => work.check(),
          onReached: () => work.onReached(),
          keep: (record) => work.keep(recordText(record)),
        },
      )
    },
    // Asked for, it is in the plan.
    rebuild: async () => {},
    close: async () => {},
  }
}

async function relationsOf(project: Project, logic: Logic): Promise<readonly Relation[]> {
  const [{ openCompiler }, { unsupported }, { compileRelations }] = await Promise.all([
    import('../compile.ts'),
    import('../../domain/dialects/dialect.ts'),
    import('../../engines/ksqldb/compile/dialect.ts'),
  ])
  const relations: Relation[] = []
  const compile = await openCompiler(project, {
    logic,
    ksqldb: (input) => {
      const compiled = compileRelations(input)
      // A seed belongs to none of the models that join it.
      const known = new Set(relations.map((one) => one.name))
      relations.push(
        ...compiled.relations.filter((one) => one.seed === undefined || !known.has(one.name)),
      )
      return { ...compiled, statements: [] }
    },
  })
  throwAll(
    (await compile('ksqldb')).flatMap(({ model, compiled }) =>
      compiled.faults.map((fault) => {
        const hint = `${fault.hint} Or leave it out on this target: ksqldb: { without: [${model.name}] }`
        return unsupported(model, { ...fault, hint })
      }),
    ),
  )
  return relations
}

/** What a plan says of a seed: its rows are too many to be kept with a deployment. */
function seedText({ columns, key, rows }: Seed): string {
  const names = columns.map((one) => one.name).join(', ')
  return `-- ${rows.length} rows by ${key}: ${names}`
}

/**
 * The rows of a seed as records of its topic. They are of 1970: a join that begins reads what is older first, and an
 * event that came before its seed was deployed is to find it all the same.
 */
async function fillSeed(
  { project, ports }: Opened,
  seeds: readonly Seed[],
  name: string,
  topic: string,
): Promise<void> {
  const seed = seeds.find((one) => one.name === name)
  const { kafka: settings } = project.target
  if (!seed || !settings) throw new Error(`${name} is to be filled, and is not known`)
  const [{ openKafka }, { kafkaGold }, { compileGoldEncoder }, { renderSeedSchema, toSeedJson }] =
    await Promise.all([
      import('../../adapters/kafka/connection.ts'),
      import('../../adapters/kafka/gold.ts'),
      import('../../domain/pipeline/gold-encoder.ts'),
      import('../../domain/models/seed-value.ts'),
    ])
  const columns = seed.columns.filter((one) => one.name !== seed.key)
  const schema = renderSeedSchema(name.replace('.', '_'), columns)
  const { id } = await ports.registry.register(`${topic}-value`, schema)
  const encode = compileGoldEncoder(schema, id)
  const records = seed.rows.map((row) => ({
    key: Buffer.from(row[seed.key] ?? ''),
    value: encode(
      Object.fromEntries(
        columns.map((one) => [one.name, toSeedJson(row[one.name] ?? null, one.type)]),
      ),
    ),
  }))
  const kafka = await openKafka(settings, project.dir)
  try {
    const sink = kafkaGold(kafka, { prefix: '', timeMs: 0 })
    await sink.publish(topic, records)
    await sink.close()
  } finally {
    await kafka.close()
  }
}

async function planOf(opened: Opened, record: KsqlRecord): Promise<KsqlPlan> {
  const { client, ports, desired, names, isRebuild } = opened
  const [{ planKsql }] = await Promise.all([
    import('../../engines/ksqldb/plan/plan.ts'),
    awaitStarted(client),
  ])
  const [sources, topics] = await Promise.all([client.sources(), ports.topics.names()])
  return planKsql({
    desired,
    placed: record.placed,
    found: { sources, topics: new Set(topics) },
    names,
    begun: record.begun.map((one) => one.source),
    begunTopics: record.begun.flatMap((one) => one.topic ?? []),
    rebuild: isRebuild,
  })
}

/** One that starts is waited for, one that is not there is told at once. */
async function awaitStarted(client: KsqlClient): Promise<void> {
  const { isStarting } = await import('../../engines/ksqldb/client/connection.ts')
  try {
    await client.info()
  } catch (error) {
    if (!isStarting(error)) throw error
    await client.ready()
  }
}

async function readingOf(
  opened: Opened,
  { plan, record }: { readonly plan: KsqlPlan; readonly record: KsqlRecord },
  running: ModelsReading['running'],
): Promise<ModelsReading> {
  const [{ ksqlSteps }, { recordText, settledRecord }] = await Promise.all([
    import('../../engines/ksqldb/plan/steps.ts'),
    import('../../engines/ksqldb/plan/record.ts'),
  ])
  const { desired, names, texts } = opened
  const lost = await lostOf(opened)
  const steps = ksqlSteps({
    plan,
    desired,
    record,
    names,
    wanted: texts,
    deployed: new Map(running.map((one) => [one.name, one.text])),
    ...(lost === undefined ? {} : { lost }),
  })
  const kept = steps.filter((one) => one.action !== 'remove').length
  const own: Plan = { steps, serial: 0, unchanged: texts.size - kept }
  return { plan: own, running, engine: recordText(settledRecord(plan, record)) }
}

/** What comes from outside and is not whole any more: what is made anew of it lacks the rest. */
async function lostOf({ desired, names, ports }: Opened): Promise<string | undefined> {
  const { ownsTopic } = await import('../../engines/ksqldb/plan/relation.ts')
  for (const relation of desired) {
    if (ownsTopic(relation) || relation.over !== undefined) continue
    const name = names.topic(relation.topic, 1)
    const progress = await ports.topics.progress(name, `${name}.ccs`)
    if (progress.some((one) => one.start > 0)) return `rows older than what ${name} still holds`
  }
  return undefined
}
