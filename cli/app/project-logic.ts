/**
 * The composition root: the only place that knows which adapter stands behind a port. Everything is
 * imported when it is asked for, so a command pays for what it uses.
 */

import type { FaultPoint } from '../adapters/files/fault-point.ts'
import type { Files } from '../adapters/files/files.ts'
import type { LocalLake } from '../adapters/lake/local-lake.ts'
import type { RegisteredSchema } from '../domain/avro/schema-registry.ts'
import type { Desired } from '../domain/deploy/plan/plan.ts'
import type { RejectedEvent } from '../domain/events/contracts.ts'
import type { RejectCodec } from '../domain/gate/reject-writer.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { ManifestStore } from '../domain/lake/lake.ts'
import type { Manifest } from '../domain/lake/manifest.ts'
import type { EventLog } from '../domain/log/event-log.ts'
import type { Seed } from '../domain/models/seed.ts'
import type { MacroSet } from '../domain/sql/ast.ts'
import type { EmbeddedEngine } from '../engines/embedded/engine.ts'
import type { GoldLimits } from '../engines/embedded/options.ts'
import type { Project } from '../project.ts'

export const RAW_TOPIC = 'events.raw'

/** The project's models and schemas, parsed and checked; CcsErrors name all faults with their places. */
export interface Logic extends Desired {
  readonly macros: MacroSet
  /** What a DuckDB that runs the models has to be given: macros, and the seeds that models join as tables. */
  readonly macrosSql: string
  /** sql/macros.sql alone. */
  readonly macrosText: string
  readonly seeds: readonly Seed[]
  readonly schemas: Manifest['schemas']
  /** Versions of events.raw-value and events.dlq-value, oldest first. */
  readonly rawSchemas: readonly RegisteredSchema[]
  readonly dlqSchema: RegisteredSchema
}

export async function openLogic(project: Project): Promise<Logic> {
  const [{ buildLogic }, { openDuck }, { filesRegistry }, { deriveRawColumns }] = await Promise.all(
    [
      import('../domain/models/build-logic.ts'),
      import('../adapters/duckdb/duckdb.ts'),
      import('../adapters/registry/files.ts'),
      import('../domain/events/raw-columns.ts'),
    ],
  )
  const { refuseSchemaBreaks } = await import('./schema.ts')
  await refuseSchemaBreaks(project)
  const registry = await filesRegistry(`${project.dir}/schemas`)
  const rawSchemas = await registry.versions(`${RAW_TOPIC}-value`)
  const [raw] = rawSchemas.slice(-1)
  const dlqSchema = (await registry.versions('events.dlq-value')).at(-1)
  if (!dlqSchema) throw new CcsError('CCS_SCHEMA_INVALID', 'schemas/ has no events.dlq.avsc.')
  if (!raw) throw new CcsError('CCS_SCHEMA_INVALID', 'schemas/ has no events.raw.avsc.')
  const { models, macros, seeds, config } = project
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  try {
    const built = await buildLogic(
      { models, macros, seeds, timezone: config.timezone, ...deriveRawColumns(raw.schema) },
      {
        run: (sql) => connection.run(sql),
        queryTexts: (sql, values) => connection.texts(sql, values),
        yieldToEventLoop: () => new Promise((resolve) => setImmediate(resolve)),
      },
    )
    const schemas = await fingerprints(raw, dlqSchema)
    const { seedsSql } = await import('../domain/models/seed.ts')
    const macrosSql = macros.text + seedsSql(built.seeds)
    return { ...built, macrosSql, macrosText: macros.text, schemas, rawSchemas, dlqSchema }
  } finally {
    connection.close()
    duck.close()
  }
}

async function fingerprints(
  ...schemas: readonly (RegisteredSchema | undefined)[]
): Promise<Manifest['schemas']> {
  const { createHash } = await import('node:crypto')
  return schemas.flatMap((one) =>
    one
      ? [
          {
            subject: one.subject,
            fingerprint: createHash('sha256').update(one.schema).digest('hex'),
          },
        ]
      : [],
  )
}

/** Where a project's data lies and what is in it; opens nothing yet. */
export interface Store {
  readonly files: Files
  readonly root: string
  readonly log: EventLog
  readonly lake: LocalLake
  readonly manifests: ManifestStore
  /** Only under test: see io/fault-point.ts. */
  readonly fault?: FaultPoint
}

/** `disk` is this machine's unless a test brings one that fails. */
export async function openStore(root: string, disk?: Files): Promise<Store> {
  const [{ diskFiles }, { openLocalLog }, { LocalLake }, { manifestStore }, { dataLayout }] =
    await Promise.all([
      import('../adapters/files/files.ts'),
      import('../adapters/log/local.ts'),
      import('../adapters/lake/local-lake.ts'),
      import('../adapters/lake/manifest-store.ts'),
      import('../domain/lake/layout.ts'),
    ])
  const fault = await openFault()
  const real = disk ?? diskFiles()
  const files = fault?.files(real) ?? real
  return {
    ...(fault ? { fault } : {}),
    files,
    root,
    log: openLocalLog({ dir: dataLayout(root).log, files }),
    lake: new LocalLake({ files, root, nowMs: () => Date.now() }),
    manifests: manifestStore(files, root),
  }
}

/** Only under test; each has its own count. */
export async function openFault(): Promise<FaultPoint | undefined> {
  const { NODE_ENV, CCS_FAULT } = process.env
  if (NODE_ENV !== 'test' || !CCS_FAULT) return undefined
  return (await import('../adapters/files/fault-point.ts')).faultPoint(CCS_FAULT)
}

export async function openCodec(logic: Logic): Promise<RejectCodec> {
  const [{ compileEncoder }, { compileRecordDecoder }] = await Promise.all([
    import('../domain/avro/encoder.ts'),
    import('../domain/avro/record-decoder.ts'),
  ])
  return {
    encode: compileEncoder<RejectedEvent>(logic.dlqSchema.schema, logic.dlqSchema.id),
    decode: compileRecordDecoder<RejectedEvent>(logic.dlqSchema.schema, logic.dlqSchema.id),
  }
}

export interface EngineOptions {
  /** The manifest to begin with; its files are where `lakePath` says. */
  readonly manifest?: Manifest
  readonly lakePath: (file: Manifest['files'][number]) => string
  /** Where the engine keeps state; that of the store unless told. */
  readonly stateRoot?: string
  /** Those of a real shop unless told. */
  readonly goldLimits?: GoldLimits
}

export async function openEngine(
  project: Project,
  logic: Logic,
  store: Store,
  options: EngineOptions,
): Promise<EmbeddedEngine> {
  const [{ EmbeddedEngine }, { dataLayout }] = await Promise.all([
    import('../engines/embedded/engine.ts'),
    import('../domain/lake/layout.ts'),
  ])
  const { gate, engine } = project.config
  const stateRoot = options.stateRoot ?? dataLayout(store.root).state
  const { manifest } = options
  return EmbeddedEngine.open({
    graph: logic.graph,
    macros: logic.macros,
    macrosSql: logic.macrosSql,
    timezone: project.config.timezone,
    raw: {
      schemas: logic.rawSchemas,
      recordBytesMax: gate.recordBytesMax,
      futureToleranceMs: gate.futureToleranceMs,
    },
    memoryLimitBytes: engine.memoryLimitBytes,
    dataDirectory: store.root,
    files: store.files,
    stateRoot,
    goldLimits: options.goldLimits ?? GOLD_LIMITS,
    lakePath: options.lakePath,
    ...(manifest ? { manifest } : {}),
    ...(store.fault ? { onStep: store.fault.reach } : {}),
  })
}

const GOLD_LIMITS: GoldLimits = { mergeAllRowsMin: 50_000, closedRowsMin: 2_000 }

/** What the manifest keeps of the logic in force. */
export function deployedLogic(logic: Logic): Pick<Manifest, 'models' | 'schemas'> {
  return {
    models: logic.graph.map(({ model, fingerprint }) => ({
      name: model.name,
      fingerprint,
      text: model.text,
    })),
    schemas: logic.schemas,
  }
}

/** Throws CCS_PLAN_CHANGES when the project's logic is not what made the rows that the manifest names. */
export async function refuseChanges(logic: Logic, manifest: Manifest | undefined): Promise<void> {
  if (!manifest) return
  const { makePlan } = await import('../domain/deploy/plan/plan.ts')
  const { steps } = makePlan(logic, manifest, true)
  if (steps.length > 0) throw changedLogic(steps.map((step) => step.name))
}

function changedLogic(names: readonly string[]): CcsError {
  const list = names.slice(0, 5).join(', ') + (names.length > 5 ? ' …' : '')
  return new CcsError(
    'CCS_PLAN_CHANGES',
    `Not deployed yet: ${list}. Old and new logic never mix.`,
    {
      exit: EXIT.changes,
      hint: 'Look at what would happen: ccs plan. Then: ccs deploy',
    },
  )
}
