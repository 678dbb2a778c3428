/**
 * Applies a mapping to rows: each row of a file, or each group of rows, becomes an event, or a
 * fault that says why it can't. Columns are resolved once per file, so that a row needs no lookup
 * by name.
 */

import { RowFault, type RowValues } from '../../documents/source-row.ts'
import { throwAll } from '../../kernel/errors.ts'
import { appendAll } from '../../kernel/lists.ts'
import { bindItems, type OrderLine } from './bind-lines.ts'
import { at, type BoundRule, bindRule, LEFT_OUT, missingValue, Supplied } from './bind-rule.ts'
import type { EventContract } from './event-contract.ts'
import type { EventFields, FieldRule, ItemsRule, MappingSpec, RowContext } from './mapping-spec.ts'
import { discountLines, lineValue } from './order-amounts.ts'
import { type MappedFile, RowColumns } from './row-columns.ts'

/** What became of a row. */
export type MappedRow =
  | { readonly kind: 'event'; readonly event: EventFields }
  /** The mapping leaves this event type out. */
  | { readonly kind: 'left_out' }
  | RowFault

/**
 * Maps one row; `line` is the row's first line in the file. `rows` are all rows of a group, the
 * first of which is `values`.
 */
export type RowMapper = (values: RowValues, line: number, rows?: readonly RowValues[]) => MappedRow

/**
 * Returns the mapper for one file. Throws CCS_IMPORT_INVALID with all columns that the mapping
 * names and the header lacks, located in the file.
 */
export function bindMapping(
  spec: MappingSpec,
  contract: EventContract,
  source: MappedFile,
): RowMapper {
  const columns = new RowColumns(spec, source)
  const isGrouped = spec.group !== undefined
  const isType = ({ field }: FieldRule) => field.name === 'event_type'
  const types = spec.fields.filter(isType).map((rule) => bindField(rule, columns, isGrouped))
  const others = spec.fields
    .filter((rule) => !isType(rule))
    .map((rule) => bindField(rule, columns, isGrouped))
  const items = spec.items && bindItems(spec.items, columns, isGrouped ? 'line' : 'row')
  const order = bindOrder(spec, columns, isGrouped)
  for (const path of spec.group ?? []) columns.text(path, false, 'row')
  throwAll(columns.faults)
  return (values, line, rows = [values]) => {
    const merged = columns.merge(rows)
    let context: RowContext = { row: merged, root: merged, rows, line, eventType: '' }
    const event: Record<string, unknown> = {}
    for (const field of contract.fields) event[field.name] = field.fallback
    const typeFault = fillFields(event, types, context)
    if (typeFault !== undefined) return typeFault
    const eventType = String(event.event_type)
    context = { ...context, eventType }
    const fault = fillFields(event, others, context)
    if (fault !== undefined) return fault
    const lines: OrderLine[] = []
    for (const row of items === undefined ? [] : rows) {
      const found = items?.(rows.length === 1 ? context : { ...context, row })
      if (found instanceof RowFault) return found
      if (found !== undefined) appendAll(lines, found)
    }
    const settled = order(event, lines, context)
    if (settled instanceof RowFault) return settled
    if (spec.items !== undefined && settled.length > 0) event[spec.items.field.name] = settled
    return (
      explainMissing(event, { contract, others, items: spec.items, eventType, context }) ?? {
        kind: 'event',
        event,
      }
    )
  }
}

/** In a group, an amount of the whole order is the sum of its rows, or the same in all of them. */
function bindField(rule: FieldRule, columns: RowColumns, isGrouped: boolean): BoundRule {
  const bound = bindRule(rule, columns, 'row')
  const isWhole = rule.field.kind === 'money' || WHOLE.has(rule.field.name)
  if (!isGrouped || !isWhole) return bound
  const perRow = bindRule(rule, columns, 'part')
  const read = (context: RowContext) => {
    if (context.rows.length === 1) return bound.read(context)
    let whole: unknown
    for (const row of context.rows) {
      const value = perRow.read({ ...context, row })
      if (value instanceof RowFault || value === LEFT_OUT) return value
      if (value === undefined || value instanceof Supplied) continue
      if (whole === undefined) whole = value
      else if (rule.isSum && typeof whole === 'number' && typeof value === 'number') whole += value
      else if (whole !== value) return unequal(rule, whole, value)
    }
    return whole ?? bound.read(context)
  }
  return { ...bound, read }
}

/** Fields other than amounts that the rows of one order can't differ in. */
const WHOLE = new Set(['event_type', 'order_id', 'currency'])

function unequal(rule: FieldRule, one: unknown, other: unknown): RowFault {
  const hint = rule.field.kind === 'money' ? ' (in hundredths); "sum: true" would add them up' : ''
  return new RowFault(
    'rule_violation',
    at(rule, `${rule.field.name}: rows of one order have ${one} and ${other}${hint}`),
  )
}

/** Fills fields of the event; returns what ends the row, undefined if nothing does. */
function fillFields(
  event: Record<string, unknown>,
  fields: readonly BoundRule[],
  context: RowContext,
): MappedRow | undefined {
  for (const bound of fields) {
    const value = bound.read(context)
    if (value === LEFT_OUT) return { kind: 'left_out' }
    if (value instanceof RowFault) return value
    const { field } = bound.rule
    if (value instanceof Supplied) event[field.name] = value.value
    else if (value !== undefined) event[field.name] = value
    else if (field.isRequired) return missingValue(bound, context)
  }
  return undefined
}

type SettleOrder = (
  event: Record<string, unknown>,
  lines: readonly OrderLine[],
  context: RowContext,
) => readonly OrderLine[] | RowFault

/**
 * Brings the lines to what the whole order says: its revenue, its total, or its discount. Where
 * nothing fills the order's discount, it is that of the lines.
 */
function bindOrder(spec: MappingSpec, columns: RowColumns, isGrouped: boolean): SettleOrder {
  const { revenue, total, spreadsDiscount } = spec.order
  const rule = revenue ?? total
  const amount = rule && bindField(rule, columns, isGrouped)
  const discountRule = spec.fields.find(({ field }) => field.name === 'discount_minor')
  const settle: SettleOrder = (event, lines, context) => {
    const given = amount?.read(context)
    if (given instanceof RowFault) return given
    const value = given instanceof Supplied ? given.value : given
    const worth = lines.reduce((sum, line) => sum + lineValue(line), 0)
    if (amount !== undefined && typeof value === 'number') {
      const fees =
        total === undefined ? 0 : toMinor(event.tax_minor) + toMinor(event.shipping_minor)
      const discount = worth - (value - fees)
      if (discount < 0 || discount > worth || !Number.isSafeInteger(worth))
        return misfit(amount.rule, value - fees, worth, 'the lines add up to')
      return discountLines(lines, discount)
    }
    const discount = toMinor(event.discount_minor)
    if (!spreadsDiscount || discountRule === undefined || discount <= 0) return lines
    if (discount > worth || !Number.isSafeInteger(worth))
      return misfit(discountRule, discount, worth, 'but the lines add up to')
    return discountLines(lines, discount)
  }
  return (event, lines, context) => {
    const settled = lines.length === 0 ? lines : settle(event, lines, context)
    if (settled instanceof RowFault || discountRule !== undefined) return settled
    const discount = settled.reduce((sum, line) => sum + line.discount_minor, 0)
    if (discount > 0) event.discount_minor = discount
    return settled
  }
}

function misfit(rule: FieldRule, amount: number, worth: number, but: string): RowFault {
  const { name } = rule.field
  return new RowFault(
    'rule_violation',
    at(rule, `${name}: ${showMoney(amount)}, ${but} ${showMoney(worth)}`),
  )
}

function toMinor(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

function showMoney(minor: number): string {
  const digits = String(Math.abs(minor)).padStart(3, '0')
  return `${minor < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}

interface MappedParts {
  readonly contract: EventContract
  readonly others: readonly BoundRule[]
  readonly items: ItemsRule | undefined
  readonly eventType: string
  readonly context: RowContext
}

/** Says why a field that this type of event needs has no value, where a rule should fill it. */
function explainMissing(
  event: Readonly<Record<string, unknown>>,
  { contract, others, items, eventType, context }: MappedParts,
): RowFault | undefined {
  for (const need of contract.requires.get(eventType) ?? []) {
    const names = need.split('|')
    if (names.some((name) => isPresent(event[name]))) continue
    const bound = others.find(({ rule }) => names.includes(rule.field.name))
    if (bound !== undefined) return missingValue(bound, context)
    if (items !== undefined && names.includes(items.field.name))
      return new RowFault(
        'missing_field',
        at(items, `${items.field.name}: a ${eventType} needs lines, and there is none`),
      )
  }
  return undefined
}

function isPresent(value: unknown): boolean {
  return value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0)
}
