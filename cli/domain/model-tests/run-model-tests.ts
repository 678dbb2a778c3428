/**
 * `ccs test`: runs each case through the real pipeline, and its valid records through the models as
 * plain SQL. Both must give the expected rows, and the same rows in all columns.
 */

import type { RejectedEvent } from '../events/contracts.ts'
import type { Clock } from '../kernel/clock.ts'
import { appendAll } from '../kernel/lists.ts'
import type { Model } from '../models/model.ts'
import type { QueryResult } from '../sql/query-result.ts'
import { compareRows, type Difference } from './compare-rows.ts'
import { nameFailingModel } from './failing-model.ts'
import {
  type AppendAction,
  type ModelTestCase,
  type TableExpectation,
  type TestRecord,
  WATERMARK_VISITOR,
} from './model-test.ts'
import type { SteppedPipeline } from './stepped-pipeline.ts'

/** Runs one SELECT. */
export type RunQuery = (sql: string) => Promise<QueryResult>

/** What cases run on. */
export interface TestBench {
  /** Measures how long each case takes. */
  readonly clock: Pick<Clock, 'elapsedMs'>
  readonly models: ReadonlyMap<string, Model>
  readonly encode: (record: TestRecord) => Uint8Array
  /** Opens a pipeline with a data directory of its own; closed when `use` resolves. */
  withPipeline<T>(one: ModelTestCase, use: (pipeline: SteppedPipeline) => Promise<T>): Promise<T>
  /** Offers the models as plain SQL over the case's valid records, until `use` resolves. */
  withPlainSql<T>(one: ModelTestCase, use: (query: RunQuery) => Promise<T>): Promise<T>
}

/** Which of the two runs a finding is about. */
export type TestRun = 'engine' | 'plain SQL' | 'both' | 'engine against plain SQL'

/** One difference that makes a case fail. */
export interface Finding {
  readonly run: TestRun
  readonly model: string
  readonly difference: Difference
}

/** The result of a case, as `ccs test --json` prints it. */
export interface CaseResult {
  readonly model: string
  readonly case: string
  readonly file: string
  readonly line: number
  readonly ok: boolean
  readonly tookMs: number
  readonly findings: readonly Finding[]
}

/**
 * Runs several cases at a time; `onResult` gets their results in order, each as soon as it and all
 * before it are done. Aborting skips the cases that have not begun.
 */
export async function runModelTests(
  cases: readonly ModelTestCase[],
  bench: TestBench,
  options: {
    readonly atOnce: number
    readonly signal: AbortSignal
    onResult(one: CaseResult): void
  },
): Promise<readonly CaseResult[]> {
  const results: (CaseResult | undefined)[] = []
  const failures: unknown[] = []
  let next = 0
  let reported = 0
  const work = async () => {
    while (next < cases.length && !options.signal.aborted && failures.length === 0) {
      const index = next++
      const one = cases[index]
      if (!one) return
      try {
        results[index] = await runCase(one, bench)
      } catch (error) {
        failures.push(nameFailingModel(error, one, bench.models))
      }
      for (let done = results[reported]; done; done = results[++reported]) options.onResult(done)
    }
  }
  await Promise.all(Array.from({ length: options.atOnce }, work))
  if (failures.length > 0) throw failures[0]
  return results.filter((one) => one !== undefined)
}

interface Observed {
  readonly tables: readonly QueryResult[]
  readonly duplicates: number
  readonly late: number
}

/** Runs one case; it passes if there are no findings. */
export async function runCase(one: ModelTestCase, bench: TestBench): Promise<CaseResult> {
  const startMs = bench.clock.elapsedMs()
  const findings: Finding[] = []
  const engine = await bench.withPipeline(one, async (pipeline) => {
    await runSteps(one, bench, pipeline)
    const rejected = await pipeline.readRejects()
    for (const difference of compareRejects(one, rejected))
      findings.push({ run: 'engine', model: one.model, difference })
    return observe(one, bench, (sql) => pipeline.query(sql, one.nowMs))
  })
  const batch = await bench.withPlainSql(one, (query) => observe(one, bench, query))
  for (const [index, expectation] of one.expect.tables.entries())
    appendAll(
      findings,
      compareTable(one, bench, expectation, [engine.tables[index], batch.tables[index]]),
    )
  for (const what of ['duplicates', 'late'] as const)
    appendAll(findings, compareCount(one, what, engine[what], batch[what]))
  const { model, name, file, line } = one
  const tookMs = Math.round(bench.clock.elapsedMs() - startMs)
  return { model, case: name, file, line, ok: findings.length === 0, tookMs, findings }
}

/**
 * Runs the steps. Queries the model before a late event, so that the event
 * corrects rows already shown.
 */
async function runSteps(
  one: ModelTestCase,
  bench: TestBench,
  pipeline: SteppedPipeline,
): Promise<void> {
  for (const action of one.actions) {
    switch (action.do) {
      case 'append':
        if (action.verb === 'late') {
          await pipeline.ingestAll()
          await pipeline.query(`SELECT 1 FROM ${one.model} LIMIT 0`, one.nowMs)
        }
        await pipeline.append(bench.encode(action.record), action.appendMs)
        break
      case 'commit':
        await pipeline.commit()
        break
      case 'restart':
        await pipeline.restart()
        break
      case 'crash':
        await pipeline.crash()
        break
      default:
        action satisfies never
    }
  }
  await pipeline.ingestAll()
}

async function observe(one: ModelTestCase, bench: TestBench, query: RunQuery): Promise<Observed> {
  const tables: QueryResult[] = []
  for (const { model } of one.expect.tables)
    tables.push(await query(await tableSql(one, model, query)))
  const { duplicates, late } = one.expect
  if (duplicates === undefined && late === undefined) return { tables, duplicates: 0, late: 0 }
  const events = [...bench.models.values()].find(({ dedupe }) => dedupe)?.name ?? 'silver.events'
  const { rows } = await query(
    `SELECT count(*) - (SELECT count(*) FROM ${events}) AS duplicates,
       count(*) FILTER (WHERE late_ms > 0) AS late FROM bronze.events`,
  )
  return { tables, duplicates: Number(rows[0]?.duplicates), late: Number(rows[0]?.late) }
}

/** Selects all rows of a model except those of the watermark's visitor. */
async function tableSql(one: ModelTestCase, model: string, query: RunQuery): Promise<string> {
  const all = `SELECT * FROM ${model}`
  const hasClock = one.actions.some((step) => step.do === 'append' && step.verb === 'advance')
  if (!hasClock) return all
  const { columns } = await query(`${all} LIMIT 0`)
  return columns.some(({ name }) => name === 'anonymous_id')
    ? `${all} WHERE anonymous_id <> '${WATERMARK_VISITOR}'`
    : all
}

function compareTable(
  one: ModelTestCase,
  bench: TestBench,
  expectation: TableExpectation,
  [engine, batch]: readonly (QueryResult | undefined)[],
): readonly Finding[] {
  if (!engine || !batch) return []
  const { model } = expectation
  const key = bench.models.get(model)?.key ?? []
  const check = (result: QueryResult) => compareExpectation(one, expectation, result, key)
  const inEngine = check(engine)
  const inBatch = check(batch)
  const findings = mergeRuns(model, inEngine, inBatch)
  if (findings.length > 0 || haveEqualRows(engine, batch)) return findings
  const { date, labels } = one
  const both = {
    expected: batch.rows,
    actual: engine.rows,
    columns: batch.columns,
    key,
    date,
    labels,
  }
  return compareRows({ ...both, isExact: true }).map((difference) => ({
    run: 'engine against plain SQL',
    model,
    difference,
  }))
}

/** Matching thousands of rows one by one takes long; nearly always they are just equal. */
function haveEqualRows(engine: QueryResult, batch: QueryResult): boolean {
  const print = ({ rows }: QueryResult) => rows.map((row) => JSON.stringify(row)).sort()
  const [one, other] = [print(engine), print(batch)]
  return one.length === other.length && one.every((row, index) => row === other[index])
}

function compareExpectation(
  { date, labels }: ModelTestCase,
  { rows, contains, count }: TableExpectation,
  result: QueryResult,
  key: readonly string[],
): readonly Difference[] {
  const shared = { actual: result.rows, columns: result.columns, key, date, labels }
  const found = result.rows.length
  return [
    ...(rows ? compareRows({ ...shared, expected: rows, isExact: true }) : []),
    ...compareRows({ ...shared, expected: contains, isExact: false }),
    ...(count === undefined || count === found
      ? []
      : [mismatch(`expected ${count} rows, got ${found}`)]),
  ]
}

/** Reports equal differences of both runs once. */
function mergeRuns(
  model: string,
  engine: readonly Difference[],
  batch: readonly Difference[],
): readonly Finding[] {
  const isSame = JSON.stringify(engine) === JSON.stringify(batch)
  const as = (run: TestRun, differences: readonly Difference[]) =>
    differences.map((difference) => ({ run, model, difference }))
  return isSame ? as('both', engine) : [...as('engine', engine), ...as('plain SQL', batch)]
}

function compareCount(
  one: ModelTestCase,
  what: 'duplicates' | 'late',
  engine: number,
  batch: number,
): readonly Finding[] {
  const expected = one.expect[what]
  if (expected === undefined) return []
  const check = (got: number) =>
    got === expected ? [] : [mismatch(`expected ${expected} ${what}, got ${got}`)]
  return mergeRuns(one.model, check(engine), check(batch))
}

/** events.dlq must hold exactly the `invalid` records, with the expected reasons. */
function compareRejects(
  one: ModelTestCase,
  rejected: readonly RejectedEvent[],
): readonly Difference[] {
  const steps = one.actions.filter((step): step is AppendAction => step.do === 'append')
  const differences: Difference[] = []
  for (const [offset, { verb, line }] of steps.entries()) {
    const reject = rejected.find((record) => record.offset === offset)
    const times = rejected.filter((record) => record.offset === offset).length
    if (verb === 'invalid' && !reject)
      differences.push(
        mismatch(`the record of line ${line} should have been rejected but was accepted`),
      )
    else if (verb !== 'invalid' && reject) {
      const why = `${reject.reason}: ${reject.message}`
      differences.push(mismatch(`the ${verb} of line ${line} was rejected, ${why}`))
    } else if (times > 1)
      differences.push(mismatch(`the record of line ${line} is in events.dlq ${times} times`))
  }
  const reasons = [...rejected].sort((a, b) => a.offset - b.offset).map(({ reason }) => reason)
  const { dlq } = one.expect
  if (dlq && dlq.join(', ') !== reasons.join(', '))
    differences.push(mismatch(`expected events.dlq to hold ${listed(dlq)}, got ${listed(reasons)}`))
  return differences
}

function listed(reasons: readonly string[]): string {
  return reasons.join(', ') || 'nothing'
}

function mismatch(message: string): Difference {
  return { kind: 'wrong', message }
}
