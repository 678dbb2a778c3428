/**
 * The rule for one field of a mapping file: `user_id` for a column, `[user_id, uid]` for the first
 * that has a value, or a map of keys for anything else.
 */

import type { DocumentReader } from '../../documents/document-reader.ts'
import { RowFault } from '../../documents/source-row.ts'
import type { YamlPath } from '../../documents/yaml-document.ts'
import { didYouMean } from '../../kernel/did-you-mean.ts'
import { isObject } from '../../kernel/json.ts'
import { type Converter, createConverter, MONEY_STYLES } from './convert-value.ts'
import type { ContractField } from './event-contract.ts'
import type { FieldRule, TemplatePart, UrlPart, ValueSource } from './mapping-spec.ts'
import { createTimeParser, TIME_FORMATS } from './time-parser.ts'
import { parsePath } from './value-path.ts'

const SOURCE_KEYS = ['from', 'constant', 'template', 'hash']

const RULE_KEYS = [
  ...SOURCE_KEYS,
  'values',
  'otherwise',
  'leave_out',
  'default',
  'format',
  'timezone',
  'money',
  'url',
  'optional',
  'when',
]

/** A rule as YAML, and what is needed to check it. */
export interface RuleInput {
  readonly value: unknown
  readonly path: YamlPath
  readonly field: ContractField
  /** Time zone for texts that name none. */
  readonly timezone: string
  readonly reader: DocumentReader
}

/** Returns undefined if the rule has no usable source; its faults are noted. */
export function parseRule(rule: RuleInput): FieldRule | undefined {
  const { value, path, field, reader } = rule
  const isShort = typeof value === 'string' || Array.isArray(value)
  const map = isShort ? { from: value } : reader.map(value, path, path.join('.'), RULE_KEYS)
  if (!isShort && !isObject(value)) return undefined
  const source = parseSource(map, rule)
  if (source === undefined) return undefined
  const convert = parseConverter(map, source, rule)
  const values =
    map.values === undefined ? undefined : reader.map(map.values, [...path, 'values'], 'values')
  const otherwise =
    map.otherwise === null ? null : reader.text(map.otherwise, [...path, 'otherwise'])
  const fallback = reader.text(map.default, [...path, 'default'])
  if (source.kind === 'constant') checkConstant(source.value, [...path, 'constant'], convert, rule)
  if (typeof otherwise === 'string') checkConstant(otherwise, [...path, 'otherwise'], convert, rule)
  if (fallback !== undefined) checkConstant(fallback, [...path, 'default'], convert, rule)
  const pairs = Object.entries(values ?? {}).map(([from, to]) => {
    const at = [...path, 'values', from]
    const text = reader.text(to, at) ?? ''
    checkConstant(text, at, convert, rule)
    return [from, text] as const
  })
  const leaveOut = reader.texts(map.leave_out, [...path, 'leave_out']) ?? []
  if (leaveOut.length > 0 && field.name !== 'event_type')
    reader.fault(
      [...path, 'leave_out'],
      'Only event_type can leave rows out.',
      'Move it there.',
      'key',
    )
  if (otherwise !== undefined && values === undefined)
    reader.fault(
      [...path, 'otherwise'],
      '"otherwise" needs "values".',
      'Use "default" instead?',
      'key',
    )
  return {
    field,
    source,
    isOptional: parseFlag(map.optional, [...path, 'optional'], reader),
    when: parseWhen(map.when, [...path, 'when'], reader),
    url: parseUrl(map.url, [...path, 'url'], reader),
    leaveOut: new Set(leaveOut),
    values: values === undefined ? undefined : new Map(pairs),
    otherwise,
    fallback,
    convert,
  }
}

type RuleMap = Readonly<Record<string, unknown>>

function parseSource(map: RuleMap, { path, reader }: RuleInput): ValueSource | undefined {
  const given = SOURCE_KEYS.filter((key) => map[key] !== undefined)
  const [kind] = given
  if (kind === undefined || given.length > 1) {
    const has = given.join(', ') || 'none'
    const message = `${path.join('.')} needs one of ${SOURCE_KEYS.join(', ')}; it has ${has}.`
    reader.fault(
      path,
      message,
      'A value has one source; `from` takes a list of columns to try.',
      'key',
    )
    return undefined
  }
  const at = [...path, kind]
  if (kind === 'constant') {
    const value = reader.text(map.constant, at)
    return value === undefined ? undefined : { kind, value }
  }
  if (kind === 'template') {
    const text = reader.text(map.template, at)
    return text === undefined ? undefined : { kind, parts: parseTemplate(text, at, reader) }
  }
  const paths = reader.texts(map[kind], at) ?? []
  for (const each of paths) checkPath(each, at, reader)
  return { kind: kind === 'hash' ? 'hash' : 'from', paths }
}

function checkPath(path: string, at: YamlPath, reader: DocumentReader): void {
  // A column of a CSV file may have any name; one with brackets is a path for sure.
  if (path === '' || (/[[\]]/.test(path) && parsePath(path.replace(/^\$\./, '')) === undefined))
    reader.fault(at, `"${path}" is no column or path.`, 'Paths look like user.id or items[0].sku.')
}

/** `/p/{product_id}`; `{{` and `}}` stand for braces. */
function parseTemplate(
  text: string,
  at: YamlPath,
  reader: DocumentReader,
): readonly TemplatePart[] {
  const parts: TemplatePart[] = []
  for (const [whole, path] of text.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]/g)) {
    if (path !== undefined) {
      checkPath(path, at, reader)
      parts.push({ path })
    } else if (whole === '{' || whole === '}')
      reader.fault(at, `A "${whole}" in the template is not paired.`, `Write "${whole}${whole}".`)
    else parts.push({ text: whole === '{{' || whole === '}}' ? whole.slice(1) : whole })
  }
  return parts
}

function parseConverter(map: RuleMap, source: ValueSource, rule: RuleInput): Converter {
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
  const money = reader.choice(map.money, [...path, 'money'], MONEY_STYLES)
  if (map.money !== undefined && field.kind !== 'money')
    reader.fault(
      [...path, 'money'],
      `"money" is for amounts, which ${field.name} is not.`,
      'Remove it.',
      'key',
    )
  if (map.money === undefined && field.kind === 'money' && source.kind !== 'constant')
    reader.fault(
      path,
      `${field.name} does not say how its amounts are written.`,
      `Add money: decimal (35.79), decimal_comma (35,79) or minor (3579).`,
    )
  return createConverter(field, {
    time: typeof time === 'string' ? () => undefined : time,
    timeFormat,
    money: money ?? 'minor',
  })
}

/** Checks a value that the mapping itself supplies, before any row is read. */
function checkConstant(
  text: string,
  at: YamlPath,
  convert: Converter,
  { field, reader }: RuleInput,
): void {
  const value = convert(text)
  if (!(value instanceof RowFault)) return
  const hint = field.symbols.length > 0 ? didYouMean(text, field.symbols) : 'Correct the value.'
  reader.fault(at, `${value.message}.`, hint)
}

function parseFlag(value: unknown, path: YamlPath, reader: DocumentReader): boolean {
  if (value !== undefined && typeof value !== 'boolean')
    reader.fault(path, `${path.join('.')} is neither true nor false.`, 'Write true or false.')
  return value === true
}

function parseUrl(value: unknown, path: YamlPath, reader: DocumentReader): UrlPart | undefined {
  const text = reader.text(value, path)
  if (text === undefined || text === 'path' || text === 'host') return text
  const query = /^query\.(.+)$/.exec(text)?.[1]
  if (query === undefined)
    reader.fault(path, `"${text}" is no part of a URL.`, 'Known: path, host, query.NAME.')
  return query === undefined ? undefined : { query }
}

/** `when: { column: value }` or `{ column: [values] }`; all of them must hold. */
export function parseWhen(
  value: unknown,
  path: YamlPath,
  reader: DocumentReader,
): FieldRule['when'] {
  if (value === undefined) return []
  return Object.entries(reader.map(value, path, path.join('.'))).map(([column, wanted]) => ({
    path: column,
    values: new Set(reader.texts(wanted, [...path, column])),
  }))
}
