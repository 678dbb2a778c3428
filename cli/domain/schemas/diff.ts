/**
 * Changes between two versions of a schema, field by field, and what each of them means for
 * readers.
 */
import { FIELD_RULES, RELATION_RULES } from '../avro/field-rules.ts'
import { locateOffset } from '../documents/yaml-document.ts'
import type { Location } from '../kernel/errors.ts'
import { describeType, describeValue, joinNames } from './describe.ts'
import { listFields, listSymbols, type SchemaFieldPath } from './fields.ts'
import type { Finding } from './finding.ts'
import { resolveSchemas } from './resolve.ts'
import type { RecordType, Schema, SchemaField } from './tree.ts'

/**
 * additive: either schema can read records of the other. forward-only: the new schema reads old
 * records, but not the other way round, so readers must change first. breaking: the new schema
 * can't read old records.
 */
export type SchemaCategory = 'additive' | 'forward-only' | 'breaking'

/** What changed about one field. */
export interface FieldChange {
  /** Such as `items[].sku`; '' for the record itself. */
  readonly path: string
  readonly change: 'added' | 'removed' | 'renamed' | 'changed'
  readonly category: SchemaCategory
  /** Each change in a few words, with the reasons for the category. */
  readonly details: readonly string[]
  /** Place in the newer file; of a removed field in the older one. */
  readonly location: Location
}

/** Changes in the order of the newer schema, then the removed fields; [] if no field changed. */
export function diffSchemas(older: Schema, newer: Schema): readonly FieldChange[] {
  const classify = compareReadability(older, newer)
  const before = listFields(older.type)
  const after = listFields(newer.type)
  const taken = new Set<SchemaFieldPath>()
  const changes: FieldChange[] = []
  const recordFindings = classify('', '')
  if (recordFindings.reasons.length > 0)
    changes.push({
      path: '',
      change: 'changed',
      category: recordFindings.category,
      details: recordFindings.reasons,
      location: locateOffset(newer, newer.type.at),
    })
  const newNames = new Map<string, string>()
  for (const one of after) {
    const old = findOlderField(one, before, newNames)
    if (old !== undefined) {
      taken.add(old)
      newNames.set(old.path, one.path)
    }
    const details = old === undefined ? describeAdded(one.field) : describeChanged(old, one)
    const { category, reasons } = classify(one.path, old?.path ?? one.path)
    if (details.length + reasons.length === 0) continue
    const isRenamed = old !== undefined && old.field.name !== one.field.name
    changes.push({
      path: one.path,
      change: old === undefined ? 'added' : isRenamed ? 'renamed' : 'changed',
      category: category === 'additive' && isStricter(old, one) ? 'forward-only' : category,
      details: [...details, ...reasons],
      location: locateOffset(newer, one.field.at),
    })
  }
  for (const one of before) {
    const { path, field } = one
    if (taken.has(one) || isInside(path, changes)) continue
    const { category, reasons } = classify(path, path)
    const details = [describeType(field.type), ...reasons]
    const location = locateOffset(older, field.at)
    changes.push({ path, change: 'removed', category, details, location })
  }
  return changes
}

/** Whether the field is part of a record that is listed as removed already. */
function isInside(path: string, changes: readonly FieldChange[]): boolean {
  return changes.some(
    (one) =>
      one.change === 'removed' &&
      /^[.[{]/.test(path.slice(one.path.length)) &&
      path.startsWith(one.path),
  )
}

/**
 * The older field that is read as this one: by its name, else by an alias, within the same record.
 */
function findOlderField(
  one: SchemaFieldPath,
  before: readonly SchemaFieldPath[],
  newNames: ReadonlyMap<string, string>,
): SchemaFieldPath | undefined {
  const here = before.filter((old) => renamePath(old.within, newNames) === one.within)
  const names = [one.field.name, ...one.field.aliases]
  for (const name of names) {
    const found = here.find((old) => old.field.name === name)
    if (found !== undefined) return found
  }
  return undefined
}

/** The path of a record with the present names of the fields around it. */
function renamePath(within: string, newNames: ReadonlyMap<string, string>): string {
  for (const [old, now] of newNames)
    if (old !== now && within.startsWith(old) && /^[.[{]/.test(within.slice(old.length)))
      return now + within.slice(old.length)
  return within
}

type CategoryLookup = (
  newPath: string,
  oldPath: string,
) => { readonly category: SchemaCategory; readonly reasons: readonly string[] }

function compareReadability(older: Schema, newer: Schema): CategoryLookup {
  const backward = resolveSchemas(newer.type, older.type)
  const forward = resolveSchemas(older.type, newer.type)
  // A finding about the items of a field belongs to the field: `tags[]` to `tags`.
  const at = (findings: readonly Finding[], path: string) =>
    findings.filter((one) => one.path.replace(/(\[\]|\{\})+$/, '') === path)
  return (newPath, oldPath) => {
    const back = at(backward, newPath)
    const forth = at(forward, oldPath)
    const breaks = back.filter((one) => one.isBreak)
    const late = forth.filter((one) => one.isBreak)
    const category = breaks.length > 0 ? 'breaking' : late.length > 0 ? 'forward-only' : 'additive'
    const reasons = [
      ...breaks.map((one) => `cannot be read from old records (${one.rule})`),
      ...(breaks.length > 0 ? [] : late.map((one) => `old readers cannot read it (${one.rule})`)),
      ...back
        .filter((one) => !one.isBreak)
        .map((one) => `${one.rule}: ${extractReason(one.message)}`),
    ]
    return { category, reasons: [...new Set(reasons)] }
  }
}

function extractReason(message: string): string {
  return message.slice(message.indexOf(': ', message.indexOf(': ') + 1) + 2).replace(/\.$/, '')
}

function describeAdded({ type, hasDefault, default: value }: SchemaField): readonly string[] {
  return [describeType(type), ...(hasDefault ? [`default ${describeValue(value)}`] : [])]
}

function describeChanged(
  { field: old, path }: SchemaFieldPath,
  { field }: SchemaFieldPath,
): readonly string[] {
  const details: string[] = []
  if (old.name !== field.name) details.push(`was ${path}`)
  const [before, after] = [describeType(old.type), describeType(field.type)]
  if (before !== after) details.push(`${before} → ${after}`)
  const [symbols, now] = [listSymbols(old.type), listSymbols(field.type)]
  const gained = now.filter((one) => !symbols.includes(one))
  const lost = symbols.filter((one) => !now.includes(one))
  if (gained.length > 0) details.push(`+ ${joinNames(gained)}`)
  if (lost.length > 0) details.push(`- ${joinNames(lost)}`)
  if (describeDefault(old) !== describeDefault(field))
    details.push(`default ${describeDefault(old)} → ${describeDefault(field)}`)
  for (const rule of FIELD_RULES)
    if (old.rules[rule] !== field.rules[rule])
      details.push(`${rule} ${old.rules[rule] ?? 'none'} → ${field.rules[rule] ?? 'none'}`)
  for (const rule of RELATION_RULES) {
    const [was, is] = [describeRelation(old, rule), describeRelation(field, rule)]
    if (was !== is) details.push(`${rule} ${was} → ${is}`)
  }
  if (old.doc !== field.doc) details.push('doc')
  return details
}

function describeRelation({ rules }: SchemaField, rule: (typeof RELATION_RULES)[number]): string {
  return rules[rule] === undefined ? 'none' : JSON.stringify(rules[rule])
}

function describeDefault(field: SchemaField): string {
  return field.hasDefault ? describeValue(field.default) : 'none'
}

/** Whether values that satisfy the old rules may break the new ones. */
function isStricter(old: SchemaFieldPath | undefined, { field }: SchemaFieldPath): boolean {
  if (old === undefined) return false
  const isNewRelation = RELATION_RULES.some(
    (rule) =>
      field.rules[rule] !== undefined &&
      describeRelation(old.field, rule) !== describeRelation(field, rule),
  )
  if (isNewRelation) return true
  return FIELD_RULES.some((rule) => {
    const now = field.rules[rule]
    const then = old.field.rules[rule]
    if (now === undefined || now === then) return false
    return then === undefined || (rule.startsWith('min') ? now > then : now < then)
  })
}

/**
 * Rules of ccs (bounds and `requires`) that records of the older schema may break, each as a
 * sentence.
 */
export function findStricterRules(
  older: Schema,
  newer: Schema,
): readonly { path: string; message: string; at: number }[] {
  const before = listFields(older.type)
  const why = 'records that were accepted before may be rejected when the log is read again'
  const bounds = listFields(newer.type).flatMap((one) => {
    const old = findOlderField(one, before, new Map())
    if (!isStricter(old, one)) return []
    return [
      {
        path: one.path,
        message: `Field ${one.path} has stricter bounds: ${why}.`,
        at: one.field.at,
      },
    ]
  })
  const [was, is] = [older.type, newer.type]
  if (was.is !== 'record' || is.is !== 'record') return bounds
  const required = findNewlyRequired(was, is)
  if (required.length === 0) return bounds
  const message = `${joinNames(required)} newly required: ${why}.`
  return [...bounds, { path: '', message, at: is.at }]
}

function findNewlyRequired(was: RecordType, is: RecordType): readonly string[] {
  return Object.entries(is.requires).flatMap(([kind, groups]) =>
    (Array.isArray(groups) ? groups : [])
      .filter((group) => !was.requires[kind]?.includes(group))
      .map((group) => `${group} of ${kind}`),
  )
}
