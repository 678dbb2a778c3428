/** Columns of a table over time: a file may bring new ones, and old files lack those. */
import { CcsError } from '../../kernel/errors.ts'
import { type Column, displayType, type LogicalType } from '../../sql/types.ts'
import type { FieldType, OpenField } from './open-lake.ts'

/** Fields so far, and the last id that was given. */
export interface Fields {
  readonly columns: readonly OpenField[]
  readonly lastFieldId: number
}

/**
 * The fields with those that a file has more, which begin at `snapshot`; undefined if a column of
 * the file has another type than before: its table must begin anew.
 */
export function addColumns(
  { columns, lastFieldId }: Fields,
  found: readonly Column[],
  snapshot: number,
): Fields | undefined {
  const ids = { last: lastFieldId }
  const merged = mergeFields(columns, found, ids, snapshot)
  return merged && { columns: merged, lastFieldId: ids.last }
}

interface Ids {
  last: number
}

function mergeFields(
  known: readonly OpenField[],
  found: readonly Column[],
  ids: Ids,
  begin: number,
): readonly OpenField[] | undefined {
  const merged: OpenField[] = []
  for (const field of known) {
    const same = found.find(({ name }) => name === field.name)
    const type = same ? mergeTypes(field.type, same.type, ids, begin) : field.type
    if (type === undefined) return undefined
    merged.push({ ...field, type })
  }
  const added = found.filter(({ name }) => known.every((one) => one.name !== name))
  return [...merged, ...added.map(({ name, type }) => newField(name, type, ids, begin))]
}

function mergeTypes(
  known: FieldType,
  found: LogicalType,
  ids: Ids,
  begin: number,
): FieldType | undefined {
  if (known.is === 'LIST' && found.is === 'LIST') {
    const type = mergeTypes(known.of.type, found.of, ids, begin)
    return type && { is: 'LIST', of: { ...known.of, type } }
  }
  if (known.is === 'STRUCT' && found.is === 'STRUCT') {
    const fields = mergeFields(known.fields, found.fields, ids, begin)
    return fields && { is: 'STRUCT', fields }
  }
  if (known.is === 'LIST' || known.is === 'STRUCT') return undefined
  return displayType(known) === displayType(found) ? known : undefined
}

/** Ids are given from outside to inside. */
function newField(name: string, type: LogicalType, ids: Ids, begin: number): OpenField {
  const id = ++ids.last
  return { id, name, type: newType(type, ids, begin), begin }
}

function newType(type: LogicalType, ids: Ids, begin: number): FieldType {
  if (type.is === 'LIST') return { is: 'LIST', of: newField('element', type.of, ids, begin) }
  if (type.is !== 'STRUCT') return type
  const fields = type.fields.map((field) => newField(field.name, field.type, ids, begin))
  return { is: 'STRUCT', fields }
}

/** The fields that a snapshot has. */
export function fieldsAt(fields: readonly OpenField[], snapshot: number): readonly OpenField[] {
  return fields
    .filter(({ begin }) => begin <= snapshot)
    .map((field) => ({ ...field, type: typeAt(field.type, snapshot) }))
}

function typeAt(type: FieldType, snapshot: number): FieldType {
  if (type.is === 'LIST')
    return { is: 'LIST', of: { ...type.of, type: typeAt(type.of.type, snapshot) } }
  return type.is === 'STRUCT' ? { is: 'STRUCT', fields: fieldsAt(type.fields, snapshot) } : type
}

/** Snapshots at which fields were added, ascending: each is a version of the table's columns. */
export function listVersions(fields: readonly OpenField[]): readonly number[] {
  const begins = (list: readonly OpenField[]): number[] =>
    list.flatMap(({ begin, type }) => [begin, ...begins(innerFields(type))])
  return [...new Set(begins(fields))].sort((a, b) => a - b)
}

/** Fields directly within a type. */
export function innerFields(type: FieldType): readonly OpenField[] {
  if (type.is === 'LIST') return [type.of]
  return type.is === 'STRUCT' ? type.fields : []
}

/** For a type that a format does not have. */
export function unknownType(type: string, format: string): CcsError {
  return new CcsError('CCS_OPEN_LAKE_TYPE', `${format} has no type for ${type}.`, {
    hint: 'CAST the column to another type in its model.',
  })
}
