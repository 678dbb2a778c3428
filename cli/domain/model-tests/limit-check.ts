/**
 * Checks the models against the limits of the contract: each must carry every event that the gate
 * accepts, and a sum in Gold must hold SUMMED_EVENTS events of the greatest value. Otherwise one
 * event that keeps the contract would stop the engine at its next commit, and at every restart.
 */
import type { RecordNode } from '../avro/schema.ts'
import { CcsError } from '../kernel/errors.ts'
import { type GraphModel, toSelectSource } from '../models/graph.ts'
import { locate } from '../sql/ast.ts'
import type { QueryResult } from '../sql/query-result.ts'
import { type LimitEvent, listLimitEvents } from './limit-events.ts'

/** How many events of the greatest value one row of Gold must be able to sum. */
export const SUMMED_EVENTS = 100_000

/** The models as plain SQL over the rows loaded last. */
export interface LimitBench {
  load(
    rows: readonly Readonly<Record<string, unknown>>[],
    options: { readonly nowMs: number; readonly timezone: string },
  ): Promise<void>
  query(sql: string): Promise<QueryResult>
}

/** What is checked: the contract of events.raw, and the models in topological order. */
export interface LimitCheck {
  readonly record: RecordNode
  readonly graph: readonly GraphModel[]
  readonly timezone: string
}

const FIRST_MS = Date.UTC(2026, 0, 1)

/** Returns CCS_MODEL_INVALID for each model that can't carry an event at a limit. */
export async function checkLimits(
  { record, graph, timezone }: LimitCheck,
  bench: LimitBench,
): Promise<readonly CcsError[]> {
  const events = listLimitEvents(record, FIRST_MS)
  const load = (some: readonly LimitEvent[]) =>
    bench.load(
      some.map(({ row }) => row),
      { nowMs: FIRST_MS, timezone },
    )
  const faults: CcsError[] = []
  const broken = new Set<string>()
  await load(events)
  for (const { model, reads } of graph) {
    if (reads.some((name) => broken.has(name))) {
      broken.add(model.name)
      continue
    }
    const sql = `SELECT sum(hash(_row)) AS hashes FROM ${model.name} AS _row`
    const fault = await failureOf(() => bench.query(sql))
    if (fault === undefined) {
      if (model.layer === 'gold') faults.push(...(await checkSums(model, bench)))
      continue
    }
    broken.add(model.name)
    const culprit = await findCulprit(events, async (some) => {
      await load(some)
      return (await failureOf(() => bench.query(sql))) !== undefined
    })
    faults.push(cannotCarry(model, culprit, fault))
    await load(events)
  }
  return faults
}

async function failureOf(run: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await run()
    return undefined
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  }
}

/** The first event with which the model fails, by halves; undefined: only several together. */
async function findCulprit(
  events: readonly LimitEvent[],
  fails: (some: readonly LimitEvent[]) => Promise<boolean>,
): Promise<LimitEvent | undefined> {
  let some = events
  while (some.length > 1) {
    const half = Math.ceil(some.length / 2)
    const [first, second] = [some.slice(0, half), some.slice(half)]
    if (await fails(first)) some = first
    else if (await fails(second)) some = second
    else return undefined
  }
  return some[0]
}

function cannotCarry(
  model: GraphModel['model'],
  culprit: LimitEvent | undefined,
  fault: string,
): CcsError {
  const which = culprit === undefined ? 'Some events' : `A ${culprit.label}`
  return new CcsError(
    'CCS_MODEL_INVALID',
    `${which} keeps the contract, but ${model.name} fails with it: ${fault}`,
    {
      location: locate(toSelectSource(model), undefined),
      hint: 'Bound the field in schemas/events.raw.avsc, or use a wider type in the model.',
    },
  )
}

/**
 * Each event of the check has a day and a visitor of its own, so the greatest value in a row of
 * Gold is that of one event.
 */
async function checkSums(
  model: GraphModel['model'],
  bench: LimitBench,
): Promise<readonly CcsError[]> {
  const { columns } = await bench.query(`SELECT * FROM ${model.name} LIMIT 0`)
  const sums = columns.flatMap(({ name, type }) => {
    const digits = wholeDigits(type)
    return digits === undefined ? [] : [{ name, type, digits }]
  })
  if (sums.length === 0) return []
  const greatest = sums.map(
    ({ name }, i) => `CAST(max(abs(CAST("${name}" AS DECIMAL(38, 2)))) AS VARCHAR) AS v${i}`,
  )
  const { rows } = await bench.query(`SELECT ${greatest.join(', ')} FROM ${model.name}`)
  return sums.flatMap(({ name, type, digits }, i) => {
    const value = BigInt(String(rows[0]?.[`v${i}`] ?? '0').replace(/\..*/, ''))
    if (value * BigInt(SUMMED_EVENTS) < 10n ** BigInt(digits)) return []
    return [
      new CcsError(
        'CCS_MODEL_INVALID',
        `${model.name}.${name} of type ${type} can't hold the sum of ${SUMMED_EVENTS} events: ` +
          `the contract allows one of ${value}.`,
        {
          location: locate(toSelectSource(model), undefined),
          hint: 'Bound the field in schemas/events.raw.avsc, or use a wider type in the model.',
        },
      ),
    ]
  })
}

/** Digits before the decimal point that a type holds; undefined for types that are not checked. */
function wholeDigits(type: string): number | undefined {
  const [, precision, scale] = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(type) ?? []
  if (precision !== undefined) return Number(precision) - Number(scale)
  return type === 'BIGINT' ? 18 : undefined
}
