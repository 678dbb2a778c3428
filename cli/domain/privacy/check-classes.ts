/** Checks the attribute `pii` in the files of a project's schemas, with the place of each fault. */
import { FIELD_CLASSES, parseFieldClass } from '../avro/field-class.ts'
import { parseRecordSchema } from '../avro/schema.ts'
import {
  type NamedText,
  parseLocatedJson,
  readText,
  toPlainValue,
} from '../documents/json-document.ts'
import { type JsonNode, type JsonObjectNode, locateOffset } from '../documents/yaml-document.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, EXIT, throwAll } from '../kernel/errors.ts'
import { RAW_TOPIC } from '../log/topics.ts'
import { findClassFault } from './field-classes.ts'

/** CCS_SCHEMA_INVALID with all faults of the schemas in force; kept versions are not looked at. */
export function requireFieldClasses(files: readonly NamedText[]): void {
  const current = files.filter(({ file }) => /^schemas\/[^/]+\.avsc$/.test(file))
  throwAll(current.filter(({ text }) => text.includes('"pii"')).flatMap(findFaults))
}

function findFaults(source: NamedText): readonly CcsError[] {
  const root = parseLocatedJson(source)
  const fields = findFields(root, true)
  const fault = (at: number, message: string, hint: string) =>
    new CcsError('CCS_SCHEMA_INVALID', message, {
      exit: EXIT.usage,
      location: locateOffset(source, at),
      hint,
    })
  const placed = fields.flatMap(({ json, isOwn }) => {
    const pii = json.entries.get('pii')
    return pii === undefined ? [] : [{ json, isOwn, pii }]
  })
  const wrong = placed.flatMap(({ json, isOwn, pii }) => {
    const name = readText(json, 'name') ?? ''
    const value = toPlainValue(pii)
    if (parseFieldClass(value) === undefined)
      return fault(
        pii.at,
        `${name} has the class ${JSON.stringify(value)}, which there is not.`,
        didYouMean(String(value), FIELD_CLASSES),
      )
    if (source.file !== `schemas/${RAW_TOPIC}.avsc`)
      return fault(pii.at, `${name} has a class, but only events are pseudonymised.`, ELSEWHERE)
    if (!isOwn && value !== 'plain')
      return fault(pii.at, `${name} can't be ${String(value)}: it is a field of a list.`, OF_A_LIST)
    return []
  })
  if (wrong.length > 0) return wrong
  const record = parseRecordSchema(source.text, source.file)
  return placed.flatMap(({ json, isOwn, pii }) => {
    const field = isOwn && record.fields.find(({ name }) => name === readText(json, 'name'))
    const found = field ? findClassFault(field, record) : undefined
    return found ? fault(pii.at, found.message, found.hint) : []
  })
}

const ELSEWHERE = `Write the class in schemas/${RAW_TOPIC}.avsc; all rows are made of those events.`
const OF_A_LIST = 'Leave it out: only fields of the event itself can have a class.'

interface PlacedField {
  readonly json: JsonObjectNode
  /** A field of the record itself, not of one inside it. */
  readonly isOwn: boolean
}

function findFields(json: JsonNode, isOwn: boolean): readonly PlacedField[] {
  if (json.is === 'scalar') return []
  if (json.is === 'array') return json.items.flatMap((one) => findFields(one, false))
  const list = json.entries.get('fields')
  const others = [...json.entries].filter(([key]) => key !== 'fields')
  const inner = others.flatMap(([, one]) => findFields(one, false))
  const fields = list?.is === 'array' ? list.items : []
  const own = fields.flatMap((one): readonly PlacedField[] =>
    one.is === 'object' ? [{ json: one, isOwn }, ...findFields(one, false)] : [],
  )
  return [...inner, ...own]
}
