/**
 * Composition of `ccs test`: the project's tests, read against its models, and the bench they run on: real
 * pipelines in temporary directories, and one DuckDB with all models as plain SQL.
 */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Files } from '../adapters/files/files.ts'
import { systemClock } from '../adapters/process/system-clock.ts'
import { compileRejectCodec } from '../domain/gate/reject-codec.ts'
import { CcsError, throwAll } from '../domain/kernel/errors.ts'
import { RAW_TOPIC } from '../domain/log/topics.ts'
import type {
  ModelTestCase,
  ModelTestFile,
  RawRow,
  TestRecord,
} from '../domain/model-tests/model-test.ts'
import type { TestBench } from '../domain/model-tests/run-model-tests.ts'
import type { SteppedPipeline } from '../domain/model-tests/stepped-pipeline.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { Model } from '../domain/models/model.ts'
import type { PlainModels } from '../engines/embedded/query/plain-models.ts'
import type { Project } from '../project.ts'
import { openStore } from './store.ts'

export interface OpenTests {
  /** In the order of their files. */
  readonly files: readonly ModelTestFile[]
  readonly models: readonly Model[]
  readonly bench: TestBench
  /** Removes everything from the disk. */
  close(): Promise<void>
}

/** Throws CCS_TEST_INVALID with the faults of all test files. */
export async function openTests(project: Project, logic: Logic): Promise<OpenTests> {
  const [{ diskFiles }, { mkdtemp }, { compileEncoder }] = await Promise.all([
    import('../adapters/files/files.ts'),
    import('node:fs/promises'),
    import('../domain/avro/encoder.ts'),
  ])
  const models = logic.graph.map(({ model }) => model)
  const plain = await openPlain(logic)
  try {
    const tests = await readTests(project, logic, plain)
    const files = unsynced(diskFiles())
    const newest = rawSchema(logic)
    const encodeEvent = compileEncoder<RawRow>(newest.schema, newest.id)
    const { RecordBatch } = await import('../domain/log/record-batch.ts')
    const root = await mkdtemp(join(tmpdir(), 'ccs-test-')) // last, as only close() removes it
    let serial = 0
    let queue: Promise<unknown> = Promise.resolve() // one batch at a time
    const bench: TestBench = {
      clock: systemClock(),
      models: new Map(models.map((model) => [model.name, model])),
      encode: (record) => {
        if ('bytes' in record) return record.bytes
        const one = new RecordBatch(1024)
        encodeEvent(one, record.event)
        return damaged(Buffer.from(one.body.subarray(4)), record)
      },
      withPipeline: async (one, use) => {
        const dir = join(root, String(serial++))
        try {
          return await withPipeline(inZone(project, one), partOf(logic, one), { files, dir }, use)
        } finally {
          await files.remove(dir)
        }
      },
      withPlainSql: (one, use) => {
        const result = queue.then(async () => {
          const { timezone } = inZone(project, one).config
          await plain.load(one.accepted, { nowMs: one.nowMs, timezone })
          return use((sql) => plain.query(sql))
        })
        queue = result.catch(() => undefined)
        return result
      },
    }
    const close = async () => {
      await files.remove(root)
      plain.close()
    }
    return { files: tests, models, bench, close }
  } catch (error) {
    plain.close()
    throw error
  }
}

/** The project as the shop of a case: tests of a model hold wherever the shop is. */
function inZone(project: Project, { timezone }: ModelTestCase): Project {
  return timezone === undefined ? project : { ...project, config: { ...project.config, timezone } }
}

/** The models that a case looks at, and all that they read: others can't change their rows. */
function partOf(logic: Logic, { expect, model }: ModelTestCase): Logic {
  const wanted = new Set([model, ...expect.tables.map((table) => table.model), BRONZE])
  for (const one of logic.graph) if (one.model.dedupe) wanted.add(one.model.name)
  for (const one of logic.graph.toReversed())
    if (wanted.has(one.model.name)) for (const read of one.reads) wanted.add(read)
  return { ...logic, graph: logic.graph.filter((one) => wanted.has(one.model.name)) }
}

const BRONZE = 'bronze.events'

async function openPlain(logic: Logic): Promise<PlainModels> {
  const { PlainModels } = await import('../engines/embedded/query/plain-models.ts')
  const { graph, macrosSql } = logic
  return PlainModels.open({ graph, macrosSql, rawSchema: rawSchema(logic).schema })
}

function rawSchema(logic: Logic) {
  const newest = logic.rawSchemas.at(-1)
  if (!newest) throw new CcsError('CCS_SCHEMA_INVALID', 'schemas/ has no events.raw.avsc.')
  return newest
}

async function readTests(
  project: Project,
  logic: Logic,
  plain: PlainModels,
): Promise<readonly ModelTestFile[]> {
  const [{ parseModelTests }, { parseRecordSchema }] = await Promise.all([
    import('../domain/model-tests/parse-model-tests.ts'),
    import('../domain/avro/schema.ts'),
  ])
  const columns = new Map<string, readonly string[]>()
  for (const { model } of logic.graph) columns.set(model.name, await plain.columns(model.name))
  const watermark = logic.graph.find(({ model }) => model.dedupe)?.model.watermarkMs
  const context = {
    contract: parseRecordSchema(rawSchema(logic).schema),
    watermarkDelayMs: watermark ?? 0,
    models: columns,
  }
  const files: ModelTestFile[] = []
  const faults: CcsError[] = []
  for (const { file, text } of project.tests) {
    try {
      files.push(parseModelTests(file, text, context))
    } catch (error) {
      if (!(error instanceof CcsError)) throw error
      faults.push(error)
    }
  }
  throwAll(faults)
  return files
}

function damaged(bytes: Buffer, record: Exclude<TestRecord, { bytes: Uint8Array }>): Buffer {
  const { schemaId, cutBytes = 0 } = record
  if (schemaId !== undefined) bytes.writeInt32BE(schemaId, 1)
  return bytes.subarray(0, Math.max(0, bytes.length - cutBytes))
}

/** A test's directory has to outlive the engine, not the machine: nothing waits for the disk. */
function unsynced(files: Files): Files {
  const nothing = async () => {}
  return {
    ...files,
    open: async (path, mode) =>
      Object.assign(await files.open(path, mode), { sync: nothing, datasync: nothing }),
    fsyncDir: nothing,
  }
}

async function withPipeline<T>(
  project: Project,
  logic: Logic,
  { files, dir }: { readonly files: Files; readonly dir: string },
  use: (pipeline: SteppedPipeline) => Promise<T>,
): Promise<T> {
  const [{ SteppedPipeline }, { openPipeline }] = await Promise.all([
    import('../domain/model-tests/stepped-pipeline.ts'),
    import('./pipeline.ts'),
  ])
  await files.mkdir(dir)
  const { log } = await openStore(dir, files)
  const pipeline = await SteppedPipeline.open({
    log,
    codec: compileRejectCodec(logic.dlqSchema),
    topic: RAW_TOPIC,
    open: async (clock) => {
      const store = await openStore(dir, files)
      const opening = { owner: 'ccs test', onNotice: () => {}, store, clock }
      return openPipeline(committingWhenTold(project), logic, opening)
    },
  })
  try {
    return await use(pipeline)
  } finally {
    await pipeline.close()
  }
}

function committingWhenTold(project: Project): Project {
  const never = Number.POSITIVE_INFINITY
  const engine = { ...project.config.engine, checkpointEveryMs: never, checkpointRows: never }
  return { ...project, config: { ...project.config, engine } }
}
