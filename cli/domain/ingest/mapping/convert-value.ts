/**
 * Converts text to the value of a contract field, exactly or not at all: money by moving the
 * decimal mark in the text (no floating point), integers only where the text is one.
 */
import { createHash } from 'node:crypto'
import { RowFault } from '../../documents/source-row.ts'
import { CURRENCIES } from '../../events/currencies.ts'
import type { ContractField } from './event-contract.ts'
import type { TimeParser } from './time-parser.ts'

/** Converts the text of a field; RowFault says why it can't. */
export type Converter = (text: string) => unknown | RowFault

/** How amounts are written: 35.79, 35,79 (1.234,50), or hundredths. */
export const MONEY_STYLES = ['decimal', 'decimal_comma', 'minor'] as const

/** One of MONEY_STYLES. */
export type MoneyStyle = (typeof MONEY_STYLES)[number]

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const TRUE = new Set(['true', '1', 'yes', 't', 'y'])
const FALSE = new Set(['false', '0', 'no', 'f', 'n'])

/** How the mapping says that times and amounts are written; `timeFormat` is for messages. */
export interface ConvertOptions {
  readonly time: TimeParser
  readonly timeFormat: string
  readonly money: MoneyStyle
}

/**
 * Returns the converter for a field. Strings are kept as they are; otherwise
 * blanks around are ignored.
 */
export function createConverter(field: ContractField, options: ConvertOptions): Converter {
  const wrong = (text: string, what: string) =>
    new RowFault('wrong_type', `${field.name}: '${clip(text)}' is ${what}`)
  switch (field.kind) {
    case 'string':
      return (text) => text
    case 'currency':
      return (text) => {
        const code = text.trim().toUpperCase()
        return CURRENCIES.has(code) ? code : wrong(text, 'no currency code of ISO 4217')
      }
    case 'uuid':
      return (text) => {
        const id = text.trim().toLowerCase()
        return UUID.test(id) ? id : wrong(text, 'not a UUID')
      }
    case 'enum': {
      const symbols = new Set(field.symbols)
      return (text) => {
        const symbol = text.trim()
        return symbols.has(symbol) ? symbol : wrong(text, `not one of ${field.symbols.join(', ')}`)
      }
    }
    case 'time':
      return (text) =>
        options.time(text.trim()) ?? wrong(text, `not a time of the format '${options.timeFormat}'`)
    case 'money':
      return (text) =>
        parseMoney(text.trim(), options.money) ?? wrong(text, NOT_MONEY[options.money])
    case 'int':
      return (text) => {
        const value = parseWholeNumber(text.trim())
        // Avro's int has 32 bits.
        return value !== undefined && (value | 0) === value ? value : wrong(text, 'not an integer')
      }
    case 'long':
      return (text) => parseWholeNumber(text.trim()) ?? wrong(text, 'not an integer')
    case 'boolean':
      return (text) => {
        const word = text.trim().toLowerCase()
        if (TRUE.has(word)) return true
        return FALSE.has(word) ? false : wrong(text, 'neither true nor false')
      }
    case 'items':
      return (text) => wrong(text, 'not a list of items')
  }
}

const NOT_MONEY: Readonly<Record<MoneyStyle, string>> = {
  decimal: 'not an amount with up to two decimals',
  decimal_comma: 'not an amount with up to two decimals after a comma',
  minor: 'not an integer number of hundredths',
}

/**
 * Parses an amount into hundredths; undefined unless it is exactly one. Zeros may follow the cents.
 */
export function parseMoney(text: string, style: MoneyStyle): number | undefined {
  if (style === 'minor') return parseWholeNumber(text)
  const plain = style === 'decimal' ? text : commaToPoint(text)
  const found = /^([+-]?)(\d+)(?:\.(\d{0,2})0*)?$/.exec(plain ?? '')
  if (found === null) return undefined
  const [, sign = '', whole = '', cents = ''] = found
  return parseWholeNumber(`${sign === '-' ? '-' : ''}${whole}${cents.padEnd(2, '0')}`)
}

/** `1.234,50` → `1234.50`; points may only separate groups of three digits. */
function commaToPoint(text: string): string | undefined {
  const found = /^([+-]?)(\d+|\d{1,3}(?:\.\d{3})+)(?:,(\d*))?$/.exec(text)
  if (found === null) return undefined
  const [, sign = '', whole = '', cents = ''] = found
  return `${sign}${whole.replaceAll('.', '')}.${cents}`
}

function parseWholeNumber(text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined
  const value = Number(text)
  // Turns -0 into 0; beyond 2^53 the number would differ from the text.
  return Number.isSafeInteger(value) ? value + 0 : undefined
}

/**
 * Derives a UUID from a text: 122 bits of its SHA-256 in the layout of version 8 (RFC 9562), which
 * is meant for such uses. The same text gives the same id on any machine.
 */
export function hashUuid(text: string): string {
  const bytes = createHash('sha256').update(text).digest()
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex', 0, 16)
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Whether objects and arrays are nested more than `levels` deep; looks no deeper than that. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((each) => isDeeperThan(each, levels - 1))
}

/**
 * Renders a JSON value with sorted keys, so that equal values have equal texts.
 * Recursive: check the depth first.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
