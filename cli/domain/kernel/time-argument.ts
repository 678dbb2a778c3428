/** The value of `--since`: a point in time, or how long before now. */
import { CcsError } from './errors.ts'
import { parseDurationMs } from './units.ts'

/** Ms since 1970. A time without a zone is UTC. Throws CCS_USAGE_INVALID for any other text. */
export function parseSinceMs(text: string, nowMs: number): number {
  const length = parseDurationMs(text)
  if (length !== undefined) return nowMs - length
  const isTime = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:\d\d)?$/.test(text)
  const iso = text.replace(' ', 'T')
  const ms = isTime
    ? Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(iso) || !iso.includes('T') ? iso : `${iso}Z`)
    : Number.NaN
  if (!Number.isNaN(ms)) return ms
  throw new CcsError('CCS_USAGE_INVALID', `"${text}" is neither a length of time nor a time.`, {
    hint: 'Write 2h, 3d or 2026-11-22T08:00:00Z.',
  })
}
