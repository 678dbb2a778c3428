/** How a rule of a mapping converts text: the format of its times, numbers and amounts. */

import { didYouMean } from '../../kernel/did-you-mean.ts'
import { isObject } from '../../kernel/json.ts'
import { type Converter, createConverter } from './convert-value.ts'
import type { ValueSource } from './mapping-spec.ts'
import { MONEY_STYLES, type MoneyOptions, type MoneyStyle, ROUNDINGS } from './money.ts'
import { parseFlag, type RuleInput, type RuleMap } from './rule-input.ts'
import { createTimeParser, TIME_FORMATS } from './time-parser.ts'

/** Returns the converter of a rule; a constant amount is in hundredths. Faults are noted. */
export function parseConverter(map: RuleMap, source: ValueSource, rule: RuleInput): Converter {
  const { path, field, reader } = rule
  const timeFormat = reader.text(map.format, [...path, 'format']) ?? 'iso'
  const timezone = reader.text(map.timezone, [...path, 'timezone']) ?? rule.timezone
  const isTime = field.kind === 'time'
  for (const key of ['format', 'timezone'])
    if (map[key] !== undefined && !isTime)
      reader.fault(
        [...path, key],
        `"${key}" is for times, which ${field.name} is not.`,
        'Remove it.',
        'key',
      )
  const time = isTime ? createTimeParser(timeFormat, timezone) : () => undefined
  if (typeof time === 'string') {
    const hint = didYouMean(timeFormat, TIME_FORMATS)
    reader.fault([...path, map.format === undefined ? 'timezone' : 'format'], `${time}.`, hint)
  }
  return createConverter(field, {
    time: typeof time === 'string' ? () => undefined : time,
    timeFormat,
    ...parseMoneyFormat(map.money, source, rule),
    isAbsolute: parseFlag(map.absolute, [...path, 'absolute'], reader),
  })
}

interface MoneyFormat {
  readonly money: MoneyStyle
  readonly moneyOptions?: MoneyOptions
}

const MONEY_KEYS = ['style', 'round', 'thousands', 'symbol', 'decimals']
/** Decimals of the smallest units of ISO 4217: yen, cents, fils, and units of account. */
const DECIMALS = ['0', '2', '3', '4'] as const
const THOUSANDS = [',', '.', "'", '’', ' ', '_'] as const

/** `money: decimal`, or a map of MONEY_KEYS. */
function parseMoneyFormat(value: unknown, source: ValueSource, rule: RuleInput): MoneyFormat {
  const { path, field, reader } = rule
  const at = [...path, 'money']
  if (value !== undefined && field.kind !== 'money')
    reader.fault(at, `"money" is for amounts, which ${field.name} is not.`, 'Remove it.', 'key')
  const isMissing = value === undefined && field.kind === 'money' && source.kind !== 'constant'
  if (isMissing)
    reader.fault(
      path,
      `${field.name} does not say how its amounts are written.`,
      `Add money: decimal (35.79), decimal_comma (35,79) or minor (3579).`,
    )
  if (!isObject(value)) return { money: reader.choice(value, at, MONEY_STYLES) ?? 'minor' }
  const map = reader.map(value, at, 'money', MONEY_KEYS)
  const money = reader.choice(map.style, [...at, 'style'], MONEY_STYLES)
  if (map.style === undefined)
    reader.fault(at, 'money has no "style".', 'Add style: decimal, decimal_comma or minor.', 'key')
  const thousands = reader.choice(map.thousands, [...at, 'thousands'], THOUSANDS)
  if (thousands === (money === 'decimal_comma' ? ',' : '.'))
    reader.fault([...at, 'thousands'], `"${thousands}" is the decimal mark of this style.`)
  const round = reader.choice(map.round, [...at, 'round'], ROUNDINGS)
  const decimals = reader.choice(map.decimals, [...at, 'decimals'], DECIMALS)
  if (decimals !== undefined && money !== 'minor')
    reader.fault([...at, 'decimals'], '"decimals" is for style: minor.', 'Remove it.', 'key')
  const symbols = reader.texts(map.symbol, [...at, 'symbol']) ?? []
  const options = { round, thousands, symbols }
  const isCounted = decimals !== undefined
  return {
    money: money ?? 'minor',
    moneyOptions: isCounted ? { ...options, decimals: Number(decimals) } : options,
  }
}
