/**
 * Converts text to the value of a contract field, exactly or not at all, but for amounts that the
 * mapping says to round.
 */
import { createHash } from 'node:crypto'
import { RowFault } from '../../documents/source-row.ts'
import { CURRENCIES } from '../../events/currencies.ts'
import { isUuid } from '../../kernel/uuid.ts'
import type { ContractField } from './event-contract.ts'
import { type MoneyOptions, type MoneyStyle, parseMoney, parseWholeNumber } from './money.ts'
import type { TimeParser } from './time-parser.ts'
import { normalizePath } from './url-part.ts'

/** Converts the text of a field; RowFault says why it can't. */
export type Converter = (text: string) => unknown | RowFault

const TRUE = new Set(['true', '1', 'yes', 't', 'y'])
const FALSE = new Set(['false', '0', 'no', 'f', 'n'])

/** How the mapping says that times and amounts are written; `timeFormat` is for messages. */
export interface ConvertOptions {
  readonly time: TimeParser
  readonly timeFormat: string
  readonly money: MoneyStyle
  readonly moneyOptions?: MoneyOptions
  /** Whether the minus of an amount or a number is dropped. */
  readonly isAbsolute?: boolean
}

/**
 * Returns the converter for a field. Strings are kept as they are; otherwise
 * blanks around are ignored.
 */
export function createConverter(field: ContractField, options: ConvertOptions): Converter {
  const wrong = (text: string, what: string) =>
    new RowFault('wrong_type', `${field.name}: '${clip(text)}' is ${what}`)
  const sized = (value: number) => (options.isAbsolute ? Math.abs(value) : value)
  switch (field.kind) {
    case 'string':
      return (text) => text
    case 'currency':
      return (text) => {
        const code = text.trim().toUpperCase()
        return CURRENCIES.has(code) ? code : wrong(text, 'no currency code of ISO 4217')
      }
    case 'path':
      return normalizePath
    case 'uuid':
      return (text) => {
        const id = text.trim().toLowerCase()
        return isUuid(id) ? id : wrong(text, 'not a UUID')
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
      return (text) => {
        const { money, moneyOptions } = options
        const value = parseMoney(text.trim(), money, moneyOptions)
        return value === undefined ? wrong(text, notMoney(text.trim(), options)) : sized(value)
      }
    case 'int':
      return (text) => {
        const value = parseWholeNumber(text.trim())
        // Avro's int has 32 bits.
        const isInt = value !== undefined && (value | 0) === value
        return isInt ? sized(value) : wrong(text, 'not an integer')
      }
    case 'long':
      return (text) => {
        const value = parseWholeNumber(text.trim())
        return value === undefined ? wrong(text, 'not an integer') : sized(value)
      }
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

function notMoney(text: string, { money, moneyOptions }: ConvertOptions): string {
  const rounded = parseMoney(text, money, { ...moneyOptions, round: 'half_even' })
  return rounded === undefined
    ? NOT_MONEY[money]
    : `${NOT_MONEY[money]}; \`round\` in the mapping would round it`
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
