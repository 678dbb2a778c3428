/**
 * What today's numbers leave out, as a metric of the page: it is queried at its own pace and within
 * the board's budget, and the dialog shows its SQL. The rejects are counted beside it.
 */
import type { RejectCounts } from '../dlq/count-rejects.ts'
import { buildLeftOut, type LeftOut, readDaySpan } from '../provenance/left-out.ts'
import { type LeftOutModels, printDay, printLeftOutSql } from '../provenance/left-out-sql.ts'
import type { MetricRows } from './live-document.ts'
import type { Metric } from './metric.ts'

/** Id of the metric; no file of sql/live may have its name. */
export const LEFT_OUT_METRIC = 'left_out'

const EVERY_MS = 10_000

/** The metric over these models. */
export function createLeftOutMetric(models: LeftOutModels): Metric {
  return {
    id: LEFT_OUT_METRIC,
    title: 'Left out of today’s numbers',
    everyMs: EVERY_MS,
    access: 'anyone',
    note: 'Events of the shop’s day that some number on this page lacks, and why.',
    sql: printLeftOutSql(models, printDay(undefined)),
    file: 'left_out (made by ccs)',
    sqlLine: 1,
  }
}

/** Builds the table from the metric's last answer; null: there is none. */
export async function readLeftOutTable(
  answer: MetricRows | undefined,
  about: { readonly models: LeftOutModels; readonly timezone: string },
  countRejects: (sinceMs: number, untilMs: number) => Promise<RejectCounts | undefined>,
): Promise<LeftOut | null> {
  const [counts] = answer?.rows ?? []
  if (!counts) return null
  const { sinceMs, untilMs } = readDaySpan(counts)
  return buildLeftOut({ ...about, counts, rejects: await countRejects(sinceMs, untilMs) })
}
