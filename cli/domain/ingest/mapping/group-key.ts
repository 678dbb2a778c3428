/**
 * Which rows belong together: the key of a row is the values of the columns that `group` names. A
 * row that can't be read may still have a key that can, or a few keys of which one is its own.
 */
import { RowFault, type RowValues, type SourceRow } from '../../documents/source-row.ts'
import type { MappingSpec } from './mapping-spec.ts'
import { type MappedFile, RowColumns } from './row-columns.ts'
import { findColumn } from './value-path.ts'

/** Of a row that can't be read: why, and the keys it may have. None: its key can't be read. */
export interface UncertainKey {
  readonly fault: RowFault
  readonly candidates: readonly string[]
}

/** undefined: the row has no key and is a group of its own. */
export type RowKey = string | undefined | UncertainKey

/** Returns the key of a row. */
export type ReadKey = (row: SourceRow) => RowKey

/** Returns how rows are grouped; undefined if the mapping has no `group`. */
export function bindGroupKey(spec: MappingSpec, source: MappedFile): ReadKey | undefined {
  if (spec.group === undefined) return undefined
  const columns = new RowColumns(spec, source)
  const reads = spec.group.map((path) => columns.text(path, true, 'row'))
  const readTexts = (row: RowValues) => {
    const context = { row, root: row, rows: [row], line: 0, eventType: '' }
    return reads.map((read) => read(context))
  }
  const readFaulty = bindFaultyKey(spec.group, spec.csv.delimiter, source.columns, readTexts)
  return ({ values }) => {
    if (values instanceof RowFault) return readFaulty(values)
    const texts = readTexts(values)
    const fault = texts.find((text) => text instanceof RowFault)
    if (fault instanceof RowFault) return { fault: withoutKey(fault), candidates: [] }
    return toKey(texts)
  }
}

type Texts = readonly (string | undefined | RowFault)[]

function toKey(texts: Texts): string | undefined {
  return texts.every((text) => text === undefined) ? undefined : JSON.stringify(texts)
}

/** Reads the keys of rows that can't be read as a whole, from what could be read of them. */
function bindFaultyKey(
  group: readonly string[],
  delimiter: string,
  columns: readonly string[] | undefined,
  readTexts: (row: RowValues) => Texts,
): (fault: RowFault) => RowKey {
  const indexes = group.map((path) => columns?.indexOf(findColumn(columns, path) ?? '') ?? -1)
  const readCertain = (row: RowValues): string | undefined | null => {
    const texts = readTexts(row)
    const isKnown = texts.every((text, i) => {
      if (text === undefined) return Array.isArray(row) && row[indexes[i] ?? -1] !== undefined
      return typeof text === 'string' && !text.includes('\uFFFD')
    })
    return isKnown ? toKey(texts) : null
  }
  return (fault) => {
    const { readable } = fault
    if (readable === undefined) return { fault: withoutKey(fault), candidates: [] }
    const count = columns?.length ?? 0
    const extra = isFields(readable) ? readable.length - count : 0
    if (isFields(readable) && extra > EXTRA_MAX) return { fault: withoutKey(fault), candidates: [] }
    if (isFields(readable) && extra > 0) {
      const rows = listReadings(readable, { count, indexes, delimiter })
      const keys = rows.map(readCertain).filter((key) => typeof key === 'string')
      return { fault: withoutKey(fault), candidates: [...new Set(keys)] }
    }
    // The last field of a line that is cut off may be cut off too.
    const row = isFields(readable) && extra < 0 ? readable.slice(0, -1) : readable
    // Getters take a missing field for one without a value.
    const key = readCertain(row as RowValues)
    return key === null ? { fault: withoutKey(fault), candidates: [] } : key
  }
}

/** A row of more fields than this beyond the header's may be anything. */
const EXTRA_MAX = 64

interface Reading {
  /** Number of the header's columns. */
  readonly count: number
  readonly indexes: readonly number[]
  readonly delimiter: string
}

/**
 * The ways to read a row of too many fields. Delimiters are part of the text of one field, and any
 * of them may be the one; or of several fields before those at `indexes`, which alone are filled.
 */
function listReadings(
  fields: readonly (string | undefined)[],
  { count, indexes, delimiter }: Reading,
): readonly RowValues[] {
  const extra = fields.length - count
  const places = new Set(indexes.flatMap((index) => [index - 1, index, index + 1]))
  const shifted = Array.from({ length: extra - 1 }, (_, i) => {
    const row: string[] = []
    // The fields that are not undefined are texts.
    for (const index of indexes) if (index >= 0) row[index] = fields[index + i + 1] as string
    return row
  })
  const inOne = [...places]
    .filter((place) => place >= 0 && place < count)
    .map((place) => {
      const row: string[] = []
      for (const index of indexes) {
        if (index < 0) continue
        const whole = fields.slice(index, index + extra + 1)
        const joined = whole.includes(undefined) ? undefined : whole.join(delimiter)
        const after = index > place ? fields[index + extra] : joined
        const text = index < place ? fields[index] : after
        if (text !== undefined) row[index] = text
      }
      return row
    })
  return [...inOne, ...shifted]
}

function withoutKey({ reason, message }: RowFault): RowFault {
  return new RowFault(reason, `${message}; which order it belongs to can't be read`)
}

function isFields(
  readable: NonNullable<RowFault['readable']>,
): readable is readonly (string | undefined)[] {
  return Array.isArray(readable)
}
