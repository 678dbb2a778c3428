/**
 * Whose a record of a topic is, by what it says itself. An event names its customer and visitor, a
 * row by the columns that have such an id; a product of the same number is nobody.
 */
import { Buffer } from 'node:buffer'
import { compileRecordDecoder } from '../avro/record-decoder.ts'
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import type { RejectedEvent } from '../events/contracts.ts'
import { CcsError } from '../kernel/errors.ts'
import { isObject } from '../kernel/json.ts'
import { readSchemaId } from '../log/wire-header.ts'
import type { FieldsOfColumn } from '../models/trace-values.ts'
import type { EventFields } from './anonymise-event.ts'
import { ID_FIELD, PERSON_KINDS, type Person } from './erased-ids.ts'

/** The parts of a record that can name a person; a tombstone has no value. */
export interface RecordParts {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** The ids in a record; undefined: it can't be decoded. */
export type ReadIds = (record: RecordParts) => readonly Person[] | undefined

/** Ids in events by these versions of the schema, valid or not. */
export function readEventsBy(versions: readonly RegisteredSchema[]): ReadIds {
  const decode = openDecoder(versions)
  return ({ value }) => {
    if (value === null) return []
    const event = decode(value)
    return event && listIds(event, (name) => PERSON_KINDS.filter((kind) => ID_FIELD[kind] === name))
  }
}

/** Ids in rejects: those of the rejected event. Of erased persons' events nothing is kept. */
export function readRejectsBy(versions: readonly RegisteredSchema[], readEvent: ReadIds): ReadIds {
  const decode = openDecoder(versions)
  return ({ key, value }) => {
    if (value === null) return []
    // Decoded by the schema of which RejectedEvent was generated.
    const reject = decode(value) as RejectedEvent | undefined
    if (reject === undefined) return undefined
    return reject.bytes.length === 0 ? [] : readEvent({ key, value: Buffer.from(reject.bytes) })
  }
}

/** Whose rows these are. */
export interface RowColumns {
  /** `gold.sessions`. */
  readonly model: string
  /** The model's key columns, in order. */
  readonly key: readonly string[]
  readonly fieldsOf: FieldsOfColumn
}

/** Ids in rows of a model. A tombstone has them in its key, if that is text (gold-topics.md). */
export function readRowsBy(
  versions: readonly RegisteredSchema[],
  { model, key: keyColumns, fieldsOf }: RowColumns,
): ReadIds {
  const decode = openDecoder(versions)
  const known = new Map<string, readonly Person['kind'][]>()
  const kindsOf = (column: string) => {
    const kinds = known.get(column) ?? PERSON_KINDS.filter((kind) => hasIds(column, ID_FIELD[kind]))
    known.set(column, kinds)
    return kinds
  }
  const hasIds = (column: string, field: string) =>
    column.toLowerCase() === field || fieldsOf(model, column).has(field)
  return ({ key, value }) => {
    const row = value === null ? readKey(key, keyColumns) : decode(value)
    return row && listIds(row, kindsOf)
  }
}

function listIds(
  row: EventFields,
  kindsOf: (name: string) => readonly Person['kind'][],
): readonly Person[] {
  return Object.entries(row).flatMap(([name, value]) =>
    kindsOf(name).flatMap((kind) => listTexts(value).map((id) => ({ kind, id }))),
  )
}

/** Texts and whole numbers, also those in lists and structs. */
function listTexts(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value === 'number' || typeof value === 'bigint') return [String(value)]
  if (Array.isArray(value)) return value.flatMap(listTexts)
  if (!isObject(value) || value instanceof Uint8Array) return []
  return Object.values(value).flatMap(listTexts)
}

/** Keys of Gold's topics: the value of one column, or a JSON list of several. */
function readKey(key: Buffer | null, columns: readonly string[]): EventFields | undefined {
  // 0: an engine's own key, by a schema of its own.
  if (key === null || key[0] === 0) return undefined
  const text = key.toString('utf8')
  if (columns.length === 1) return { [columns[0] ?? '']: text }
  try {
    const values: unknown = JSON.parse(text)
    if (!Array.isArray(values) || values.length !== columns.length) return undefined
    return Object.fromEntries(columns.map((name, index) => [name, values[index]]))
  } catch {
    return undefined
  }
}

/** Decodes records by the schema that each names; a schema that ccs can't read decodes none. */
function openDecoder(
  versions: readonly RegisteredSchema[],
): (bytes: Buffer) => EventFields | undefined {
  const known = new Map<number, (bytes: Buffer) => EventFields | undefined>()
  return (bytes) => {
    const id = readSchemaId(bytes)
    if (id === null) return undefined
    const decode = known.get(id) ?? compile(versions.find((one) => one.id === id))
    known.set(id, decode)
    return decode(bytes)
  }
}

function compile(
  version: RegisteredSchema | undefined,
): (bytes: Buffer) => EventFields | undefined {
  const none = () => undefined
  if (version === undefined) return none
  try {
    return compileRecordDecoder<EventFields>(version.schema, version.id)
  } catch (error) {
    if (error instanceof CcsError) return none
    throw error
  }
}
