/** Marks the parts whose figure is older than it should be, or fails: each part tells it for itself. */
import { dateOf } from './format.js'

const GRACE_MS = 10_000

/**
 * @param {import('./stream.js').Snapshot} snapshot
 * @param {readonly import('./sql-dialog.js').Figure[]} figures
 */
export function markOld({ at, figures: answers }, figures) {
  const nowMs = dateOf(at)?.getTime() ?? 0
  const byId = new Map(figures.map((figure) => [figure.id, figure]))
  for (const opener of document.querySelectorAll('#live-view [data-opens]')) {
    const id = opener instanceof HTMLElement ? (opener.dataset.opens ?? '') : ''
    const figure = byId.get(id)
    const answer = answers[id]
    const ageMs = nowMs - (dateOf(answer?.asOf)?.getTime() ?? nowMs)
    const part = opener.closest('section:not(.strip)') ?? opener
    part.classList.toggle('old', figure !== undefined && ageMs > 3 * figure.everyMs + GRACE_MS)
    part.classList.toggle('broken', (answer?.error ?? figure?.error) !== undefined)
  }
}
