/**
 * Checks the models against the limits of the contract: each must carry every event that the gate
 * accepts, and a sum in Gold must hold SUMMED_EVENTS events of the greatest value. Otherwise one
 * event that keeps the contract would stop the engine at its next commit, and at every restart.
 */
import type { RecordNode } from '../avro/schema.ts'
import { CcsError } from '../kernel/errors.ts'
import { appendAll } from '../kernel/lists.ts'
import { quoteName } from '../kernel/sql-text.ts'
import { type GraphModel, keepUpstream, toSelectSource } from '../models/graph.ts'
import { locate } from '../sql/ast.ts'
import type { QueryResult } from '../sql/query-result.ts'
import { findFailingExpression, placeColumn } from './failing-expression.ts'
import { type LimitEvent, listLimitEvents, repeatEvent } from './limit-events.ts'

/** How many events of the greatest value one row of Gold must be able to sum. */
export const SUMMED_EVENTS = 100_000

/** A DuckDB with the project's macros and a table raw.events. */
export interface LimitBench {
  /** Replaces the rows of raw.events. */
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
  check: LimitCheck,
  bench: LimitBench,
): Promise<readonly CcsError[]> {
  const rig = new Rig(check, bench)
  const failed: GraphModel[] = []
  const broken = new Set<string>()
  const sums: GraphModel[] = []
  await rig.load(rig.events)
  for (const one of check.graph) {
    const { model, reads } = one
    const isAbove = reads.some((name) => broken.has(name))
    const failure = isAbove ? undefined : await rig.compute(one)
    if (isAbove || failure !== undefined) broken.add(model.name)
    else if (model.layer === 'gold') sums.push(one)
    if (failure !== undefined) failed.push(one)
  }
  const suspects = await findNarrowSums(sums, rig)
  const faults: CcsError[] = []
  for (const one of failed) faults.push(await explainFailure(one, rig))
  for (const one of suspects) appendAll(faults, await explainSum(one, rig))
  return faults
}

/** The events, and the models as tables of what they make of some of them. */
class Rig {
  readonly events: readonly LimitEvent[]
  readonly bench: LimitBench
  readonly #graph: readonly GraphModel[]
  readonly #timezone: string
  readonly #uniqueFields: readonly string[]

  constructor({ record, graph, timezone }: LimitCheck, bench: LimitBench) {
    this.events = listLimitEvents(record, FIRST_MS)
    this.bench = bench
    this.#graph = graph
    this.#timezone = timezone
    this.#uniqueFields = graph.flatMap(({ model: { dedupe } }) =>
      dedupe === undefined ? [] : [dedupe.key, ...(dedupe.orderKey ? [dedupe.orderKey] : [])],
    )
  }

  /** Loads some events, each `times` times under ids of its own. */
  load(some: readonly LimitEvent[], times = 1): Promise<void> {
    const rows = some.flatMap((event) =>
      Array.from({ length: times }, (_, copy) => repeatEvent(event, copy, this.#uniqueFields)),
    )
    return this.bench.load(rows, { nowMs: FIRST_MS, timezone: this.#timezone })
  }

  /**
   * Computes a model from those that it reads. Returns the first line of DuckDB's error if it
   * fails.
   */
  async compute({ model }: GraphModel): Promise<string | undefined> {
    try {
      await this.bench.query(`CREATE OR REPLACE TABLE ${model.name} AS\n${model.sql}`)
      return undefined
    } catch (error) {
      const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
      return line.replace(/^[A-Za-z ]+ Error:\s*/, '')
    }
  }

  /** The same for some events, and for all that the model reads. */
  async computeFrom(
    { model }: GraphModel,
    some: readonly LimitEvent[],
  ): Promise<string | undefined> {
    await this.load(some)
    return this.recompute(model.name)
  }

  /** Computes a model and all that it reads from the events loaded last. */
  async recompute(name: string): Promise<string | undefined> {
    let failure: string | undefined
    for (const one of keepUpstream(this.#graph, [name])) failure = await this.compute(one)
    return failure
  }

  /** The first event that alone fails the test, by halves; undefined: only several together do. */
  async findCulprit(
    fails: (some: readonly LimitEvent[]) => Promise<boolean>,
  ): Promise<LimitEvent | undefined> {
    let some = this.events
    while (some.length > 1) {
      const half = Math.ceil(some.length / 2)
      const [first, second] = [some.slice(0, half), some.slice(half)]
      if (await fails(first)) some = first
      else if (await fails(second)) some = second
      else return undefined
    }
    return some[0]
  }
}

async function explainFailure(one: GraphModel, rig: Rig): Promise<CcsError> {
  const { model } = one
  const culprit = await rig.findCulprit(
    async (some) => (await rig.computeFrom(one, some)) !== undefined,
  )
  const some = culprit === undefined ? rig.events : [culprit]
  const reason = await rig.computeFrom(one, some)
  const place = await findFailingExpression(one, (sql) => rig.bench.query(sql))
  const which = culprit === undefined ? 'Some events keep' : `A ${culprit.label} keeps`
  const where = place === undefined ? '' : ` in ${place.sql}`
  const it = culprit === undefined ? 'them' : 'it'
  return new CcsError(
    'CCS_MODEL_INVALID',
    `${which} the contract, but ${model.name} fails with ${it}${where}: ${reason}`,
    {
      location: place?.location ?? locate(toSelectSource(model), undefined),
      hint:
        'Bound the field in schemas/events.raw.avsc, use a wider type here, or get NULL for such ' +
        'values: TRY_CAST(… AS …) or TRY(…).',
    },
  )
}

/** A column whose type holds this many digits before the decimal point. */
interface WholeNumber {
  readonly name: string
  readonly type: string
  readonly digits: number
}

/** A column that can't hold the sum of many events. */
interface NarrowSum {
  readonly one: GraphModel
  readonly column: WholeNumber
}

/**
 * Finds sums with too few digits in models that are computed. A column is a sum if two equal events
 * make it twice what one makes it: a maximum stays the same.
 */
async function findNarrowSums(
  models: readonly GraphModel[],
  rig: Rig,
): Promise<readonly NarrowSum[]> {
  const narrow: (NarrowSum & { readonly single: bigint })[] = []
  for (const one of models) {
    const columns = await findNumbers(one, rig)
    const greatest = await readGreatest(one, columns, rig)
    for (const [i, column] of columns.entries()) {
      const single = greatest[i] ?? 0n
      if (isTooMuch(single, column)) narrow.push({ one, column, single })
    }
  }
  const sums: NarrowSum[] = []
  if (narrow.length > 0) await rig.load(rig.events, 2)
  for (const { one, column, single } of narrow) {
    await rig.recompute(one.model.name)
    const [double = 0n] = await readGreatest(one, [column], rig)
    if (double >= 2n * single) sums.push({ one, column })
  }
  return sums
}

function isTooMuch(value: bigint, { digits }: WholeNumber): boolean {
  return value * BigInt(SUMMED_EVENTS) >= 10n ** BigInt(digits)
}

async function findNumbers({ model }: GraphModel, { bench }: Rig): Promise<readonly WholeNumber[]> {
  const { columns } = await bench.query(`SELECT * FROM ${model.name} LIMIT 0`)
  return columns.flatMap(({ name, type }) => {
    const digits = wholeDigits(type)
    return digits === undefined ? [] : [{ name, type, digits }]
  })
}

/** The greatest whole part of each column over all rows, without its sign. */
async function readGreatest(
  { model }: GraphModel,
  columns: readonly WholeNumber[],
  { bench }: Rig,
): Promise<readonly bigint[]> {
  if (columns.length === 0) return []
  const ends = columns.flatMap(({ name }, i) =>
    ['min', 'max'].map((end) => `CAST(${end}(${quoteName(name)}) AS VARCHAR) AS ${end}${i}`),
  )
  const { rows } = await bench.query(`SELECT ${ends.join(', ')} FROM ${model.name}`)
  const readWhole = (text: unknown) => BigInt(String(text ?? '0').replace(/^-|\..*/g, ''))
  return columns.map((_, i) => {
    const both = [readWhole(rows[0]?.[`min${i}`]), readWhole(rows[0]?.[`max${i}`])]
    return both.reduce((most, value) => (value > most ? value : most), 0n)
  })
}

/** [] if no event alone makes the sum too large: then the row is one of several events. */
async function explainSum({ one, column }: NarrowSum, rig: Rig): Promise<readonly CcsError[]> {
  const measure = async (some: readonly LimitEvent[]): Promise<bigint> => {
    const failure = await rig.computeFrom(one, some)
    return failure === undefined ? ((await readGreatest(one, [column], rig))[0] ?? 0n) : 0n
  }
  const culprit = await rig.findCulprit(async (some) => isTooMuch(await measure(some), column))
  if (culprit === undefined) return []
  const value = await measure([culprit])
  const place = await placeColumn(one, column.name, (sql) => rig.bench.query(sql))
  return [
    new CcsError(
      'CCS_MODEL_INVALID',
      `${one.model.name}.${column.name} of type ${column.type} can't hold the sum of ` +
        `${SUMMED_EVENTS} events: a ${culprit.label} keeps the contract and adds ${value}.`,
      {
        location: place?.location ?? locate(toSelectSource(one.model), undefined),
        hint: 'Bound the field in schemas/events.raw.avsc, or use a wider type here.',
      },
    ),
  ]
}

/** Digits before the decimal point that a type holds; undefined for types that are not checked. */
function wholeDigits(type: string): number | undefined {
  const [, precision, scale] = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(type) ?? []
  if (precision !== undefined) return Number(precision) - Number(scale)
  return INTEGER_DIGITS[type]
}

const INTEGER_DIGITS: Readonly<Record<string, number>> = {
  ...{ TINYINT: 2, SMALLINT: 4, INTEGER: 9, BIGINT: 18 },
  ...{ UTINYINT: 2, USMALLINT: 4, UINTEGER: 9, UBIGINT: 19 },
}
