/**
 * The order lines of a mapping: `items` as one map of rules, or as `choose`, a list of such maps
 * with conditions.
 */
import type { YamlPath } from '../../documents/yaml-document.ts'
import { createAmountField } from './event-contract.ts'
import type { FieldRule, ItemsRule, LinesRule } from './mapping-spec.ts'
import { parseWhen } from './parse-condition.ts'
import { noteUnreachable, parseRule } from './parse-rule.ts'
import type { RuleInput } from './rule-input.ts'

/** Amounts of a whole line, from which its unit price follows. */
export const LINE_SUBTOTAL = 'line_subtotal_minor'
/** As LINE_SUBTOTAL, but after the line's discount. */
export const LINE_TOTAL = 'line_total_minor'

/** Returns undefined if nothing is given; faults are noted. */
export function parseItems(input: RuleInput): ItemsRule | undefined {
  const { value, path, field, reader } = input
  if (value === undefined) return undefined
  const place = `${input.file}:${reader.line(path, 'key')}`
  const map = reader.map(value, path, path.join('.'))
  if (map.choose === undefined) return { field, place, choices: [parseLines(input, path)] }
  reader.checkKeys(map, path, path.join('.'), ['choose'])
  const list = reader.list(map.choose, [...path, 'choose'])
  const choices = list.map((each, i) => {
    const at = [...path, 'choose', i]
    noteUnreachable(each, i === list.length - 1, { path: at, reader })
    return parseLines({ ...input, value: each }, at)
  })
  return { field, place, choices }
}

function parseLines(input: RuleInput, path: YamlPath): LinesRule {
  const { value, field, reader } = input
  const amounts = [LINE_SUBTOTAL, LINE_TOTAL].map(createAmountField)
  const known = [...field.fields, ...amounts]
  const keys = [...known.map((each) => each.name), 'each', 'when']
  const map = reader.map(value, path, path.join('.'), keys)
  const hasTotal = amounts.some((each) => map[each.name] !== undefined)
  const fields: FieldRule[] = []
  for (const each of known) {
    const rule = map[each.name]
    const isFilled = hasTotal && each.name === 'unit_price_minor'
    if (rule !== undefined) {
      // A line total gives the unit price where the row has none.
      const asked = isFilled ? { ...each, isRequired: false } : each
      const at = [...path, each.name]
      const parsed = parseRule({ ...input, value: rule, path: at, field: asked })
      if (parsed !== undefined) fields.push(parsed)
    } else if (each.isRequired && !isFilled)
      reader.fault(
        path,
        `The lines of ${field.name} have no "${each.name}", which the contract asks for.`,
        'Map it to a column or path, or give it a constant.',
        'key',
      )
  }
  if (map[LINE_SUBTOTAL] !== undefined && map[LINE_TOTAL] !== undefined)
    for (const name of ['unit_price_minor', 'discount_minor'])
      if (map[name] !== undefined)
        reader.fault(
          [...path, name],
          `${LINE_SUBTOTAL} and ${LINE_TOTAL} together give ${name} already.`,
          'Remove it, or one of the two.',
          'key',
        )
  return {
    each: reader.texts(map.each, [...path, 'each']) ?? [],
    when: parseWhen(map.when, [...path, 'when'], reader),
    fields,
  }
}
