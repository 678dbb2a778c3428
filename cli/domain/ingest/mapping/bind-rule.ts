/**
 * Turns the rule of one field into a function of a row. A value that the file doesn't have is
 * explained, with the place of the rule that decided so.
 */
import { RowFault } from '../../documents/source-row.ts'
import type { FieldRule, RowContext, ValueSource } from './mapping-spec.ts'
import type { ReadText, RowColumns, Scope } from './row-columns.ts'
import { isUrl, readUrlPart } from './url-part.ts'
import { readDevice } from './user-agent-device.ts'
import { hasEveryEntry } from './value-path.ts'

/** Returned for a field whose value makes the mapping leave the row out. */
export const LEFT_OUT = Symbol('left out')

/** A value that the mapping supplies: a constant or a default. */
export class Supplied {
  readonly value: unknown

  constructor(value: unknown) {
    this.value = value
  }
}

/** A rule bound to one file. */
export interface BoundRule {
  readonly rule: FieldRule
  /** Returns a value, Supplied, LEFT_OUT, RowFault, or undefined for no value. */
  readonly read: (context: RowContext) => unknown
  /** Says why `read` returned undefined. */
  readonly explain: (context: RowContext) => string
}

/** Binds a rule; missing columns are noted in `columns`. */
export function bindRule(rule: FieldRule, columns: RowColumns, scope: Scope): BoundRule {
  const when = columns.conditions(rule.when, scope, rule.isOptional)
  const { read, explain } = bindAny(rule, columns, scope)
  if (when === undefined) return { rule, read, explain }
  return {
    rule,
    read: (context) => (when(context) ? read(context) : undefined),
    explain: (context) => (when(context) ? explain(context) : at(rule, 'its "when" does not hold')),
  }
}

function bindAny(rule: FieldRule, columns: RowColumns, scope: Scope): Omit<BoundRule, 'rule'> {
  const { source } = rule
  if (source.kind === 'choose') return bindChoose(rule, columns, scope)
  if (source.kind === 'from' && source.paths.some(hasEveryEntry))
    return bindSum(source.paths, { rule, columns, scope })
  return bindSource(rule, columns, scope)
}

interface RuleBinding {
  readonly rule: FieldRule
  readonly columns: RowColumns
  readonly scope: Scope
}

/** The sum of the amounts at the first of these paths that has any. */
function bindSum(
  paths: readonly string[],
  { rule, columns, scope }: RuleBinding,
): Omit<BoundRule, 'rule'> {
  const { field, convert, fallback, isOptional } = rule
  const reads = paths.map((path) => columns.texts(path, isOptional, scope))
  const supplied = fallback === undefined ? undefined : new Supplied(convert(fallback))
  const placed = (fault: RowFault) => new RowFault(fault.reason, at(rule, fault.message))
  const read = (context: RowContext) => {
    for (const readTexts of reads) {
      const texts = readTexts(context)
      if (texts instanceof RowFault) return placed(texts)
      if (texts === undefined) continue
      let sum = 0
      for (const text of texts) {
        const value = convert(text)
        if (value instanceof RowFault) return placed(value)
        // Only amounts have such paths, and these convert to numbers.
        sum += value as number
      }
      if (Number.isSafeInteger(sum)) return sum
      return placed(new RowFault('wrong_type', `${field.name}: the sum is too large`))
    }
    return supplied
  }
  return { read, explain: () => at(rule, `${describeSource(rule.source)} has no value`) }
}

function bindChoose(rule: FieldRule, columns: RowColumns, scope: Scope): Omit<BoundRule, 'rule'> {
  const rules = rule.source.kind === 'choose' ? rule.source.rules : []
  const choices = rules.map((each) => ({
    when: columns.conditions(each.when, scope, each.isOptional),
    bound: bindRule({ ...each, when: [] }, columns, scope),
  }))
  const choose = (context: RowContext) =>
    choices.find(({ when }) => when === undefined || when(context))?.bound
  return {
    read: (context) => choose(context)?.read(context),
    explain: (context) =>
      choose(context)?.explain(context) ?? at(rule, 'no "when" of its choices holds'),
  }
}

function bindSource(rule: FieldRule, columns: RowColumns, scope: Scope): Omit<BoundRule, 'rule'> {
  const { url, letterCase, leavesOut, values, otherwise, convert, field } = rule
  const readText = bindText(rule, columns, scope)
  const fallback = rule.fallback === undefined ? undefined : new Supplied(convert(rule.fallback))
  const constant =
    rule.source.kind === 'constant' ? new Supplied(convert(rule.source.value)) : undefined
  const isPlain =
    url === undefined &&
    letterCase === undefined &&
    !rule.isUserAgent &&
    values === undefined &&
    !leavesOut
  const placed = (fault: RowFault) => new RowFault(fault.reason, at(rule, fault.message))
  const change = (given: string): string | undefined | RowFault | typeof LEFT_OUT => {
    let text: string | undefined = given
    if (url !== undefined) text = readUrlPart(text, url)
    if (text !== undefined && rule.isUserAgent) text = readDevice(text)
    if (letterCase === 'upper') text = text?.toUpperCase()
    if (letterCase === 'lower') text = text?.toLowerCase()
    if (text !== undefined && leavesOut?.(text)) return LEFT_OUT
    if (text === undefined || values === undefined) return text
    const mapped = values.get(text) ?? otherwise
    if (mapped !== undefined) return mapped ?? undefined
    return placed(
      new RowFault('wrong_type', `${field.name}: the mapping has no value for '${text}'`),
    )
  }
  const read = (context: RowContext) => {
    if (constant !== undefined && isPlain) return constant
    const given = readText(context)
    if (given instanceof RowFault) return placed(given)
    const text = given === undefined || isPlain ? given : change(given)
    if (text instanceof RowFault || text === LEFT_OUT) return text
    if (text === undefined) return fallback
    const value = convert(text)
    return value instanceof RowFault ? placed(value) : value
  }
  const explain = (context: RowContext) => {
    const text = readText(context)
    if (text === undefined || text instanceof RowFault)
      return at(rule, `${describeSource(rule.source)} has no value`)
    return at(rule, explainChange(text, rule))
  }
  return { read, explain }
}

/** Why a text that the row has gives no value. */
function explainChange(text: string, { url, isUserAgent }: FieldRule): string {
  const shown = `'${text.length > 60 ? `${text.slice(0, 60)}…` : text}'`
  if (url !== undefined && !isUrl(text)) return `${shown} is not a URL`
  if (url !== undefined)
    return `${shown} has no ${typeof url === 'string' ? url : `parameter ${url.query}`}`
  if (isUserAgent) return `the user agent ${shown} names no device`
  return `"values" maps ${shown} to no value`
}

function bindText(rule: FieldRule, columns: RowColumns, scope: Scope): ReadText {
  const { source, isOptional } = rule
  switch (source.kind) {
    case 'constant':
      return () => source.value
    case 'from': {
      const reads = columns.anyOf(source.paths, isOptional, scope)
      return (context) => {
        for (const read of reads) {
          const text = read(context)
          if (text !== undefined) return text
        }
        return undefined
      }
    }
    case 'template': {
      const parts = source.parts.map((part) =>
        'path' in part ? columns.text(part.path, isOptional, scope) : () => part.text,
      )
      return (context) => {
        let whole = ''
        for (const part of parts) {
          const text = part(context)
          if (text === undefined || text instanceof RowFault) return text
          whole += text
        }
        return whole
      }
    }
    case 'hash':
      return columns.hash(source.paths, isOptional, scope)
    case 'choose':
      return () => undefined
  }
}

/** The fault of a required field that has no value. */
export function missingValue({ rule, explain }: BoundRule, context: RowContext): RowFault {
  return new RowFault('missing_field', `${rule.field.name}: ${explain(context)}`)
}

/** A message with the place of the rule in the mapping. */
export function at(rule: { readonly place: string }, message: string): string {
  return `${message} (${rule.place})`
}

function describeSource(source: ValueSource): string {
  switch (source.kind) {
    case 'from':
    case 'hash':
      return source.paths.join(' or ')
    case 'constant':
    case 'choose':
      return `the ${source.kind}`
    case 'template':
      return source.parts.map((part) => ('path' in part ? `{${part.path}}` : part.text)).join('')
  }
}
