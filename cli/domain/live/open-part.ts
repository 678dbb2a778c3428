/**
 * The part of the page's documents that everybody may see who reaches the port: totals, but no row
 * of a single event or order, and no message of the database, which may quote one.
 */
import type { LiveChange, LiveSnapshot, MetricInfo, MetricRows } from './live-document.ts'

/** Stands for every message about a metric. */
const HIDDEN_ERROR = 'It can’t be computed. The page with the token says why.'

/** Takes the metrics `hidden` out of a snapshot or a change. */
export function keepOpenPart<T extends LiveSnapshot | LiveChange>(
  document: T,
  hidden: readonly string[],
): T {
  const open = Object.entries(document.figures).filter(([id]) => !hidden.includes(id))
  const figures: Readonly<Record<string, MetricRows>> = Object.fromEntries(
    open.map(([id, rows]) => [id, hideError(rows)]),
  )
  return { ...document, figures, ...('shop' in document ? { hidden } : {}) }
}

/** The list of metrics without what is wrong with them. */
export function hideErrors(metrics: readonly MetricInfo[]): readonly MetricInfo[] {
  return metrics.map(hideError)
}

function hideError<T extends { readonly error?: string }>(one: T): T {
  return one.error === undefined ? one : { ...one, error: HIDDEN_ERROR }
}
