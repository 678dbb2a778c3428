/**
 * The days of an import's events, and the events that are ahead of all others by more than a day,
 * as those of a wrong clock are.
 */

/** Few events that come after all others and a gap. */
export interface EventsAhead {
  readonly events: number
  /** The newest day of the others, `YYYY-MM-DD`. */
  readonly after: string | null
  /** The first event of each of the first days. */
  readonly examples: readonly { readonly origin: string; readonly day: string }[]
}

/** In UTC days of event time, `YYYY-MM-DD`; null without events. */
export interface ImportedDays {
  readonly first: string | null
  readonly last: string | null
  /** How many days have events. */
  readonly days: number
  readonly ahead: EventsAhead
}

const DAY_MS = 86_400_000
const EXAMPLES_MAX = 3
/** Events ahead are at most so few of all: one in ten. */
const AHEAD_SHARE = 10
/** The gap before them has this many times as many days as any earlier gap, and more. */
const GAP_TIMES = 3

interface Day {
  readonly day: number
  readonly file: string
  readonly line: number
  events: number
}

/** Counts events by day; memory follows the number of days. */
export class EventDays {
  readonly #days = new Map<number, Day>()

  /** `line` is that of the row in its file. */
  add(eventMs: number, file: string, line: number): void {
    const day = Math.floor(eventMs / DAY_MS)
    const known = this.#days.get(day)
    if (known === undefined) this.#days.set(day, { day, file, line, events: 1 })
    else known.events++
  }

  /**
   * Events are ahead if they are few and come after a gap of at least one whole day that is much
   * longer than any gap between the others.
   */
  summarize(): ImportedDays {
    const days = [...this.#days.values()].sort((a, b) => a.day - b.day)
    const total = days.reduce((sum, one) => sum + one.events, 0)
    const start = findGap(days, total)
    const ahead = days.slice(start)
    return {
      first: formatDay(days[0]),
      last: formatDay(days.at(-1)),
      days: days.length,
      ahead: {
        events: ahead.reduce((sum, one) => sum + one.events, 0),
        after: ahead.length === 0 ? null : formatDay(days[start - 1]),
        examples: ahead.slice(0, EXAMPLES_MAX).map((one) => ({
          origin: `${one.file}:${one.line}`,
          day: formatDay(one) ?? '',
        })),
      },
    }
  }
}

/** Sentences for the user; none without events. */
export function describeDays({ first, last, days, ahead }: ImportedDays): readonly string[] {
  if (first === null || last === null) return []
  const span = first === last ? `on ${first}` : `from ${first} to ${last}, on ${days} days`
  const lines = [`The events happened ${span} (UTC).`]
  if (ahead.events === 0) return lines
  const [events, are] = ahead.events === 1 ? ['event', 'is'] : ['events', 'are']
  const examples = ahead.examples.map(({ origin, day }) => `${day} in ${origin}`)
  return [
    ...lines,
    `${ahead.events} ${events} ${are} more than a day ahead of all others, which end on ` +
      `${ahead.after}:`,
    `${examples.join(', ')}${ahead.events > examples.length ? ', …' : ''}`,
    'Check the clock that wrote that time. All other events count as they should.',
  ]
}

/** Returns the index of the first day that is ahead; the number of days if none is. */
function findGap(days: readonly Day[], total: number): number {
  let left = total
  let longest = 0
  for (const [index, { day, events }] of days.entries()) {
    const before = days[index - 1]?.day
    const gap = before === undefined ? 0 : day - before - 1
    if (gap > longest * GAP_TIMES && left * AHEAD_SHARE <= total) return index
    longest = Math.max(longest, gap)
    left -= events
  }
  return days.length
}

function formatDay(one: Day | undefined): string | null {
  return one === undefined ? null : new Date(one.day * DAY_MS).toISOString().slice(0, 10)
}
