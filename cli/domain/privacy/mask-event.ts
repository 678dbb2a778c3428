/** What people see of events in the log, which has them as they came. */
import { correctEventTimeMs } from '../events/event-time.ts'
import type { ClassifiedField } from './field-classes.ts'
import type { Pseudonymiser } from './pseudonymiser.ts'

/** Shows events as rows have them: fields with a class by their pseudonym, or not at all. */
export interface EventMask {
  readonly fields: readonly ClassifiedField[]
  /** The event, or a part of it, with times in ms or as ISO 8601. */
  readonly mask: (event: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>
}

/** Without keys nothing has a pseudonym, and the fields are left out. */
export function createEventMask(
  fields: readonly ClassifiedField[],
  pseudonymiser: Pick<Pseudonymiser, 'replace'> | undefined,
): EventMask {
  return {
    fields,
    mask: (event) => {
      const timeMs = correctEventTimeMs(
        readMs(event.event_ts),
        readMs(event.sent_ts),
        readMs(event.received_ts),
      )
      // Of an event without a time, the newest key is as good as any.
      const eventMs = Number.isNaN(timeMs) ? Number.MAX_SAFE_INTEGER : timeMs
      const masked: Record<string, unknown> = { ...event }
      for (const field of fields) {
        const value = event[field.name]
        if (value === undefined) continue
        const isText = typeof value === 'string'
        masked[field.name] = (isText && pseudonymiser?.replace(field, value, eventMs)) || null
      }
      return masked
    },
  }
}

function readMs(value: unknown): number {
  if (value === null || value === undefined) return Number.NaN
  return typeof value === 'string' ? Date.parse(value) : Number(value)
}
