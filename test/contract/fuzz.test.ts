/**
 * A fuzz of the contract: for seeded lists of events drawn from its limits, the engine's rows of
 * Bronze, Silver and Gold are those of one plain DuckDB batch over the accepted events, and
 * events.dlq has all others. `npm run test:fuzz` runs 10,000 lists, `npm test` some of them;
 * CCS_FUZZ_SEED chooses others.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLogic } from '../../cli/app/project-logic.ts'
import { type OpenTests, openTests } from '../../cli/app/test.ts'
import { parseRecordSchema } from '../../cli/domain/avro/schema.ts'
import { requireNewest } from '../../cli/domain/avro/schema-registry.ts'
import { RAW_TOPIC } from '../../cli/domain/log/topics.ts'
import { parseModelTests } from '../../cli/domain/model-tests/parse-model-tests.ts'
import { renderDifferences } from '../../cli/domain/model-tests/render-differences.ts'
import { type CaseResult, runCase } from '../../cli/domain/model-tests/run-model-tests.ts'
import { findWatermarkDelay, type Logic } from '../../cli/domain/models/logic.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT } from '../e2e/run-ccs.ts'
import {
  drawGroups,
  FUZZ_FILE,
  FuzzRules,
  printModelTest,
  toModelTestCase,
} from '../fixtures/fuzz-case.ts'
import { type FuzzGroup, fuzzGroups, placeInTime } from '../fixtures/fuzz-lists.ts'

const SEED = Number(process.env.CCS_FUZZ_SEED ?? 1)
const LISTS = Number(process.env.CCS_FUZZ_LISTS ?? 60)
/** While one group waits for the disk, others compute. */
const AT_ONCE = 3

/** After this long, the smallest group found so far is shown. */
const SHRINK_MS = 600_000

let logic: Logic
let rules: FuzzRules
let tests: OpenTests
let models: readonly string[]
let groups: readonly FuzzGroup[]

beforeAll(async () => {
  const project = await loadProject(ROOT, { env: {} })
  logic = await openLogic(project)
  rules = new FuzzRules(logic, project.config.gate)
  // Rows move to the lake as soon as they are final, so that the lists reach that too.
  const goldLimits = { mergeSizeMin: 2, closedRowsMin: 1, sliceSize: 5 }
  tests = await openTests({ ...project, tests: [] }, logic, goldLimits)
  models = tests.models.map(({ name }) => name)
  groups = drawGroups(SEED, LISTS)
})
afterAll(() => tests.close())

function run(group: FuzzGroup): Promise<CaseResult> {
  return runCase(toModelTestCase(rules.judge(placeInTime(group)), models), tests.bench)
}

function printFindings({ findings }: CaseResult): string {
  const lines = findings.flatMap(({ run: side, model, difference }) => [
    `${side}, ${model}:`,
    ...renderDifferences([difference]).map((line) => `  ${line}`),
  ])
  return [...lines.slice(0, 60), `${findings.length} findings`].join('\n')
}

/** Undefined if all is well; else the smallest group that fails, as a test of `ccs test`. */
async function checkGroup(seed: number): Promise<string | undefined> {
  let failures = 0
  const property = fc.asyncProperty(fuzzGroups(), async (group) => {
    const result = await run(group)
    if (result.ok) return
    const findings = printFindings(result)
    // To find the smallest group may take minutes.
    if (failures++ === 0) console.log(`CCS_FUZZ_SEED=${seed} differs:\n${findings}`)
    throw new Error(findings)
  })
  const found = await fc.check(property, {
    ...{ seed, numRuns: 1 },
    interruptAfterTimeLimit: SHRINK_MS,
  })
  if (!found.failed) return undefined
  const [group] = found.counterexample ?? []
  const options = { name: `fuzz, seed ${seed}`, models }
  const smallest = group && printModelTest(rules.judge(placeInTime(group)), options)
  return (
    `CCS_FUZZ_SEED=${seed} CCS_FUZZ_LISTS=1, after ${found.numShrinks} steps to a smaller list:\n` +
    `${found.errorInstance}\nAs ${FUZZ_FILE} for ccs test:\n${smallest}`
  )
}

test('engine and plain SQL have the same rows for lists from the limits of the contract', {
  timeout: LISTS * 2_000 + 2 * SHRINK_MS,
}, async () => {
  const seeds = groups.map((_, at) => SEED + at)
  const failures: string[] = []
  const work = async () => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      const failure = await checkGroup(seed)
      if (failure !== undefined) failures.push(failure)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const lists = groups.reduce((sum, group) => sum + group.lists.length, 0)
  console.log(
    `CCS_FUZZ_SEED=${SEED}: ${lists} lists in ${groups.length} groups, ${failures.length} differ`,
  )
  expect(failures).toEqual([])
})

test('the case that is printed for a group is the group', () => {
  const contract = parseRecordSchema(requireNewest(logic.rawSchemas, RAW_TOPIC).schema)
  const context = {
    contract,
    watermarkDelayMs: findWatermarkDelay(logic),
    models: new Map(models.map((model) => [model, []])),
  }
  for (const group of fc.sample(fuzzGroups(3), { seed: SEED, numRuns: 5 })) {
    const judged = rules.judge(placeInTime(group))
    const text = printModelTest(judged, { name: 'printed', models })
    const [parsed] = parseModelTests(FUZZ_FILE, text, context).cases
    const expected = toModelTestCase(judged, models)
    expect(parsed?.accepted).toEqual(expected.accepted)
    expect(parsed?.timezone).toBe(expected.timezone)
    const bytesOf = (actions = expected.actions) =>
      actions.map((one) => (one.do === 'append' ? tests.bench.encode(one.record) : one.do))
    expect(bytesOf(parsed?.actions)).toEqual(bytesOf())
  }
})

test('groups have what the fuzz promises: rejects, repeats, late and far events', () => {
  const seen = { rejected: 0, accepted: 0, repeats: 0, late: 0, orders: 0, first: 0, beyond2038: 0 }
  for (const group of drawGroups(SEED, 300)) {
    const { arrivals } = rules.judge(placeInTime(group))
    seen.repeats += arrivals.length - new Set(arrivals.map(({ event }) => event.event_id)).size
    for (const { row, event } of arrivals) {
      if (row === undefined) seen.rejected++
      else seen.accepted++
      if (Number(row?.late_ms) > 0) seen.late++
      if (event.event_type === 'purchase' && row !== undefined) seen.orders++
      if (event.event_ts > 2 ** 31 * 1000) seen.beyond2038++
      if (event.event_ts < 1_000_000_000_000 + 86_400_000) seen.first++
    }
  }
  expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(0)
  expect(seen.rejected / seen.accepted, JSON.stringify(seen)).toBeLessThan(0.3)
})
