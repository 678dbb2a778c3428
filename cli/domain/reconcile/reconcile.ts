/**
 * `ccs reconcile` proves for each closed shop day that the stream plus what was too late for it
 * equals dbt's marts, to the cent. Neither side is trusted: the same SELECTs run over the Silver
 * that the marts were built from, once without the late rows (which must give the stream's figures)
 * and once with them (which must give the marts'). So an error in Silver can't pass as lateness.
 */

import { createAuditCatalog } from '../audit/catalog.ts'
import { appendAll } from '../kernel/lists.ts'
import { quoteText } from '../kernel/sql-text.ts'
import { printTooLateSql } from '../models/finality.ts'
import {
  computeMetrics,
  countNoun,
  type DayReport,
  describeLate,
  isBalanced,
  type Metric,
  type ReconcileReport,
  type Row,
  type TableSides,
} from './accounts.ts'
import { addDamageFindings, findAffectedDays } from './damage.ts'
import { type CalendarDay, readCalendar, splitDays } from './days.ts'
import { recomputeGold } from './gold.ts'
import {
  type DatedDifference,
  datesSql,
  findTimedModels,
  type ReconcileInput,
  ROWS_MAX,
} from './input.ts'
import { findGoldDifferences } from './rows.ts'
import { findSilverDifferences } from './silver.ts'
import { RECONCILE_TABLES, type ReconcileTable } from './tables.ts'

/** Compares all closed days, or the one requested; `ok` is false if that one can't be compared. */
export async function reconcile(input: ReconcileInput): Promise<ReconcileReport> {
  const { plain, logic, tables, built, onProgress } = input
  const steps = 4
  onProgress(0, steps)
  await createAuditCatalog(plain, logic, tables)
  const calendar = await readCalendar(input)
  const { compared, open } = splitDays(input, calendar)
  const { serial, failure, failedSerial } = built
  const builtAt = new Date(built.builtMs).toISOString()
  const marts = { serial, builtAt, failure, failedSerial }
  const { damaged } = input.files
  const files = damaged.map(({ table, partition, file, problem }) => {
    return { table, partition, file, problem }
  })
  const isWhole = files.length === 0
  // A requested day that can't be compared does not pass.
  if (compared.length === 0)
    return { ok: isWhole && input.day === undefined, marts, files, days: [], open }
  const dates = compared.map(({ date }) => date)
  onProgress(1, steps)
  await recomputeGold(plain, logic.graph)
  onProgress(2, steps)
  const metrics = await queryMetrics(input, dates)
  onProgress(3, steps)
  const gold = await findGoldDifferences(input, dates)
  const odd = new Set(gold.map(({ date }) => date))
  const uneven = dates.filter((date) => odd.has(date) || !isBalanced(metrics.get(date) ?? []))
  const silver = await findSilverDifferences(input, {
    dates,
    unbalanced: uneven,
    isSameCommit: false,
  })
  const found = await addDamageFindings(input, dates, { silver, gold })
  // Rows that people know by name, such as orders, come first.
  const rows = found.rows.toSorted((a, b) => Number(b.of !== null) - Number(a.of !== null))
  const behind = await describeLateSinceBuild(input, dates)
  const touched = findAffectedDays(dates, damaged)
  onProgress(steps, steps)
  const days = compared.map((day) => {
    const own = rows.filter(({ date }) => date === day.date)
    const sentences = [...(behind.get(day.date) ?? [])]
    if (touched.has(day.date) && own.length > 0) sentences.push(damageSentence(day.date))
    const unnamed = found.unnamed.get(day.date) ?? 0
    const isLacking = hasFailedSince(built) && behind.has(day.date)
    return dayReport(day, metrics.get(day.date) ?? [], { rows: own, unnamed, sentences, isLacking })
  })
  const isComplete = input.day === undefined || days.some(({ date }) => date === input.day)
  return { ok: isWhole && isComplete && days.every(({ ok }) => ok), marts, files, days, open }
}

/** Whether a build over newer rows has failed, so that building again won't help. */
function hasFailedSince({ serial, failedSerial }: ReconcileInput['built']): boolean {
  return failedSerial !== null && failedSerial > serial
}

function damageSentence(date: string): string {
  return `${date}: a file is damaged; the rows below have its values, not the correct ones.`
}

function dayReport(
  { date, isClosed }: CalendarDay & { readonly isClosed: boolean },
  metrics: readonly Metric[],
  found: {
    readonly rows: readonly DatedDifference[]
    readonly unnamed: number
    readonly sentences: readonly string[]
    /** Whether something is missing in the marts because their build fails. */
    readonly isLacking: boolean
  },
): DayReport {
  const rows = found.rows.slice(0, ROWS_MAX).map(({ date: _, ...row }) => row)
  return {
    date,
    ok: isBalanced(metrics) && found.rows.length === 0 && !found.isLacking,
    isClosed,
    metrics,
    rows,
    moreRows: found.rows.length - rows.length + found.unnamed,
    sentences: [...describeLate(date, metrics), ...found.sentences],
  }
}

async function queryMetrics(
  input: ReconcileInput,
  dates: readonly string[],
): Promise<ReadonlyMap<string, readonly Metric[]>> {
  const found = new Map<string, Metric[]>(dates.map((date) => [date, []]))
  const models = new Set(input.logic.graph.map(({ model }) => model.name))
  for (const table of RECONCILE_TABLES) {
    if (!models.has(table.model)) continue
    const sides = await querySides(input, table, dates)
    for (const date of dates) {
      const of = (rows: readonly Row[]) => rows.filter((row) => row.date === date)
      const day: TableSides = {
        stream: of(sides.stream),
        onTime: of(sides.onTime),
        whole: of(sides.whole),
        batch: of(sides.batch),
      }
      const metrics = found.get(date)
      if (metrics) appendAll(metrics, computeMetrics(table, day))
    }
  }
  return found
}

async function querySides(
  { plain, stream, marts }: ReconcileInput,
  table: ReconcileTable,
  dates: readonly string[],
): Promise<TableSides> {
  const columns = [...table.key, ...table.values].join(', ')
  const dated = (select: string) =>
    `SELECT CAST(shop_date AS VARCHAR) AS date, ${columns} FROM (${select})
      WHERE shop_date IN (${datesSql(dates)})`
  const gold = dated(table.goldSql)
  await plain.run('USE on_time')
  const { rows: onTime } = await plain.all(gold)
  await plain.run('USE memory')
  const { rows: whole } = await plain.all(gold)
  const [served, batch] = await Promise.all([stream(gold), marts(dated(table.martSql))])
  return { stream: served.rows, onTime, whole, batch: batch.rows }
}

/** Sentences, by shop day, on what came too late for the stream since the marts were built. */
async function describeLateSinceBuild(
  { plain, stream, logic, now, built, files }: ReconcileInput,
  dates: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (now.serial === built.serial && !now.isRunning) return new Map()
  // The engine could not answer over unreadable files.
  if (files.damaged.some(({ isReadable }) => !isReadable)) return new Map()
  const { rows: ends } = await plain.all(
    'SELECT topic, partition, max("offset") AS last FROM silver.events GROUP BY ALL',
  )
  const isKnown = ends.map(
    ({ topic, partition, last }) =>
      `(topic = ${quoteText(String(topic))} AND partition = ${partition} AND "offset" <= ${last})`,
  )
  const late = findTimedModels(logic.graph).map(
    (model) => `coalesce(${printTooLateSql(model)}, FALSE)`,
  )
  const { rows } = await stream(`SELECT CAST(shop_day(event_time) AS VARCHAR) AS date,
      count(*) AS n, count(*) FILTER (WHERE event_type = 'purchase') AS orders,
      sum(revenue) AS revenue, min(currency) FILTER (WHERE event_type = 'purchase') AS currency,
      count(DISTINCT currency) FILTER (WHERE event_type = 'purchase') AS currencies
    FROM silver.people
    WHERE (${late.join(' OR ')}) AND NOT (${['FALSE', ...isKnown].join(' OR ')})
      AND shop_day(event_time) IN (${datesSql(dates)})
    GROUP BY ALL`)
  return new Map(
    rows.map((row) => {
      const [date, orders] = [String(row.date), Number(row.orders)]
      const worth = row.currencies === 1 ? ` (${row.revenue} ${row.currency})` : ''
      const what =
        orders > 0 ? `${countNoun(orders, 'order')}${worth}` : countNoun(Number(row.n), 'event')
      const next = hasFailedSince(built) ? ', and the build with it failed.' : ': ccs dbt build'
      return [date, [`${date}: ${what} came too late after the marts were built${next}`]]
    }),
  )
}
