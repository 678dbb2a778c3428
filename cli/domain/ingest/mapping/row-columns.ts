/**
 * The columns and paths that a mapping names, resolved for one file: each becomes a function of a
 * row. Missing and ambiguous columns are collected as faults.
 */
import { RowFault, type SourceFormat } from '../../documents/source-row.ts'
import { didYouMean } from '../../kernel/did-you-mean.ts'
import { CcsError } from '../../kernel/errors.ts'
import { canonicalJson, hashUuid, isDeeperThan } from './convert-value.ts'
import {
  ALL,
  type Condition,
  EVENT_TYPE,
  FILE,
  LINE,
  type MappingSpec,
  type RowContext,
} from './mapping-spec.ts'
import { createColumnGetter, createPathGetter, findColumn, type Getter } from './value-path.ts'

/** The file that a mapping is applied to. */
export interface MappedFile {
  readonly file: string
  readonly format: SourceFormat
  /** The columns of the header; undefined for NDJSON. */
  readonly columns: readonly string[] | undefined
}

/** undefined: no value. */
export type TextOrFault = string | undefined | RowFault

/** Reads a text from a row or a list entry. */
export type ReadText = (context: RowContext) => TextOrFault

/** Reads several texts; undefined: no value. */
export type ReadTexts = (context: RowContext) => readonly string[] | undefined | RowFault

/**
 * Where a path starts: at the row or the whole group, at an entry of a list in it, or at one row of
 * a group, for its lines (`line`) or for a field of the whole group (`part`). But for `row`,
 * `$.name` starts at the whole row or group. Conditions start there too, except those of lines.
 */
export type Scope = 'row' | 'entry' | 'line' | 'part'

const DEPTH_MAX = 64

/** Resolves for one file; `faults` has an entry for each missing or ambiguous column. */
export class RowColumns {
  readonly faults: CcsError[] = []
  readonly #spec: MappingSpec
  readonly #source: MappedFile
  readonly #missing = new Set<string>()
  readonly #fileName: string

  constructor(spec: MappingSpec, source: MappedFile) {
    this.#spec = spec
    this.#source = source
    this.#fileName = source.file.split(/[\\/]/).at(-1) ?? source.file
  }

  /** A file needs only one of the alternative columns. */
  anyOf(paths: readonly string[], isOptional: boolean, scope: Scope): readonly ReadText[] {
    const present = paths.filter((path) => this.#has(path, scope))
    if (present.length === 0 && !isOptional) for (const path of paths) this.text(path, false, scope)
    return present.map((path) => this.text(path, true, scope))
  }

  /** A UUID derived from the values at these paths; no value if all are missing. */
  hash(paths: readonly string[], isOptional: boolean, scope: Scope): ReadText {
    const columns = this.#source.columns
    const isAll = paths.includes(ALL)
    // Sorted, so that ids do not depend on the order of the columns.
    const all = isAll && columns !== undefined ? [...new Set(columns)].sort() : []
    const getters = all.map((name) => this.#getter(name, isOptional))
    const others = paths.filter((path) => path !== ALL && !all.includes(path))
    const names = [...new Set(others)]
    const reads = names.map((name) => this.#raw(name, isOptional, scope))
    const isWhole = isAll && columns === undefined
    return (context) => {
      if (isDeeperThan(context.row, DEPTH_MAX)) return TOO_DEEP
      const values: (readonly [string | undefined, unknown])[] = []
      // Of a group, `all` means the values of all its rows.
      const rows = isAll && scope === 'row' ? context.rows : [context.row]
      for (const row of rows)
        for (const [i, get] of getters.entries()) values.push([all[i], get(row) ?? null])
      for (const [i, read] of reads.entries()) values.push([names[i], read(context) ?? null])
      if (isWhole) for (const row of rows) values.push([ALL, row])
      const fault = values.find(([, value]) => value instanceof RowFault)?.[1]
      if (fault instanceof RowFault) return fault
      if (values.every(([, value]) => value === null || value === '')) return undefined
      if (values.some(([, value]) => isDeeperThan(value, DEPTH_MAX))) return TOO_DEEP
      return hashUuid(canonicalJson(values))
    }
  }

  /**
   * Whether all conditions hold; undefined where there are none. `isOptional`: a file may lack the
   * columns.
   */
  conditions(
    when: readonly Condition[],
    scope: Scope,
    isOptional = false,
  ): ((context: RowContext) => boolean) | undefined {
    if (when.length === 0) return undefined
    const isOfLine = scope === 'line'
    const tests = when.map(({ path, holds }) => {
      const read = this.text(path, isOptional, isOfLine ? scope : 'row')
      return (context: RowContext) => {
        const text = read(context)
        return holds(text instanceof RowFault ? NO_TEXT : text)
      }
    })
    return (context) => {
      const atRow = scope === 'row' || isOfLine ? context : { ...context, row: context.root }
      return tests.every((test) => test(atRow))
    }
  }

  /** The text at a path; a list or an object is a fault. */
  text(path: string, isOptional: boolean, scope: Scope): ReadText {
    const get = this.#raw(path, isOptional, scope)
    const { nulls } = this.#spec
    return (context) => {
      const value = get(context)
      if (value === undefined || value === null || value instanceof RowFault)
        return value ?? undefined
      if (typeof value === 'object')
        return new RowFault(
          'wrong_type',
          `${path} is ${Array.isArray(value) ? 'a list' : 'an object'}`,
        )
      const text = String(value)
      return nulls.has(text) ? undefined : text
    }
  }

  /** All texts at a path with `[]`; what is no text in the list is a fault. */
  texts(path: string, isOptional: boolean, scope: Scope): ReadTexts {
    const get = this.#raw(path, isOptional, scope)
    const { nulls } = this.#spec
    return (context) => {
      const value = get(context)
      if (value === undefined || value instanceof RowFault) return value
      const texts: string[] = []
      for (const each of Array.isArray(value) ? value : [value]) {
        if (typeof each === 'object' && each !== null)
          return new RowFault('wrong_type', `${path} has an object where an amount should be`)
        const text = String(each ?? '')
        if (!nulls.has(text)) texts.push(text)
      }
      return texts.length > 0 ? texts : undefined
    }
  }

  /** The list of order lines at the first of these paths that has one. */
  list(paths: readonly string[]): (context: RowContext) => unknown {
    const present = paths.filter((path) => this.#has(path, 'row'))
    if (present.length === 0) for (const path of paths) this.#getter(path, false)
    const getters = present.map((path) => this.#getter(path, true))
    return ({ row }) => {
      for (const get of getters) {
        const value = get(row)
        if (value !== undefined && value !== null && value !== '') return value
      }
      return undefined
    }
  }

  /** All columns of one row of a group, with the first value of each among the group's rows. */
  merge(rows: readonly RowContext['row'][]): RowContext['row'] {
    const [first, ...others] = rows
    if (first === undefined || others.length === 0) return first ?? []
    const isMissing = (value: unknown) =>
      value === undefined || value === null || this.#spec.nulls.has(String(value))
    if (isFields(first))
      return first.map((value, i) => {
        if (!isMissing(value)) return value
        const row = others.find((each) => isFields(each) && !isMissing(each[i]))
        return row !== undefined && isFields(row) ? (row[i] ?? '') : value
      })
    const merged: Record<string, unknown> = { ...first }
    for (const row of others)
      for (const [key, value] of Object.entries(row))
        if (isMissing(merged[key])) merged[key] = value
    return merged
  }

  #has(path: string, scope: Scope): boolean {
    const { columns } = this.#source
    if (columns === undefined || path === LINE || path === FILE || path === EVENT_TYPE) return true
    if (scope !== 'row' && path.startsWith('$.'))
      return findColumn(columns, path.slice(2)) !== undefined
    return scope === 'entry' || findColumn(columns, path) !== undefined
  }

  #raw(path: string, isOptional: boolean, scope: Scope): (context: RowContext) => unknown {
    if (path === LINE) return ({ line }) => String(line)
    if (path === FILE) return () => this.#fileName
    if (path === EVENT_TYPE) return ({ eventType }) => eventType || undefined
    if (scope !== 'row' && path.startsWith('$.')) {
      const get = this.#getter(path.slice(2), isOptional)
      return ({ root }) => get(root)
    }
    const get = scope === 'entry' ? createPathGetter(path) : this.#getter(path, isOptional)
    return ({ row }) => get(row)
  }

  #getter(path: string, isOptional: boolean): Getter {
    const { columns, format } = this.#source
    const column = columns === undefined ? path : findColumn(columns, path)
    if (!isOptional && column === undefined) this.#noteMissingColumn(path, columns ?? [])
    if (format !== 'csv') return createPathGetter(path)
    if (column !== undefined && columns?.indexOf(column) !== columns?.lastIndexOf(column))
      this.#noteDuplicateColumn(column)
    return createColumnGetter(columns ?? [], path) ?? (() => undefined)
  }

  #noteMissingColumn(path: string, columns: readonly string[]): void {
    this.#fault(
      path,
      `No column '${path}', which ${this.#spec.file} maps.`,
      didYouMean(path, columns),
    )
  }

  #noteDuplicateColumn(path: string): void {
    const message = `Two columns are called '${path}', which ${this.#spec.file} maps.`
    this.#fault(path, message, 'Rename one of them in the file.')
  }

  #fault(path: string, message: string, hint: string): void {
    if (this.#missing.has(path)) return
    this.#missing.add(path)
    const { file, format, columns } = this.#source
    const line =
      format === 'csv' ? { line: 1, text: columns?.join(this.#spec.csv.delimiter) ?? '' } : {}
    this.faults.push(
      new CcsError('CCS_IMPORT_INVALID', message, {
        location: { file, ...line },
        hint,
      }),
    )
  }
}

/** What conditions see of a list or an object: a text that no value has. */
const NO_TEXT = '\u0000'

const TOO_DEEP = new RowFault('invalid_json', `nested deeper than ${DEPTH_MAX} levels`)

function isFields(row: RowContext['row']): row is readonly string[] {
  return Array.isArray(row)
}
