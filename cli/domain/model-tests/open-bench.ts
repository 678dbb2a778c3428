/** What the cases of `ccs test` run on: pipelines of their own, and all models as plain SQL. */
import { compileEncoder } from '../avro/encoder.ts'
import { parseRecordSchema } from '../avro/schema.ts'
import { requireNewest } from '../avro/schema-registry.ts'
import type { NamedText } from '../documents/json-document.ts'
import { compileRejectCodec } from '../gate/reject-codec.ts'
import type { Clock } from '../kernel/clock.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import type { EventLog } from '../log/event-log.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { RAW_TOPIC } from '../log/topics.ts'
import { keepUpstream } from '../models/graph.ts'
import type { Logic } from '../models/logic.ts'
import type { ModelTestCase, ModelTestFile, RawRow, TestRecord } from './model-test.ts'
import { parseModelTests } from './parse-model-tests.ts'
import type { RunQuery, TestBench } from './run-model-tests.ts'
import { type OpenedPipeline, SteppedPipeline } from './stepped-pipeline.ts'

/** The models as plain SQL over one batch of records; each `load` replaces all of them. */
export interface PlainSql {
  load(
    rows: readonly RawRow[],
    about: { readonly nowMs: number; readonly timezone: string },
  ): Promise<void>
  query: RunQuery
  columns(model: string): Promise<readonly string[]>
}

/** What a bench is made of. */
export interface BenchPorts {
  readonly clock: Clock
  readonly logic: Logic
  /** The shop's time zone, for cases that name none. */
  readonly timezone: string
  readonly plain: PlainSql
  /** Runs `use` with a new empty directory, and removes it at the end. */
  withDirectory<T>(use: (dir: string) => Promise<T>): Promise<T>
  openLog(dir: string): Promise<EventLog>
  /** Opens the pipeline of some models on a directory; it must sleep by this clock. */
  openPipeline(dir: string, how: PipelineSetting): Promise<OpenedPipeline>
}

/** How the pipeline of a case is opened. It commits only when it is told to. */
export interface PipelineSetting {
  readonly logic: Logic
  readonly timezone: string
  readonly clock: Clock
}

/** Creates the bench; no pipeline is opened yet. */
export function createBench(ports: BenchPorts): TestBench {
  const { logic, plain, clock } = ports
  const newest = requireNewest(logic.rawSchemas, RAW_TOPIC)
  const encodeEvent = compileEncoder<RawRow>(newest.schema, newest.id)
  let queue: Promise<unknown> = Promise.resolve() // one batch at a time
  const timezoneOf = (one: ModelTestCase) => one.timezone ?? ports.timezone
  return {
    clock,
    models: new Map(logic.graph.map(({ model }) => [model.name, model])),
    encode: (record) => {
      if ('bytes' in record) return record.bytes
      const one = new RecordBatch(1024)
      encodeEvent(one, record.event)
      return damage(Buffer.from(one.body.subarray(4)), record)
    },
    withPipeline: (one, use) =>
      ports.withDirectory(async (dir) => {
        const setting = { logic: pickModels(logic, one), timezone: timezoneOf(one) }
        const pipeline = await SteppedPipeline.open({
          log: await ports.openLog(dir),
          codec: compileRejectCodec(logic.dlqSchemas),
          topic: RAW_TOPIC,
          open: (stepped) => ports.openPipeline(dir, { ...setting, clock: stepped }),
        })
        return use(pipeline).finally(() => pipeline.close())
      }),
    withPlainSql: (one, use) => {
      const result = queue.then(async () => {
        await plain.load(one.accepted, { nowMs: one.nowMs, timezone: timezoneOf(one) })
        return use((sql) => plain.query(sql))
      })
      queue = result.catch(() => undefined)
      return result
    },
  }
}

/** Parses the test files; throws CCS_TEST_INVALID with the faults of all of them. */
export async function readModelTests(
  texts: readonly NamedText[],
  logic: Logic,
  plain: Pick<PlainSql, 'columns'>,
): Promise<readonly ModelTestFile[]> {
  const columns = new Map<string, readonly string[]>()
  for (const { model } of logic.graph) columns.set(model.name, await plain.columns(model.name))
  const watermark = logic.graph.find(({ model }) => model.dedupe)?.model.watermarkMs
  const context = {
    contract: parseRecordSchema(requireNewest(logic.rawSchemas, RAW_TOPIC).schema),
    watermarkDelayMs: watermark ?? 0,
    models: columns,
  }
  const files: ModelTestFile[] = []
  const faults: CcsError[] = []
  for (const { file, text } of texts)
    try {
      files.push(parseModelTests(file, text, context))
    } catch (error) {
      if (!(error instanceof CcsError)) throw error
      faults.push(error)
    }
  throwAll(faults)
  return files
}

const BRONZE = 'bronze.events'

/** The models that a case looks at, and all that they read: others can't change their rows. */
function pickModels(logic: Logic, { expect, model }: ModelTestCase): Logic {
  const wanted = new Set([model, ...expect.tables.map((table) => table.model), BRONZE])
  for (const one of logic.graph) if (one.model.dedupe) wanted.add(one.model.name)
  return { ...logic, graph: keepUpstream(logic.graph, wanted) }
}

function damage(bytes: Buffer, record: Exclude<TestRecord, { bytes: Uint8Array }>): Buffer {
  const { schemaId, cutBytes = 0 } = record
  if (schemaId !== undefined) bytes.writeInt32BE(schemaId, 1)
  return bytes.subarray(0, Math.max(0, bytes.length - cutBytes))
}
