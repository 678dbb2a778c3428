/**
 * Formats numbers, money and times: exact, in the shop's timezone, a dash for a missing value.
 * Money comes as text and is only compared, never calculated with.
 */

const LOCALE = 'en-GB'
const NOTHING = '–'

let timezone = 'UTC'
/** Empty until the first order. */
let currency = ''
/** @type {Map<string, Intl.NumberFormat | Intl.DateTimeFormat>} */
const formats = new Map()

/**
 * @param {{ timezone: string, currency: string | null }} shop
 * @returns {boolean} whether earlier output would be formatted differently now
 */
export function useShop(shop) {
  const isOther = shop.timezone !== timezone || (shop.currency ?? '') !== currency
  if (shop.timezone !== timezone) formats.clear()
  timezone = shop.timezone
  currency = shop.currency ?? ''
  return isOther
}

export function shopTimezone() {
  return timezone
}

/** @param {Intl.NumberFormatOptions} options */
function numbers(options) {
  const key = `n${JSON.stringify(options)}`
  const known = formats.get(key)
  if (known instanceof Intl.NumberFormat) return known
  const made = new Intl.NumberFormat(LOCALE, options)
  formats.set(key, made)
  return made
}

/** @param {Intl.DateTimeFormatOptions} options */
function times(options) {
  const key = `t${JSON.stringify(options)}`
  const known = formats.get(key)
  if (known instanceof Intl.DateTimeFormat) return known
  const made = new Intl.DateTimeFormat(LOCALE, { timeZone: timezone, ...options })
  formats.set(key, made)
  return made
}

/**
 * A value as a number, undefined if it isn't one.
 * @param {unknown} value
 * @returns {number | undefined}
 */
export function numberOf(value) {
  if (value === null || value === undefined || value === '') return undefined
  const number = Number(value)
  return Number.isFinite(number) ? number : undefined
}

/**
 * Timestamps are ISO text in UTC, with or without the Z.
 * @param {unknown} value
 * @returns {Date | undefined}
 */
export function dateOf(value) {
  if (value === null || value === undefined || value === '') return undefined
  const text = String(value).replace(' ', 'T')
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(text)
  const date = new Date(hasZone || !text.includes('T') ? text : `${text}Z`)
  return Number.isNaN(date.getTime()) ? undefined : date
}

/** @param {unknown} value */
export function count(value) {
  const number = numberOf(value)
  return number === undefined ? NOTHING : numbers({ maximumFractionDigits: 0 }).format(number)
}

/**
 * Formats the text itself, so that no cent is lost to floating point.
 * @param {unknown} value
 * @param {string | null} [of] another currency than the shop's
 */
export function money(value, of) {
  if (numberOf(value) === undefined) return NOTHING
  return moneyFormat(of).format(/** @type {number} */ (value))
}

/**
 * For axes and narrow places: without cents, thousands as K.
 * @param {number} value
 */
export function moneyShort(value) {
  return numbers({
    ...moneyStyle(currency),
    minimumFractionDigits: 0,
    notation: value >= 10_000 ? 'compact' : 'standard',
    maximumFractionDigits: value >= 10_000 ? 1 : 0,
  }).format(value)
}

/**
 * Units and cents separately, so that cents can be smaller.
 * @param {unknown} value
 * @param {string | null} [of]
 * @returns {[units: string, cents: string]}
 */
export function moneyParts(value, of) {
  if (numberOf(value) === undefined) return [NOTHING, '']
  const parts = moneyFormat(of).formatToParts(/** @type {number} */ (value))
  const at = parts.findIndex(({ type }) => type === 'decimal')
  const text = (/** @type {Intl.NumberFormatPart[]} */ some) =>
    some.map((one) => one.value).join('')
  return at < 0 ? [text(parts), ''] : [text(parts.slice(0, at)), text(parts.slice(at))]
}

/**
 * The currency in a row; null: the shop's.
 * @param {Record<string, unknown>} row
 */
export function currencyOf({ currency: named }) {
  return typeof named === 'string' && named !== '' ? named : null
}

/** @param {string | null | undefined} of */
function moneyFormat(of) {
  return numbers(moneyStyle(of || currency))
}

/**
 * @param {string} code
 * @returns {Intl.NumberFormatOptions} a plain number with two decimals without a valid code
 */
function moneyStyle(code) {
  return /^[A-Z]{3}$/.test(code)
    ? { style: 'currency', currency: code, currencyDisplay: 'narrowSymbol' }
    : { minimumFractionDigits: 2, maximumFractionDigits: 2 }
}

/**
 * @param {unknown} share 0 to 1
 * @param {number} [digits]
 */
export function percent(share, digits = 1) {
  const number = numberOf(share)
  if (number === undefined) return NOTHING
  return numbers({
    style: 'percent',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(number)
}

/** @param {unknown} value */
export function timeOfDay(value) {
  return whenFormat(value, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
}

/** @param {unknown} value */
export function hourMinute(value) {
  return whenFormat(value, { hour: '2-digit', minute: '2-digit' })
}

/** @param {unknown} value */
export function dayAndTime(value) {
  return whenFormat(value, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
}

/**
 * A calendar day, which has no timezone.
 * @param {unknown} value YYYY-MM-DD
 * @param {Intl.DateTimeFormatOptions} [options]
 */
export function day(value, options = { weekday: 'short', day: 'numeric', month: 'short' }) {
  return whenFormat(String(value).slice(0, 10), { ...options, timeZone: 'UTC' })
}

/**
 * @param {unknown} value
 * @param {Intl.DateTimeFormatOptions} options
 */
function whenFormat(value, options) {
  const date = value instanceof Date ? value : dateOf(value)
  return date ? times(options).format(date) : NOTHING
}

/**
 * A duration, as short as possible: 40 ms, 1.2 s, 14 s, 3 min, 2 h.
 * @param {unknown} value milliseconds
 */
export function duration(value) {
  const ms = numberOf(value)
  if (ms === undefined) return NOTHING
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 10_000) return `${Number((ms / 1_000).toFixed(1))} s`
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`
  return ms < 172_800_000
    ? `${Math.round(ms / 3_600_000)} h`
    : `${Math.round(ms / 86_400_000)} days`
}

/** A change against fewer visitors, orders … than this is chance: "▲ 65×" of almost nothing. */
const COMPARED_MIN = 5

/**
 * How far `now` is above or below `before`: "▲ 12%"; undefined if there is nothing to compare, or
 * too little.
 * @param {unknown} now
 * @param {unknown} before
 * @param {unknown} [basis] how many things `before` is about, if it is not their number itself
 * @returns {string | undefined}
 */
export function difference(now, before, basis = before) {
  const a = numberOf(now)
  const b = numberOf(before)
  if (a === undefined || b === undefined || b === 0) return undefined
  if ((numberOf(basis) ?? 0) < COMPARED_MIN) return undefined
  const change = a / b - 1
  if (Math.abs(change) < 0.0005) return '= same'
  const size = Math.abs(change)
  const text = size >= 10 ? `${count(a / b)}×` : percent(size, size < 0.1 ? 1 : 0)
  return `${change > 0 ? '▲' : '▼'} ${text}`
}
