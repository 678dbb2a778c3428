/** What `ccs why` says of events that no model has, because a model failed on them. */
import type { SetAsideEvent } from '../dlq/set-aside-events.ts'
import { CcsError } from '../kernel/errors.ts'

/** How many events were set aside, and a few of them. */
export interface SetAsideEvents {
  readonly count: number
  readonly first: readonly SetAsideEvent[]
}

const SHOWN = 5

/** Picks those nearest in time to `at`, ISO 8601. Which row they would belong to is unknown. */
export function pickNearest(
  events: readonly SetAsideEvent[],
  at: string | undefined,
): SetAsideEvents {
  const middleMs = at === undefined ? 0 : Date.parse(at)
  const distance = (one: SetAsideEvent) => Math.abs(Date.parse(one.at) - middleMs)
  const sorted = [...events].sort((a, b) => distance(a) - distance(b))
  return { count: events.length, first: sorted.slice(0, SHOWN) }
}

/**
 * The error for a row that is not there because its event was set aside, if one of the user's words
 * is the event's id; else undefined.
 */
export function explainMissing(
  events: readonly SetAsideEvent[],
  model: string,
  words: readonly string[],
): CcsError | undefined {
  const ids = words.map((word) => word.replace(/^event_id=/, ''))
  const event = events.find(({ eventId }) => ids.includes(eventId))
  if (!event) return undefined
  return new CcsError(
    'CCS_USAGE_INVALID',
    `${model} has no row of event ${event.eventId}: it was set aside, as ${event.message}`,
    {
      hint:
        `See it: ccs dlq show ${event.reject}\n` +
        `Once the model is fixed, send it again: ccs dlq replay ${event.reject}`,
    },
  )
}
