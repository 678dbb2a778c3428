/** Marks each part of the page whose metric is older than it should be, or has failed. */
import { dateOf, duration } from './format.js'

const GRACE_MS = 10_000

/**
 * @param {import('./stream.js').Snapshot} snapshot
 * @param {readonly import('./sql-dialog.js').Metric[]} metrics
 */
export function markOld({ at, figures: answers }, metrics) {
  const nowMs = dateOf(at)?.getTime() ?? 0
  const byId = new Map(metrics.map((metric) => [metric.id, metric]))
  for (const opener of document.querySelectorAll('#live-view [data-opens]')) {
    const id = opener instanceof HTMLElement ? (opener.dataset.opens ?? '') : ''
    const metric = byId.get(id)
    const answer = answers[id]
    const ageMs = nowMs - (dateOf(answer?.asOf)?.getTime() ?? nowMs)
    // A number beside a title is a metric of its own.
    const whole = opener.matches('.aside') ? null : opener.closest('section:not(.strip)')
    const part = whole ?? opener
    const label = opener.querySelector('.figure-label') ?? opener
    if (label instanceof HTMLElement) label.dataset.age = duration(ageMs)
    part.classList.toggle('old', metric !== undefined && ageMs > 3 * metric.everyMs + GRACE_MS)
    part.classList.toggle('broken', (answer?.error ?? metric?.error) !== undefined)
  }
}
