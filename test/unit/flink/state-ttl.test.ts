/** How long each operator of a compiled plan keeps its state. */
import { expect, test } from 'vitest'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import { completePlanText } from '../../../cli/engines/flink/plan/compare.ts'
import { comparePlans } from '../../../cli/engines/flink/plan/compare-plans.ts'
import { printCompiledPlan } from '../../../cli/engines/flink/plan/compiled-plan.ts'
import {
  isTimed,
  markTime,
  readExpression,
} from '../../../cli/engines/flink/plan/expression-meaning.ts'
import { setStateTtl } from '../../../cli/engines/flink/plan/state-ttl.ts'
import { readRecordedPlan } from '../../fixtures/flink-plans.ts'
import { parseShop } from '../../fixtures/flink-shop.ts'

const HOUR_MS = 3_600_000
const plan = readRecordedPlan('nothing')
const { models } = parseShop()

test('each operator has a time to live or another bound', () => {
  const { states } = setStateTtl(plan, models)
  expect(
    states.map((one) =>
      [one.model, one.operator, `by ${one.keys.join(', ')}`, one.ttlMs / HOUR_MS].join(': '),
    ),
  ).toMatchInlineSnapshot(`
    [
      "bronze.events: table source scan: by : 0",
      "bronze.events: over aggregate: by partition: 0",
      "silver.events: over aggregate: by $16: 72",
      "silver.events: deduplicate: by event_id: 72",
      "gold.activity_1m: group aggregate: by Tumbling window, size PT1M, window_start: 24.184722222222224",
      "gold.pages_1h: group aggregate: by Tumbling window, size PT1H, window_start, page: 26.00138888888889",
      "gold.sessions: window table function: by anonymous_id: 0",
      "gold.sessions: window aggregate: by anonymous_id: 0",
      "gold.sessions: group aggregate: by anonymous_id, $f1, window_start, window_end: 50",
      "gold.visits_daily: group aggregate: by session_date, device: 75",
    ]
  `)
  expect(states.filter((one) => one.bound === undefined)).toEqual([])
  // Flink's own, for each visitor.
  expect(states.filter((one) => one.isEndless).map(({ operator }) => operator)).toEqual([
    'window table function',
  ])
})

test('the plan has the times in its nodes and stays the same but for them', () => {
  const { plan: kept } = setStateTtl(plan, models)
  const ttls = kept.nodes.flatMap(({ json }) =>
    Array.isArray(json.state) ? json.state.map((one) => one.ttl) : [],
  )
  expect(ttls).toContain(`${72 * HOUR_MS} ms`)
  expect(ttls).not.toContain('2 d')
  const overs = kept.nodes.filter((one) => one.type.includes('over-aggregate'))
  expect(overs.map(({ json }) => json.configuration)).toEqual([
    { 'table.exec.state.ttl': '0 ms' },
    { 'table.exec.state.ttl': `${72 * HOUR_MS} ms` },
  ])
  expect(comparePlans(plan, kept)).toMatchObject({
    kind: 'restorable',
    fromNow: [],
    reasons: [{ model: undefined, text: 'State is kept for another time.' }],
  })
})

test('a view that counts distinct values of no day grows without end', () => {
  // The aggregate of gold.visits_daily by device alone.
  const visits = plan.nodes.findLast((one) => one.type.includes('group-aggregate'))
  const nodes = plan.nodes.map((one) =>
    one === visits ? { ...one, json: { ...one.json, grouping: [1] } } : one,
  )
  const { states } = setStateTtl({ ...plan, nodes }, models)
  expect(states.filter((one) => one.bound === undefined)).toMatchObject([
    { model: 'gold.visits_daily', keys: ['device'], ttlMs: 0 },
  ])
  const endless = { ...plan, nodes }
  expect(completePlanText(printCompiledPlan(endless), models).endless).toEqual([
    'gold.visits_daily: its group aggregate by device grows without end, as no time bounds it',
  ])
  expect(completePlanText(printCompiledPlan(plan), models).endless).toEqual([])
  const counted = nodes.map(({ json, ...one }) => ({
    ...one,
    json: { ...json, ...(Array.isArray(json.aggCalls) && { aggCalls: json.aggCalls.slice(0, 1) }) },
  }))
  const small = setStateTtl({ ...plan, nodes: counted }, models).states.at(-1)
  expect(small).toMatchObject({ ttlMs: 0, bound: 'a row for each key, for ever' })
})

test('only periods of at most a day of the event time are forgotten by time', () => {
  const input = { meanings: [markTime('event_ts'), 'price'], names: ['event_ts', 'price'] }
  const call = (...operands: unknown[]) => {
    return isTimed(readExpression({ kind: 'CALL', internalName: '$+$1', operands }, input))
  }
  const [time, price] = [0, 1].map((inputIndex) => ({ kind: 'INPUT_REF', inputIndex }))
  const number = (value: number) => ({ kind: 'LITERAL', value, type: 'BIGINT' })
  expect(call(time, number(86_400_000))).toBe(true)
  expect(call(time, time)).toBe(true)
  expect(call(time, number(86_400_001))).toBe(false)
  expect(call(time, price)).toBe(false)
  expect(call(number(1))).toBe(false)
})

test('longer windows and lateness keep their state longer', () => {
  const others = models.map((one) =>
    one.name === 'gold.activity_1m'
      ? parseModel(one.file, one.text.replace('10 minutes', '6 hours'))
      : one,
  )
  const find = (some: typeof models) =>
    setStateTtl(plan, some).states.find((one) => one.model === 'gold.activity_1m')?.ttlMs ?? 0
  expect((find(others) - find(models)) / HOUR_MS).toBeCloseTo(6 - 10 / 60)
})
