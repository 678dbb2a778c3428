/**
 * Reads a mapping file (format: docs/import.md) and checks it against the contract of events.raw.
 * Unknown, misspelt, contradictory and missing keys are reported all at once, each with its place.
 */

import {
  CSV_STYLE,
  type CsvStyle,
  SOURCE_FORMATS,
  type SourceFormat,
} from '../../documents/source-row.ts'
import { parseYaml } from '../../documents/yaml-document.ts'
import { throwAll } from '../../kernel/errors.ts'
import type { ContractField, EventContract } from './event-contract.ts'
import type { FieldRule, ItemsRule, MappingSpec } from './mapping-spec.ts'
import { MappingNotes, parseWhen } from './notes.ts'
import { parseRule } from './parse-rule.ts'

const TOP_KEYS = ['format', 'csv', 'timezone', 'nulls', 'event']
const CSV_KEYS = ['delimiter', 'encoding', 'header']

/** Throws CCS_IMPORT_INVALID (exit 2) with all faults and their places. */
export function parseMapping(text: string, file: string, contract: EventContract): MappingSpec {
  const document = parseYaml(text, { file, code: 'CCS_IMPORT_INVALID' })
  const notes = new MappingNotes(document)
  const top = notes.object(document.value, [], TOP_KEYS) ?? {}
  const timezone = notes.text(top.timezone, ['timezone']) ?? 'UTC'
  const event = notes.object(top.event, ['event'], undefined)
  if (event === undefined && document.value !== null && top.event === undefined)
    notes.fault([], 'The mapping has no "event".', 'List under `event:` what fills each field.')
  const fields: FieldRule[] = []
  let items: ItemsRule | undefined
  for (const [name, value] of Object.entries(event ?? {})) {
    const field = notes.field(name, ['event', name], contract.fields)
    if (field === undefined) continue
    if (field.kind === 'items') items = parseItems(value, field, timezone, notes)
    else {
      const rule = parseRule({ value, path: ['event', name], field, timezone, notes })
      if (rule !== undefined) fields.push(rule)
    }
  }
  if (event !== undefined) noteUnfilledFields(event, fields, contract, notes)
  const spec: MappingSpec = {
    file,
    format: parseFormat(top.format, notes),
    csv: parseCsv(top.csv, notes),
    nulls: new Set(notes.texts(top.nulls, ['nulls']) ?? ['']),
    fields,
    items,
  }
  throwAll(notes.faults)
  return spec
}

function parseItems(
  value: unknown,
  field: ContractField,
  timezone: string,
  notes: MappingNotes,
): ItemsRule | undefined {
  const path = ['event', field.name]
  const names = field.fields.map((each) => each.name)
  const map = notes.object(value, path, [...names, 'each', 'when'])
  if (map === undefined) return undefined
  const fields: FieldRule[] = []
  for (const each of field.fields) {
    const rule = map[each.name]
    const at = [...path, each.name]
    if (rule !== undefined) {
      const parsed = parseRule({ value: rule, path: at, field: each, timezone, notes })
      if (parsed !== undefined) fields.push(parsed)
    } else if (each.isRequired)
      notes.fault(
        path,
        `The lines of ${field.name} have no "${each.name}", which the contract asks for.`,
        'Map it to a column or path, or give it a constant.',
        'key',
      )
  }
  return {
    field,
    each: notes.text(map.each, [...path, 'each']),
    when: parseWhen(map.when, [...path, 'when'], notes),
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
  notes: MappingNotes,
): void {
  const isFilled = (name: string) => event[name] !== undefined
  for (const field of contract.fields)
    if (field.isRequired && !isFilled(field.name))
      notes.fault(
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
        notes.fault(['event', 'event_type'], message, 'Map a column to it, or leave that type out.')
      }
}

function listEventTypes(rules: readonly FieldRule[]): readonly string[] {
  const rule = rules.find((each) => each.field.name === 'event_type')
  if (rule === undefined) return []
  if (rule.source.kind === 'constant') return [rule.source.value]
  return [...(rule.values?.values() ?? [])]
}

function parseFormat(value: unknown, notes: MappingNotes): SourceFormat | undefined {
  return notes.oneOf(value, ['format'], SOURCE_FORMATS)
}

function parseCsv(value: unknown, notes: MappingNotes): CsvStyle {
  const map = notes.object(value, ['csv'], CSV_KEYS) ?? {}
  const delimiter = notes.text(map.delimiter, ['csv', 'delimiter']) ?? CSV_STYLE.delimiter
  if (!/^[\t -!#-~]$/.test(delimiter))
    notes.fault(
      ['csv', 'delimiter'],
      'A delimiter is one ASCII character other than a quote.',
      'Write "," or ";" or "\\t".',
    )
  const encoding = notes.oneOf(map.encoding, ['csv', 'encoding'], [
    'utf-8',
    'windows-1252',
  ] as const)
  const header = notes.texts(map.header, ['csv', 'header'])
  return {
    delimiter,
    encoding: encoding ?? CSV_STYLE.encoding,
    ...(header === undefined ? {} : { header }),
  }
}
