/**
 * Parses timestamps of files into ms since 1970, UTC, by a named format or a pattern, with a time
 * zone for texts that name none. Digits finer than a millisecond are cut off, not rounded.
 */
import { createOffsetReader, QUARTER_HOUR_MS } from '../../kernel/time-zone.ts'
import { parseWholeNumber } from './money.ts'

/** Returns ms since 1970; undefined if the text doesn't have this format. */
export type TimeParser = (text: string) => number | undefined

/** Formats that have a name; `format` may also be a pattern such as `DD.MM.YYYY HH:mm`. */
export const TIME_FORMATS = ['iso', 'epoch_s', 'epoch_ms', 'epoch_us'] as const

const FORMAT_NAMES = TIME_FORMATS.join(', ')

const ISO = new RegExp(
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?/.source +
    / ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?$/.source,
  // RFC 3339 allows a small t and z.
  'i',
)

/**
 * Returns a parser for a named format or a pattern; a string is the error in the pattern or zone.
 */
export function createTimeParser(format: string, timezone: string): TimeParser | string {
  const zone = createZoneOffset(timezone)
  if (zone === undefined) return `'${timezone}' is not a time zone (such as UTC or Europe/Berlin)`
  switch (format) {
    case 'iso':
      return (text) => parseIsoTime(text, zone)
    case 'epoch_s':
      return (text) => parseEpoch(text, 3)
    case 'epoch_ms':
      return (text) => parseEpoch(text, 0)
    case 'epoch_us':
      return (text) => parseEpoch(text, -3)
    default:
      return createPatternParser(format, zone)
  }
}

function parseIsoTime(text: string, zone: ZoneOffset): number | undefined {
  const found = ISO.exec(text)
  if (found === null) return undefined
  const [, year, month, day, hour, minute, second, fraction, offset] = found
  const local = { year, month, day, hour, minute, second, fraction }
  return toUtcMs(local, offset, zone)
}

/** Multiplies a decimal text by 10^shift and cuts it to an integer, without floating point. */
function parseEpoch(text: string, shift: number): number | undefined {
  const [, whole = '', fraction = ''] = /^(\d{1,17})(?:\.(\d*))?$/.exec(text) ?? []
  if (whole === '') {
    // A number with an exponent, as spreadsheets and JSON write large numbers.
    const number = /e/i.test(text) ? parseWholeNumber(text) : undefined
    return number === undefined || number < 0 ? undefined : parseEpoch(String(number), shift)
  }
  const digits =
    shift >= 0 ? whole + fraction.padEnd(shift, '0').slice(0, shift) : whole.slice(0, shift) || '0'
  const value = Number(digits)
  return Number.isSafeInteger(value) ? value : undefined
}

interface LocalTime {
  readonly year: string | undefined
  readonly month: string | undefined
  readonly day: string | undefined
  readonly hour?: string | undefined
  readonly minute?: string | undefined
  readonly second?: string | undefined
  readonly fraction?: string | undefined
}

function toUtcMs(t: LocalTime, offset: string | undefined, zone: ZoneOffset): number | undefined {
  const [year, month, day] = [Number(t.year), Number(t.month), Number(t.day)]
  const [hour, minute, second] = [Number(t.hour ?? 0), Number(t.minute ?? 0), Number(t.second ?? 0)]
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const ms = Number((t.fraction ?? '').padEnd(3, '0').slice(0, 3))
  const local = Date.UTC(year, month - 1, day, hour, minute, second, ms)
  const back = new Date(local)
  // Date.UTC accepts dates that do not exist, such as 31 June, and moves years before 100.
  if (back.getUTCFullYear() !== year) return undefined
  if (back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day) return undefined
  const ahead = offset === undefined ? zone(local) : parseOffset(offset)
  return ahead === undefined ? undefined : local - ahead
}

/** No clocks are further from UTC, in minutes: Baker Island's and the Line Islands'. */
const OFFSET_MIN = -12 * 60
const OFFSET_MAX = 14 * 60

/** In ms; undefined for an offset that no clocks have. */
function parseOffset(offset: string): number | undefined {
  if (!/\d/.test(offset)) return 0
  const sign = offset[0] === '-' ? -1 : 1
  const digits = offset.replace(/\D/g, '').padEnd(4, '0')
  const minute = Number(digits.slice(2))
  const minutes = sign * (Number(digits.slice(0, 2)) * 60 + minute)
  if (minute > 59 || minutes < OFFSET_MIN || minutes > OFFSET_MAX) return undefined
  return minutes * 60_000
}

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')

/** Tokens of a pattern, longer ones first: token, part of the time, regular expression. */
const TOKENS: readonly (readonly [token: string, part: string, match: string])[] = [
  ['YYYY', 'year', '\\d{4}'],
  ['YY', 'year', '\\d{2}'],
  ['MMM', 'monthName', '[A-Za-z]{3}'],
  ['MM', 'month', '\\d\\d'],
  ['M', 'month', '\\d{1,2}'],
  ['DD', 'day', '\\d\\d'],
  ['D', 'day', '\\d{1,2}'],
  ['HH', 'hour', '\\d\\d'],
  ['H', 'hour', '\\d{1,2}'],
  ['hh', 'hour12', '\\d\\d'],
  ['h', 'hour12', '\\d{1,2}'],
  ['mm', 'minute', '\\d\\d'],
  ['ss', 'second', '\\d\\d'],
  ['SSS', 'fraction', '\\d{1,9}'],
  ['A', 'half', '[AaPp][Mm]'],
  ['Z', 'offset', 'Z|[+-]\\d\\d(?::?\\d\\d)?'],
  ['UTC', 'offset', 'UTC'],
  ['GMT', 'offset', 'GMT'],
  ['T', '', 'T'],
]

function createPatternParser(format: string, zone: ZoneOffset): TimeParser | string {
  const parts = new Set<string>()
  let source = ''
  let at = 0
  while (at < format.length) {
    const rest = format.slice(at)
    const token = TOKENS.find(([text]) => rest.startsWith(text))
    const char = format[at] ?? ''
    if (token === undefined) {
      if (/[A-Za-z]/.test(char))
        return `'${format}' is neither ${FORMAT_NAMES} nor a pattern of YYYY MM DD HH mm ss SSS Z`
      source += char.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      at++
      continue
    }
    const [text, part, match] = token
    if (part !== '' && parts.has(part)) return `the pattern '${format}' names its ${part} twice`
    source += part === '' ? match : `(?<${part}>${match})`
    parts.add(part)
    at += text.length
  }
  for (const part of ['year', 'month', 'day'])
    if (!parts.has(part) && !(part === 'month' && parts.has('monthName')))
      return `the pattern '${format}' has no ${part}`
  if (parts.has('hour12') !== parts.has('half'))
    return `the pattern '${format}' needs both h and A (AM or PM), or H`
  return matchPattern(new RegExp(`^${source}$`), zone)
}

function matchPattern(pattern: RegExp, zone: ZoneOffset): TimeParser {
  return (text) => {
    const parts = pattern.exec(text)?.groups
    if (parts === undefined) return undefined
    const { day, minute, second, fraction, offset, monthName } = parts
    const year = completeYear(parts.year)
    const named = monthName === undefined ? -1 : MONTHS.indexOf(monthName.toLowerCase())
    const month = monthName === undefined ? parts.month : String(named + 1)
    let hour = parts.hour
    if (parts.hour12 !== undefined) {
      const hour12 = Number(parts.hour12)
      if (hour12 < 1 || hour12 > 12) return undefined
      hour = String((hour12 % 12) + (parts.half?.toLowerCase() === 'pm' ? 12 : 0))
    }
    return toUtcMs({ year, month, day, hour, minute, second, fraction }, offset, zone)
  }
}

/** 26 is 2026 and 99 is 1999: two digits from 70 on belong to the last century, as in POSIX. */
function completeYear(year: string | undefined): string | undefined {
  if (year?.length !== 2) return year
  return `${Number(year) < 70 ? 20 : 19}${year}`
}

/**
 * How far a zone's clocks are ahead of UTC at a local time, in ms. A local time that occurs twice
 * means the first of the two; one that is skipped is read as if the clocks had not changed yet.
 */
type ZoneOffset = (localMs: number) => number

const DAY_MS = 86_400_000

function createZoneOffset(timezone: string): ZoneOffset | undefined {
  if (timezone === 'UTC') return () => 0
  let readOffset: (utcMs: number) => number
  try {
    readOffset = createOffsetReader(timezone)
  } catch {
    return undefined
  }
  const known = new Map<number, number>()
  return (localMs) => {
    const quarter = Math.floor(localMs / QUARTER_HOUR_MS) * QUARTER_HOUR_MS
    const cached = known.get(quarter)
    if (cached !== undefined) return cached
    const before = readOffset(quarter - DAY_MS)
    const after = readOffset(quarter + DAY_MS)
    const offset = [before, after].find((each) => readOffset(quarter - each) === each) ?? before
    if (known.size > 10_000) known.clear()
    known.set(quarter, offset)
    return offset
  }
}
