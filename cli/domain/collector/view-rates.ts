/**
 * Recognises visitors who look at pages at a rate that no person does and do nothing else. Counts
 * are those of one minute; who does more than looking is a person for that minute.
 */

const VIEWS = new Set(['page_view', 'view_item'])

interface Minute {
  views: number
  hasActed: boolean
}

/** Counts the views of each visitor in the present minute. */
export class ViewRates {
  readonly #viewsMax: number
  #minute = Number.NaN
  #visitors = new Map<string, Minute>()

  constructor(viewsMax: number) {
    this.#viewsMax = viewsMax
  }

  /** Counts one event; whether its visitor has looked at too much without doing anything else. */
  isInhuman(visitor: string, eventType: string, nowMs: number): boolean {
    const minute = Math.floor(nowMs / 60_000)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#visitors = new Map()
    }
    let known = this.#visitors.get(visitor)
    if (known === undefined) {
      known = { views: 0, hasActed: false }
      this.#visitors.set(visitor, known)
    }
    if (VIEWS.has(eventType)) known.views++
    else known.hasActed = true
    return !known.hasActed && known.views > this.#viewsMax
  }
}
