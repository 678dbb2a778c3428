/** Times on the command line. */
import { CcsError } from './errors.ts'
import { parseDurationMs } from './units.ts'

/**
 * The value of `--since`, ms since 1970: a time, or how long before now. Throws CCS_USAGE_INVALID
 * for any other text.
 */
export function parseSinceMs(text: string, nowMs: number): number {
  const length = parseDurationMs(text)
  if (length !== undefined) return nowMs - length
  const ms = parseTimeMs(text)
  if (ms !== undefined) return ms
  throw new CcsError('CCS_USAGE_INVALID', `"${text}" is neither a length of time nor a time.`, {
    hint: 'Write 2h, 3d or 2026-11-22T08:00:00Z.',
  })
}

/** A point in time, ms since 1970. Throws CCS_USAGE_INVALID, naming the flag, for other texts. */
export function parseInstantMs(text: string, flag: string): number {
  const ms = parseTimeMs(text)
  if (ms !== undefined) return ms
  throw new CcsError('CCS_USAGE_INVALID', `${flag} "${text}" is not a time.`, {
    hint: 'Write 2026-11-22 or 2026-11-22T08:00:00Z; without a zone it is UTC.',
  })
}

const TIME = /^(\d{4}-\d\d-\d\d)(?:([T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/

/** Whether there is such a day; `Date.parse` takes the 30th of February for the 2nd of March. */
export function isDay(text: string): boolean {
  const ms = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text)
}

/** A day, or a day and a time of day; without a zone it is UTC on every machine. */
function parseTimeMs(text: string): number | undefined {
  const [, day, time = 'T00:00', zone = 'Z'] = TIME.exec(text) ?? []
  if (day === undefined || !isDay(day)) return undefined
  const ms = Date.parse(`${day}${time.replace(' ', 'T')}${zone}`)
  return Number.isNaN(ms) ? undefined : ms
}

/** A day of the calendar as YYYY-MM-DD; CCS_USAGE_INVALID for any other text. */
export function requireDay(text: string): string {
  if (isDay(text)) return text
  throw new CcsError('CCS_USAGE_INVALID', `"${text}" is not a day.`, {
    hint: 'Write it as YYYY-MM-DD, in the shop’s timezone: 2026-10-25',
  })
}
