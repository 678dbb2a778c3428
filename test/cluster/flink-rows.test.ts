/**
 * The same models over the same events give the same rows on the embedded engine, in a plain
 * DuckDB batch and on a real Flink, in every column. The events are those of the fuzz: from the
 * limits of the contract, late, doubled, out of order and invalid. `npm run test:differential` runs
 * more of them; CCS_DIFFERENTIAL_SEED and CCS_DIFFERENTIAL_GROUPS choose others. Of a group that
 * differs, the smallest list of events that still does is printed as a test of `ccs test`.
 */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openLogic } from '../../cli/app/project-logic.ts'
import { type OpenTests, openTests } from '../../cli/app/test.ts'
import { listFunctions } from '../../cli/domain/dialects/portability.ts'
import { runCase } from '../../cli/domain/model-tests/run-model-tests.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT } from '../e2e/run-ccs.ts'
import { findSmallest } from '../fixtures/find-smallest.ts'
import { explainMissingFlink, flinkTest } from '../fixtures/flink.ts'
import { compareOnFlink } from '../fixtures/flink-compare.ts'
import { drawGroups, FuzzRules, printModelTest, toModelTestCase } from '../fixtures/fuzz-case.ts'
import { type FuzzGroup, placeInTime } from '../fixtures/fuzz-lists.ts'
import { drawLongVisits } from '../fixtures/long-visits.ts'
import { PORTABLE_MODELS } from '../fixtures/portable-models.ts'
import { modelFiles, projectFile } from '../unit/model-files.ts'

const SEED = Number(process.env.CCS_DIFFERENTIAL_SEED ?? 5)
const GROUPS = Number(process.env.CCS_DIFFERENTIAL_GROUPS ?? 1)
/** Lists of a group: a job takes most of its time to start. */
const LISTS_MAX = Number(process.env.CCS_DIFFERENTIAL_LISTS ?? 30)
/** Of one group that is drawn. */
const DRAWN_MAX = 200
/** Jobs to find the smallest list that differs. */
const TRIES = 20
const PARTITIONS = 3

let rules: FuzzRules
let tests: OpenTests | undefined
let models: readonly string[]

beforeAll(async () => {
  if (explainMissingFlink() !== undefined) return
  const project = await loadProject(ROOT, { env: {} })
  const logic = await openLogic(project)
  rules = new FuzzRules(logic, project.config.gate)
  tests = await openTests({ ...project, tests: [] }, logic)
  models = logic.graph.map(({ model }) => model.name)
})
afterAll(() => tests?.close())

type Servers = Parameters<typeof compareOnFlink>[0]

/** Each list in one partition: where two have the same event or order, no order is defined. */
async function compare(servers: Servers, { lists, ...group }: FuzzGroup) {
  const own = lists.map((one, index) => ({ ...one, partition: index % PARTITIONS }))
  const partitions = own.flatMap(({ moves, partition }) =>
    moves.filter((move) => typeof move !== 'string').map(() => partition),
  )
  const run = placeInTime({ ...group, lists, isCalm: true })
  const steps = run.steps.map((step, index) => {
    if (step.do !== 'arrive' || !step.event.order_id?.startsWith('shared ')) return step
    const order_id = `${step.event.order_id} ${partitions[index]}`
    return { ...step, event: { ...step.event, order_id } }
  })
  const { arrivals } = rules.judge({ ...run, steps })
  const events = arrivals.flatMap(({ event, appendMs, row }, index) =>
    row === undefined ? [] : [{ partition: partitions[index] ?? 0, appendMs, event }],
  )
  return { ...(await compareOnFlink(servers, events, run.timezone)), events: events.length }
}

async function explain(servers: Servers, group: FuzzGroup, found: readonly string[]) {
  let round = 0
  const fails = async (lists: FuzzGroup['lists']) => {
    const [gateway, cluster, prefix] = servers
    const again = [gateway, cluster, `${prefix}${++round}.`] as const
    return (await compare(again, { ...group, lists })).differ.length > 0
  }
  const few = await findSmallest(group.lists, fails, TRIES)
  const own = few.flatMap(({ moves }, list) => moves.map((move) => ({ list, move })))
  const toLists = (some: typeof own) =>
    few.map((one, list) => {
      return { ...one, moves: some.filter((two) => two.list === list).map(({ move }) => move) }
    })
  const smallest = await findSmallest(own, (some) => fails(toLists([...some])), TRIES)
  const lists = toLists([...smallest])
  const judged = rules.judge(placeInTime({ ...group, lists, isCalm: true }))
  return [...found, printModelTest(judged, { name: 'Flink differs', models })].join('\n')
}

describe.each(drawGroups(SEED, GROUPS * DRAWN_MAX).slice(0, GROUPS))(
  'seed of the differential',
  (drawn) => {
    const group = { ...drawn, lists: drawn.lists.slice(0, LISTS_MAX), isCalm: true }
    flinkTest(
      `${group.lists.length} lists in ${group.timezone} give the same rows on three engines`,
      async (...servers) => {
        const judged = rules.judge(placeInTime(group))
        if (!tests) throw new Error('not opened')
        const embedded = await runCase(toModelTestCase(judged, models), tests.bench)
        expect(embedded.findings).toEqual([])
        const { differ, events, rows } = await compare(servers, group)
        console.log(`CCS_DIFFERENTIAL_SEED=${SEED}: ${events} events, ${differ.length} differ`)
        if (differ.length > 0) expect.fail(await explain(servers, group, differ))
        // A comparison of nothing would always agree.
        expect(rows.get('bronze.events')).toBe(events)
        for (const model of ['silver.events', 'gold.sessions', 'gold.portable'])
          expect(rows.get(model), model).toBeGreaterThan(0)
      },
      600_000,
    )
  },
)

flinkTest(
  'visits around the pause, and longer than the cap, are cut as in plain SQL',
  async (...servers) => {
    const events = drawLongVisits(SEED, Date.parse('2026-03-27T00:00:00Z'))
    const { differ, rows } = await compareOnFlink(servers, events, 'Europe/Berlin')
    expect(differ).toEqual([])
    expect(rows.get('gold.sessions')).toBeGreaterThan(100)
  },
  600_000,
)

test('each function that the portability table has for Flink is in a model that is run', () => {
  const texts = [...modelFiles(), ...PORTABLE_MODELS, projectFile('sql/macros.sql')]
  const all = texts.map(({ text }) => text).join('\n')
  const names = listFunctions().filter((one) => one.flink.ok)
  const unused = names
    .map((one) => one.function)
    .filter((name) => !all.includes(name === 'count(*)' ? name : `${name}(`))
  expect(unused).toEqual([])
})

flinkTest(
  'functions that the portability table has not for Flink are none of Flink',
  async (gateway) => {
    const calls: Readonly<Record<string, string>> = {
      right_now: 'right_now()',
      time_bucket: "time_bucket(INTERVAL '1' HOUR, LOCALTIMESTAMP)",
    }
    const refused = listFunctions().filter((one) => !one.flink.ok)
    expect(refused.map((one) => one.function)).toEqual(Object.keys(calls))
    const session = await gateway.openSession()
    onTestFinished(() => session.close())
    for (const call of Object.values(calls))
      await expect(session.execute(`SELECT ${call}`), call).rejects.toThrow(
        'No match found for function signature',
      )
  },
)
