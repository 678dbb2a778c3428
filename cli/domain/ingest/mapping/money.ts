/**
 * Amounts of money and whole numbers as text, converted exactly: the decimal mark is moved in the
 * digits, without floating point. An amount is rounded only where the mapping says how.
 */

/** How amounts are written: 35.79, 35,79 (1.234,50), or a number of the smallest unit. */
export const MONEY_STYLES = ['decimal', 'decimal_comma', 'minor'] as const

/** One of MONEY_STYLES. */
export type MoneyStyle = (typeof MONEY_STYLES)[number]

/** How an amount with more than two decimals is rounded: halves to the even cent, or up. */
export const ROUNDINGS = ['half_even', 'half_up'] as const

/** One of ROUNDINGS; half_up rounds halves away from zero. */
export type Rounding = (typeof ROUNDINGS)[number]

/** How the amounts of a column are written beyond their style. */
export interface MoneyOptions {
  /** undefined: an amount that is no whole number of hundredths is a fault. */
  readonly round?: Rounding | undefined
  /** What stands between groups of three digits; ' ' means any kind of space. */
  readonly thousands?: string | undefined
  /** Texts such as € or USD that may stand before or after the amount. */
  readonly symbols?: readonly string[]
  /** Of the style `minor`: decimals of the source's smallest unit, 0 for yen; 2 if not given. */
  readonly decimals?: number | undefined
}

/**
 * Returns the amount in hundredths; undefined unless it is exactly one, or is to be rounded. Zeros
 * may follow the cents. `1e2` is 100.00.
 */
export function parseMoney(
  text: string,
  style: MoneyStyle,
  options: MoneyOptions = {},
): number | undefined {
  const { sign, digits } = splitSign(text, options.symbols ?? [])
  const plain = style === 'decimal_comma' ? commaToPoint(digits, options) : ungroup(digits, options)
  if (plain === undefined) return undefined
  const shift = style === 'minor' ? 2 - (options.decimals ?? 2) : 2
  return parseScaled(sign + plain, shift, options.round)
}

/** Returns the whole number that a text is, also as `2.0` or `1e2`; undefined for any other. */
export function parseWholeNumber(text: string): number | undefined {
  return parseScaled(text, 0)
}

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/

/** Multiplies a decimal text by 10^shift; undefined if the result is not whole or not safe. */
function parseScaled(text: string, shift: number, round?: Rounding): number | undefined {
  const found = DECIMAL.exec(text)
  if (found === null) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = found
  const digits = whole + fraction
  // How many of the digits stand before the decimal mark of the result.
  const kept = whole.length + Number(exponent) + shift
  const integer = kept <= 0 ? '0' : digits.slice(0, kept).padEnd(kept, '0')
  const rest = kept < 0 ? digits.padStart(digits.length - kept, '0') : digits.slice(kept)
  let value = Number(integer)
  if (/[1-9]/.test(rest)) {
    if (round === undefined) return undefined
    const isHalf = /^50*$/.test(rest)
    const isUp = isHalf ? round === 'half_up' || value % 2 === 1 : rest >= '5'
    if (isUp) value++
  }
  // Beyond 2^53 the number would differ from the text; adding 0 turns -0 into 0.
  return Number.isSafeInteger(value) ? (sign === '-' ? -value : value) + 0 : undefined
}

/** Takes the sign and the currency's symbol off: `-€ 5`, `€-5` and `-5 €` are -5. */
function splitSign(text: string, symbols: readonly string[]): { sign: string; digits: string } {
  let rest = text
  let sign = ''
  const takeSign = () => {
    if (sign !== '' || !/^[+-]/.test(rest)) return
    sign = rest.slice(0, 1)
    rest = rest.slice(1).trimStart()
  }
  if (symbols.length === 0) return { sign: '', digits: text }
  takeSign()
  for (const symbol of symbols) {
    if (rest.startsWith(symbol)) rest = rest.slice(symbol.length).trimStart()
    else if (rest.endsWith(symbol)) rest = rest.slice(0, -symbol.length).trimEnd()
    else continue
    break
  }
  takeSign()
  return { sign, digits: rest }
}

/** `1,234.50` → `1234.50` where `thousands` is ','. */
function ungroup(text: string, { thousands }: MoneyOptions): string | undefined {
  if (thousands === undefined || DECIMAL.test(text)) return text
  const [, sign = '', whole = '', rest = ''] = /^([+-]?)([^.]*)(\..*)?$/.exec(text) ?? []
  const plain = joinGroups(whole, [thousands])
  return plain === undefined ? undefined : sign + plain + rest
}

/** `1.234,50` → `1234.50`; points may only separate groups of three digits. */
function commaToPoint(text: string, { thousands }: MoneyOptions): string | undefined {
  const found = /^([+-]?)([^,]*)(?:,(\d*(?:[eE][+-]?\d+)?))?$/.exec(text)
  if (found === null) return undefined
  const [, sign = '', whole = '', cents = ''] = found
  const plain = joinGroups(whole, thousands === undefined ? ['.'] : [thousands, '.'])
  return plain === undefined ? undefined : `${sign}${plain}.${cents}`
}

const SPACES = /[ \u00a0\u2007\u2009\u202f]/g

/** Removes one kind of separator from a whole number, if it separates groups of three digits. */
function joinGroups(whole: string, separators: readonly string[]): string | undefined {
  if (/^\d+$/.test(whole)) return whole
  const spaced = separators.includes(' ') ? whole.replace(SPACES, ' ') : whole
  for (const separator of separators) {
    const groups = spaced.split(separator)
    const [first = '', ...others] = groups
    if (others.length === 0 || !/^\d{1,3}$/.test(first)) continue
    if (others.every((group) => /^\d{3}$/.test(group))) return groups.join('')
  }
  return undefined
}
