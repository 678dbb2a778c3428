/**
 * Reads a mapping file (format: docs/import.md) and checks it against the contract of events.raw.
 * Unknown, misspelt, contradictory and missing keys are reported all at once, each with its place.
 */

import { DocumentReader } from '../../documents/document-reader.ts'
import { CSV_STYLE, type CsvStyle, SOURCE_FORMATS } from '../../documents/source-row.ts'
import { parseYaml } from '../../documents/yaml-document.ts'
import { didYouMean } from '../../kernel/did-you-mean.ts'
import { asObject, isObject } from '../../kernel/json.ts'
import { createAmountField, type EventContract } from './event-contract.ts'
import {
  EVENT_TYPE,
  type FieldRule,
  type ItemsRule,
  type ListRows,
  type MappingSpec,
} from './mapping-spec.ts'
import { LINE_TOTAL, parseItems } from './parse-items.ts'
import { parseRule } from './parse-rule.ts'

const TOP_KEYS = ['format', 'csv', 'timezone', 'nulls', 'rows', 'group', 'event']
/** Amounts of the whole order that are not fields of the contract: its lines are set by them. */
const REVENUE = createAmountField('revenue_minor')
const TOTAL = createAmountField('total_minor')
const CSV_KEYS = ['delimiter', 'encoding', 'header']

/** Throws CCS_IMPORT_INVALID (exit 2) with all faults and their places. */
export function parseMapping(text: string, file: string, contract: EventContract): MappingSpec {
  const document = parseYaml(text, { file, code: 'CCS_IMPORT_INVALID' })
  const reader = new DocumentReader(document, 'CCS_IMPORT_INVALID')
  const top = reader.map(document.value, [], 'The mapping', TOP_KEYS)
  const timezone = reader.text(top.timezone, ['timezone']) ?? 'UTC'
  const event = asObject(top.event)
  if (top.event !== undefined) reader.map(top.event, ['event'], 'event')
  else if (isObject(document.value))
    reader.fault([], 'The mapping has no "event".', 'List under `event:` what fills each field.')
  const rules: FieldRule[] = []
  let items: ItemsRule | undefined
  const known = [...contract.fields, REVENUE, TOTAL]
  for (const [name, value] of Object.entries(event)) {
    const field = known.find((one) => one.name === name)
    if (field === undefined) {
      const names = () => known.map((one) => one.name)
      const hint = () => didYouMean(name, names())
      reader.fault(['event', name], `The contract has no field "${name}".`, hint, 'key')
      continue
    }
    const input = { value, path: ['event', name], field, timezone, file, reader }
    if (field.kind === 'items') items = parseItems(input)
    else {
      const rule = parseRule(input)
      if (rule !== undefined) rules.push(rule)
    }
  }
  const fields = rules.filter(({ field }) => field !== REVENUE && field !== TOTAL)
  const revenue = rules.find(({ field }) => field === REVENUE)
  const total = rules.find(({ field }) => field === TOTAL)
  if (revenue !== undefined && total !== undefined)
    reader.fault(
      ['event', TOTAL.name],
      `${REVENUE.name} and ${TOTAL.name} both say what the lines are worth.`,
      'Remove one of them.',
      'key',
    )
  const group = reader.texts(top.group, ['group'])
  if (group === undefined) noteSums(rules, reader)
  noteTypeLoop(rules, reader)
  if (isObject(top.event)) noteUnfilledFields(event, fields, contract, reader)
  const spec: MappingSpec = {
    file,
    format: reader.choice(top.format, ['format'], SOURCE_FORMATS),
    csv: parseCsv(top.csv, reader),
    nulls: new Set(reader.texts(top.nulls, ['nulls']) ?? ['']),
    rows: parseListRows(top.rows, reader),
    group,
    fields,
    items,
    order: { revenue, total, spreadsDiscount: readSpread(event.discount_minor, items) },
  }
  reader.throwFaults()
  return spec
}

/**
 * Whether the order's discount is spread over its lines: as the mapping says, otherwise if the
 * lines have no discounts of their own.
 */
function readSpread(rule: unknown, items: ItemsRule | undefined): boolean {
  const { spread } = asObject(rule)
  if (spread !== undefined) return spread === true
  const rules = items?.choices.flatMap((lines) => lines.fields) ?? []
  return !rules.some(({ field }) => ['discount_minor', LINE_TOTAL].includes(field.name))
}

/** The rule of event_type can't depend on what it decides. */
function noteTypeLoop(rules: readonly FieldRule[], reader: DocumentReader): void {
  const uses = ({ source, when }: FieldRule): boolean =>
    when.some(({ path }) => path === EVENT_TYPE) ||
    (source.kind === 'choose' && source.rules.some(uses)) ||
    ((source.kind === 'from' || source.kind === 'hash') && source.paths.includes(EVENT_TYPE)) ||
    (source.kind === 'template' &&
      source.parts.some((one) => 'path' in one && one.path === EVENT_TYPE))
  const rule = rules.find(({ field }) => field.name === 'event_type')
  if (rule !== undefined && uses(rule))
    reader.fault(
      ['event', 'event_type'],
      `event_type can't depend on ${EVENT_TYPE}, which it decides.`,
      'Name the column instead.',
    )
}

function noteSums(rules: readonly FieldRule[], reader: DocumentReader): void {
  for (const { field, isSum } of rules)
    if (isSum && field.kind === 'money')
      reader.fault(
        ['event', field.name, 'sum'],
        '"sum" adds up the rows of a group, but the mapping has no "group".',
        'Add group: COLUMN, the column that rows of one order share.',
        'key',
      )
}

/**
 * Checks that every required field is filled, for every event type that the mapping can produce.
 */
function noteUnfilledFields(
  event: Readonly<Record<string, unknown>>,
  rules: readonly FieldRule[],
  contract: EventContract,
  reader: DocumentReader,
): void {
  const isFilled = (name: string) => event[name] !== undefined
  for (const field of contract.fields)
    if (field.isRequired && !isFilled(field.name))
      reader.fault(
        ['event'],
        `Nothing fills "${field.name}", which every event needs.`,
        field.kind === 'uuid'
          ? `Map a column that holds a UUID, or derive one: ${field.name}: { hash: all }`
          : 'Map a column to it, or give it a constant.',
        'key',
      )
  const unmet = new Set<string>()
  for (const type of listEventTypes(rules))
    for (const need of contract.requires.get(type) ?? [])
      if (!need.split('|').some(isFilled) && !unmet.has(need)) {
        unmet.add(need)
        const message = `Nothing fills "${need}", which a ${type} needs.`
        reader.fault(
          ['event', 'event_type'],
          message,
          'Map a column to it, or leave that type out.',
        )
      }
}

function listEventTypes(rules: readonly FieldRule[]): readonly string[] {
  const rule = rules.find((each) => each.field.name === 'event_type')
  return rule === undefined ? [] : listValues(rule)
}

/** The values that a rule names. */
function listValues({ source, values }: FieldRule): readonly string[] {
  if (source.kind === 'choose') return source.rules.flatMap(listValues)
  if (source.kind === 'constant') return [source.value]
  return [...(values?.values() ?? [])]
}

function parseListRows(value: unknown, reader: DocumentReader): ListRows | undefined {
  if (value === undefined) return undefined
  const map = reader.map(value, ['rows'], 'rows', ['each', 'as'])
  const each = reader.text(map.each, ['rows', 'each'])
  const as = reader.text(map.as, ['rows', 'as'])
  if (each === undefined || as === undefined)
    reader.fault(
      ['rows'],
      '"rows" needs "each" and "as".',
      'Name the list, and what its entry is called: rows: { each: body.refunds, as: refund }',
      'key',
    )
  return { each: each ?? '', as: as ?? '' }
}

function parseCsv(value: unknown, reader: DocumentReader): CsvStyle {
  const map = value === undefined ? {} : reader.map(value, ['csv'], 'csv', CSV_KEYS)
  const delimiter = reader.text(map.delimiter, ['csv', 'delimiter']) ?? CSV_STYLE.delimiter
  if (!/^[\t -!#-~]$/.test(delimiter))
    reader.fault(
      ['csv', 'delimiter'],
      'A delimiter is one ASCII character other than a quote.',
      'Write "," or ";" or "\\t".',
    )
  const encoding = reader.choice(map.encoding, ['csv', 'encoding'], [
    'utf-8',
    'windows-1252',
  ] as const)
  const header = reader.texts(map.header, ['csv', 'header'])
  return {
    delimiter,
    encoding: encoding ?? CSV_STYLE.encoding,
    ...(header === undefined ? {} : { header }),
  }
}
