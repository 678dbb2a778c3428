/**
 * How long the log of a data directory is kept. Every layer of the lake is kept forever: what comes
 * after it is computed from all of it, so each of them has its reason here for whoever asks.
 */
import { readDuration, type ValueReader } from '../documents/value-readers.ts'
import { asObject } from '../kernel/json.ts'
import { formatDuration } from '../kernel/units.ts'

/** By topic of the log of a data directory: ms since the newest record; null: forever. */
export interface Retention {
  readonly rawMs: number | null
  readonly dlqMs: number | null
}

const FOREVER = 'forever'
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** `forever`, or a length of time such as `30 days`: one hour at least. */
export function readRetention(value: unknown): ReturnType<ValueReader<number | null>> {
  if (value === FOREVER) return { value: null }
  const read = readDuration(HOUR_MS, 36_500 * DAY_MS)(value)
  if ('value' in read) return read
  return { wrong: `must be ${FOREVER}, or a length of time such as 30 days, one hour at least.` }
}

const WHY_KEPT = {
  bronze:
    'an event that comes again is recognised by it, however late, and `ccs audit` compares ' +
    'Silver with it',
  silver: 'dbt builds the daily marts, and ccs a changed Gold model, from all of Silver',
  gold: 'a row of Gold can only be reopened or audited while it is there',
} as const

/** Reader of a layer of the lake, which accepts only `forever`. */
export function readKept(layer: keyof typeof WHY_KEPT): ValueReader<null> {
  return (value) =>
    value === FOREVER
      ? { value: null }
      : { wrong: `must be ${FOREVER}: ${WHY_KEPT[layer]}. Set retention of topics of the log.` }
}

/** As ccs.yml writes it. */
export function formatRetention(ms: number | null): string {
  if (ms === null) return FOREVER
  const days = ms / DAY_MS
  return Number.isInteger(days) ? `${days} ${days === 1 ? 'day' : 'days'}` : formatDuration(ms)
}

/** That of a request, checked: what is no number of milliseconds keeps everything. */
export function toRetention(body: object): Retention {
  const limit = (value: unknown) => (typeof value === 'number' && value > 0 ? value : null)
  const { rawMs, dlqMs } = asObject(body)
  return { rawMs: limit(rawMs), dlqMs: limit(dlqMs) }
}
