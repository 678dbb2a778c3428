/**
 * The rule for one field of a mapping file: `user_id` for a column, `[user_id, uid]` for the first
 * that has a value, or a map of keys for anything else. `choose` lists rules with conditions.
 */

import type { DocumentReader } from '../../documents/document-reader.ts'
import { RowFault } from '../../documents/source-row.ts'
import type { YamlPath } from '../../documents/yaml-document.ts'
import { didYouMean } from '../../kernel/did-you-mean.ts'
import { isObject } from '../../kernel/json.ts'
import type { Converter } from './convert-value.ts'
import type { FieldRule } from './mapping-spec.ts'
import { parseTest, parseWhen } from './parse-condition.ts'
import { parseConverter } from './parse-converter.ts'
import { parseSource, SOURCE_KEYS } from './parse-source.ts'
import { parseFlag, type RuleInput, type RuleMap } from './rule-input.ts'
import type { UrlPart } from './url-part.ts'

const RULE_KEYS = [
  ...SOURCE_KEYS,
  'values',
  'otherwise',
  'leave_out',
  'default',
  'format',
  'timezone',
  'money',
  'absolute',
  'url',
  'case',
  'user_agent',
  'optional',
  'sum',
  'spread',
  'choose',
  'when',
]

/** Returns undefined if the rule has no usable source; its faults are noted. */
export function parseRule(rule: RuleInput): FieldRule | undefined {
  const { value, path, field, reader } = rule
  const isShort = typeof value === 'string' || Array.isArray(value)
  const map = isShort ? { from: value } : reader.map(value, path, path.join('.'), RULE_KEYS)
  if (!isShort && !isObject(value)) return undefined
  if (map.choose !== undefined) return parseChoose(map, rule)
  const source = parseSource(map, rule)
  if (source === undefined) return undefined
  const convert = parseConverter(map, source, rule)
  if (source.kind === 'constant') checkConstant(source.value, [...path, 'constant'], convert, rule)
  const fallback = reader.text(map.default, [...path, 'default'])
  if (fallback !== undefined) checkConstant(fallback, [...path, 'default'], convert, rule)
  checkFlags(map, rule)
  return {
    field,
    place: `${rule.file}:${reader.line(path, 'key')}`,
    source,
    isOptional: parseFlag(map.optional, [...path, 'optional'], reader),
    when: parseWhen(map.when, [...path, 'when'], reader),
    url: parseUrl(map.url, [...path, 'url'], reader),
    letterCase: reader.choice(map.case, [...path, 'case'], ['upper', 'lower'] as const),
    isUserAgent: reader.choice(map.user_agent, [...path, 'user_agent'], ['device']) !== undefined,
    leavesOut: parseLeaveOut(map, rule),
    ...parseValues(map, convert, rule),
    fallback,
    isSum: parseFlag(map.sum, [...path, 'sum'], reader),
    convert,
  }
}

/** `choose` lists rules; all but the last need a condition. */
function parseChoose(map: RuleMap, rule: RuleInput): FieldRule | undefined {
  const { path, field, reader } = rule
  for (const key of Object.keys(map))
    if (key !== 'choose' && key !== 'when' && key !== 'spread')
      reader.fault(
        [...path, key],
        `"${key}" belongs into the rules of "choose".`,
        'Move it.',
        'key',
      )
  const list = reader.list(map.choose, [...path, 'choose'])
  const rules = list.flatMap((value, i) => {
    const at = [...path, 'choose', i]
    noteUnreachable(value, i === list.length - 1, { ...rule, path: at })
    return parseRule({ ...rule, value, path: at }) ?? []
  })
  return {
    field,
    place: `${rule.file}:${reader.line(path, 'key')}`,
    source: { kind: 'choose', rules },
    isOptional: false,
    when: parseWhen(map.when, [...path, 'when'], reader),
    url: undefined,
    letterCase: undefined,
    isUserAgent: false,
    leavesOut: undefined,
    values: undefined,
    otherwise: undefined,
    fallback: undefined,
    isSum: rules.some((each) => each.isSum),
    convert: (text) => text,
  }
}

/** Notes a fault if a rule of `choose` has no condition, although others follow it. */
export function noteUnreachable(
  value: unknown,
  isLast: boolean,
  { path, reader }: Pick<RuleInput, 'path' | 'reader'>,
): void {
  if (isLast || (isObject(value) && value.when !== undefined)) return
  reader.fault(path, 'This rule has no "when", so those after it never apply.', 'Move it down.')
}

function parseValues(
  map: RuleMap,
  convert: Converter,
  rule: RuleInput,
): Pick<FieldRule, 'values' | 'otherwise'> {
  const { path, reader } = rule
  const values =
    map.values === undefined ? undefined : reader.map(map.values, [...path, 'values'], 'values')
  const otherwise =
    map.otherwise === null ? null : reader.text(map.otherwise, [...path, 'otherwise'])
  if (typeof otherwise === 'string') checkConstant(otherwise, [...path, 'otherwise'], convert, rule)
  if (otherwise !== undefined && values === undefined)
    reader.fault(
      [...path, 'otherwise'],
      '"otherwise" needs "values".',
      'Use "default" instead?',
      'key',
    )
  const pairs = Object.entries(values ?? {}).map(([from, to]) => {
    const at = [...path, 'values', from]
    const text = reader.text(to, at) ?? ''
    checkConstant(text, at, convert, rule)
    return [from, text] as const
  })
  return { values: values === undefined ? undefined : new Map(pairs), otherwise }
}

/** A list of values, or the tests of a condition for the values that `values` doesn't list. */
function parseLeaveOut(map: RuleMap, { path, field, reader }: RuleInput): FieldRule['leavesOut'] {
  if (map.leave_out === undefined) return undefined
  const at = [...path, 'leave_out']
  if (field.name !== 'event_type')
    reader.fault(at, 'Only event_type can leave rows out.', 'Move it there.', 'key')
  const test = parseTest(map.leave_out, at, reader)
  const listed = isObject(map.leave_out) && isObject(map.values) ? map.values : {}
  return (text) => test(text) && !Object.hasOwn(listed, text)
}

/** Keys that only some fields can have. */
function checkFlags(map: RuleMap, { path, field, reader }: RuleInput): void {
  const isNumber = ['money', 'int', 'long'].includes(field.kind)
  const fault = (key: string, message: string) =>
    map[key] !== undefined && reader.fault([...path, key], message, 'Remove it.', 'key')
  if (!isNumber) fault('absolute', `"absolute" is for numbers, which ${field.name} is not.`)
  if (field.kind !== 'money' || path[1] === 'items')
    fault('sum', `"sum" is for amounts of the whole order, which ${field.name} is not.`)
  if (field.name !== 'discount_minor' || path[1] === 'items')
    fault('spread', '"spread" is for the discount of the whole order.')
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
  const hint = () =>
    field.symbols.length > 0 ? didYouMean(text, field.symbols) : 'Correct the value.'
  reader.fault(at, `${value.message}.`, hint)
}

function parseUrl(value: unknown, path: YamlPath, reader: DocumentReader): UrlPart | undefined {
  const text = reader.text(value, path)
  if (text === undefined || text === 'path' || text === 'host') return text
  const query = /^query\.(.+)$/.exec(text)?.[1]
  if (query === undefined)
    reader.fault(path, `"${text}" is no part of a URL.`, 'Known: path, host, query.NAME.')
  return query === undefined ? undefined : { query }
}
