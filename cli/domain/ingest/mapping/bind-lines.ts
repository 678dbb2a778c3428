/**
 * Turns the `items` of a mapping into a function that returns the order lines of a row, or of one
 * row of a group.
 */
import { RowFault } from '../../documents/source-row.ts'
import { at, bindRule, missingValue, Supplied } from './bind-rule.ts'
import type { EventFields, ItemsRule, LinesRule, RowContext } from './mapping-spec.ts'
import { type LineAmounts, lineValue, splitLine } from './order-amounts.ts'
import { readOrderLines } from './order-lines.ts'
import { LINE_SUBTOTAL, LINE_TOTAL } from './parse-items.ts'
import type { RowColumns, Scope } from './row-columns.ts'

/** An order line by the contract's names. */
export type OrderLine = EventFields & LineAmounts

/** Returns the lines of a row; undefined if it has none. */
export type ReadLines = (context: RowContext) => readonly OrderLine[] | undefined | RowFault

/** Binds all choices of `items`; the first whose condition holds decides. */
export function bindItems(rule: ItemsRule, columns: RowColumns, scope: Scope): ReadLines {
  const choices = rule.choices.map((lines) => ({
    when: columns.conditions(lines.when, scope),
    read: bindLines(lines, rule, columns, scope),
  }))
  return (context) => choices.find(({ when }) => when === undefined || when(context))?.read(context)
}

function bindLines(
  lines: LinesRule,
  rule: ItemsRule,
  columns: RowColumns,
  scope: Scope,
): ReadLines {
  const entry = bindLine(lines, rule, columns, lines.each.length === 0 ? scope : 'entry')
  if (lines.each.length === 0) return entry
  const list = columns.list(lines.each)
  return (context) => {
    const value = list(context)
    if (value instanceof RowFault) return new RowFault(value.reason, at(rule, value.message))
    return readOrderLines(value, context, entry, rule.place)
  }
}

/** One row or list entry is one line, or two if its total can't be divided by its quantity. */
function bindLine(lines: LinesRule, rule: ItemsRule, columns: RowColumns, scope: Scope): ReadLines {
  const fields = lines.fields.map((each) => bindRule(each, columns, scope))
  return (context) => {
    const item: Record<string, unknown> = {}
    for (const field of rule.field.fields) item[field.name] = field.fallback
    let missing: RowFault | undefined
    let isFound = false
    for (const bound of fields) {
      const { field } = bound.rule
      const value = bound.read(context)
      if (value instanceof RowFault) return value
      if (value === undefined) {
        if (field.isRequired) missing ??= missingValue(bound, context)
      } else if (value instanceof Supplied) item[field.name] = value.value
      else {
        item[field.name] = value
        isFound = true
      }
    }
    // Only values of the file make a line: a page view with a default price has none.
    if (!isFound) return undefined
    return missing ?? settleLine(item, rule)
  }
}

/** Derives what the contract needs from the totals of a line. */
function settleLine(
  item: Record<string, unknown>,
  rule: ItemsRule,
): readonly OrderLine[] | RowFault {
  const { [LINE_SUBTOTAL]: subtotal, [LINE_TOTAL]: total, ...rest } = item
  // The rules of all of these convert to numbers; the contract requires price and quantity.
  const line = rest as OrderLine
  if (typeof subtotal !== 'number' && typeof total !== 'number') {
    if (typeof line.unit_price_minor === 'number') return [line]
    return new RowFault('missing_field', at(rule, 'unit_price_minor: the line has no total either'))
  }
  const { quantity } = line
  if (!(quantity > 0))
    return new RowFault('rule_violation', at(rule, `quantity: ${quantity} is not positive`))
  const price = typeof line.unit_price_minor === 'number' ? line.unit_price_minor : undefined
  const net = typeof total === 'number' ? total : undefined
  const gross =
    typeof subtotal === 'number'
      ? subtotal
      : price === undefined
        ? (net ?? 0) + line.discount_minor
        : price * quantity
  const discount = net === undefined ? line.discount_minor : gross - net
  if (gross < 0 || discount < 0 || !Number.isSafeInteger(gross))
    return new RowFault(
      'rule_violation',
      at(rule, `the line's total ${net ?? gross} exceeds ${gross} before discounts, in hundredths`),
    )
  return divide({ ...line, discount_minor: discount }, gross)
}

function divide(line: OrderLine, gross: number): readonly OrderLine[] {
  const parts = splitLine(gross, line.quantity)
  let left = line.discount_minor
  return parts.map((part, i) => {
    const whole = { ...line, ...part, discount_minor: 0 }
    // The first part takes of the discount what it can.
    const isLast = i === parts.length - 1
    const discount = isLast ? left : Math.min(left, lineValue(whole))
    left -= discount
    return { ...whole, discount_minor: discount }
  })
}
