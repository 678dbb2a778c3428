/**
 * Reads a mapping file (format: docs/import.md) and checks it against the contract of events.raw.
 * Unknown, misspelt, contradictory and missing keys are reported all at once, each with its place.
 */

import { DocumentReader } from '../../documents/document-reader.ts'
import { CSV_STYLE, type CsvStyle, SOURCE_FORMATS } from '../../documents/source-row.ts'
import { parseYaml } from '../../documents/yaml-document.ts'
import { didYouMean } from '../../kernel/did-you-mean.ts'
import { asObject, isObject } from '../../kernel/json.ts'
import type { ContractField, EventContract } from './event-contract.ts'
import type { FieldRule, ItemsRule, MappingSpec } from './mapping-spec.ts'
import { parseRule, parseWhen } from './parse-rule.ts'

const TOP_KEYS = ['format', 'csv', 'timezone', 'nulls', 'event']
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
  const fields: FieldRule[] = []
  let items: ItemsRule | undefined
  for (const [name, value] of Object.entries(event)) {
    const field = contract.fields.find((one) => one.name === name)
    if (field === undefined) {
      const hint = didYouMean(
        name,
        contract.fields.map((one) => one.name),
      )
      reader.fault(['event', name], `The contract has no field "${name}".`, hint, 'key')
      continue
    }
    if (field.kind === 'items') items = parseItems(value, field, timezone, reader)
    else {
      const rule = parseRule({ value, path: ['event', name], field, timezone, reader })
      if (rule !== undefined) fields.push(rule)
    }
  }
  if (isObject(top.event)) noteUnfilledFields(event, fields, contract, reader)
  const spec: MappingSpec = {
    file,
    format: reader.choice(top.format, ['format'], SOURCE_FORMATS),
    csv: parseCsv(top.csv, reader),
    nulls: new Set(reader.texts(top.nulls, ['nulls']) ?? ['']),
    fields,
    items,
  }
  reader.throwFaults()
  return spec
}

function parseItems(
  value: unknown,
  field: ContractField,
  timezone: string,
  reader: DocumentReader,
): ItemsRule | undefined {
  const path = ['event', field.name]
  const names = field.fields.map((each) => each.name)
  if (value === undefined) return undefined
  const map = reader.map(value, path, path.join('.'), [...names, 'each', 'when'])
  const fields: FieldRule[] = []
  for (const each of field.fields) {
    const rule = map[each.name]
    const at = [...path, each.name]
    if (rule !== undefined) {
      const parsed = parseRule({ value: rule, path: at, field: each, timezone, reader })
      if (parsed !== undefined) fields.push(parsed)
    } else if (each.isRequired)
      reader.fault(
        path,
        `The lines of ${field.name} have no "${each.name}", which the contract asks for.`,
        'Map it to a column or path, or give it a constant.',
        'key',
      )
  }
  return {
    field,
    each: reader.text(map.each, [...path, 'each']),
    when: parseWhen(map.when, [...path, 'when'], reader),
    fields,
  }
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
  if (rule === undefined) return []
  if (rule.source.kind === 'constant') return [rule.source.value]
  return [...(rule.values?.values() ?? [])]
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
