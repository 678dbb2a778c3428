/**
 * Composition of `ccs test`: the project's tests, and the bench that they run on, with real
 * pipelines in temporary directories and one DuckDB with all models as plain SQL.
 */
import { systemClock } from '../adapters/process/system-clock.ts'
import { requireNewest } from '../domain/avro/schema-registry.ts'
import { type Closable, openAll } from '../domain/kernel/closers.ts'
import type { CcsError } from '../domain/kernel/errors.ts'
import { RAW_TOPIC } from '../domain/log/topics.ts'
import type { ModelTestFile } from '../domain/model-tests/model-test.ts'
import { type BenchPorts, createBench, readModelTests } from '../domain/model-tests/open-bench.ts'
import type { TestBench } from '../domain/model-tests/run-model-tests.ts'
import { keepUpstream } from '../domain/models/graph.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { Model } from '../domain/models/model.ts'
import type { GoldLimits } from '../engines/embedded/options.ts'
import type { Project } from '../project.ts'
import { openPipeline } from './pipeline.ts'
import { openStore } from './store.ts'

/** The tests of a project; closing removes everything from the disk. */
export interface OpenTests extends Closable {
  /** In the order of their files. */
  readonly files: readonly ModelTestFile[]
  readonly models: readonly Model[]
  readonly bench: TestBench
  /** Faults of the named models, and of those that they read, with events of the contract. */
  findLimitFaults(names: readonly string[]): Promise<readonly CcsError[]>
}

/** Throws CCS_TEST_INVALID with the faults of all test files. */
export async function openTests(
  project: Project,
  logic: Logic,
  goldLimits?: GoldLimits,
): Promise<OpenTests> {
  const [{ diskFiles, withoutSync }, { makeTempDir }, { PlainModels }, { findLimitFaults }] =
    await Promise.all([
      import('../adapters/files/files.ts'),
      import('../adapters/files/scratch-dir.ts'),
      import('../engines/embedded/query/plain-models.ts'),
      import('../engines/embedded/limits.ts'),
    ])
  const disk = withoutSync(diskFiles())
  const { config } = project
  return openAll(async (closers) => {
    const { schema } = requireNewest(logic.rawSchemas, RAW_TOPIC)
    const plain = await PlainModels.open({ ...logic, rawSchema: schema })
    closers.add(() => plain.close())
    const files = await readModelTests(project.tests, logic, plain)
    const root = await makeTempDir('ccs-test-') // last, as only closing removes it
    closers.add(() => disk.remove(root))
    let serial = 0
    const ports: BenchPorts = {
      ...{ clock: systemClock(), logic, timezone: config.timezone, plain },
      withDirectory: async (use) => {
        const dir = `${root}/${serial++}`
        await disk.mkdir(dir)
        return use(dir).finally(() => disk.remove(dir))
      },
      openLog: async (dir) => (await openStore(dir, disk)).log,
      openPipeline: async (dir, { logic: some, timezone, clock }) => {
        const store = await openStore(dir, disk)
        const opening = { owner: 'ccs test', onNotice: () => {}, store, clock }
        const never = { checkpointEveryMs: Infinity, checkpointRows: Infinity }
        const engine = { ...config.engine, ...never }
        const ofCase = { ...project, config: { ...config, engine, timezone, pii: NO_CLASSES } }
        return openPipeline(ofCase, some, { ...opening, ...(goldLimits ? { goldLimits } : {}) })
      },
    }
    return {
      ...{ files, models: logic.graph.map(({ model }) => model), bench: createBench(ports) },
      findLimitFaults: (names) =>
        findLimitFaults(logic, keepUpstream(logic.graph, names), config.timezone),
    }
  })
}

/** Events of tests have ids as they are, and so have the rows that are expected. */
const NO_CLASSES = { keysFile: null, isOff: true } as const
