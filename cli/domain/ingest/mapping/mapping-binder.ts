/**
 * Turns the rules of a mapping into functions of a row, for one file: columns are resolved once by
 * name, and missing ones are collected as faults.
 */

import { RowFault, type SourceFormat } from '../../documents/source-row.ts'
import { didYouMean } from '../../kernel/did-you-mean.ts'
import { CcsError } from '../../kernel/errors.ts'
import { canonicalJson, hashUuid, isDeeperThan } from './convert-value.ts'
import {
  ALL,
  type Condition,
  type EventFields,
  FILE,
  type FieldRule,
  type ItemsRule,
  LINE,
  type MappingSpec,
  type RowContext,
  type UrlPart,
  type ValueSource,
} from './mapping-spec.ts'
import { readOrderLines } from './order-lines.ts'
import { createColumnGetter, createPathGetter, type Getter, parsePath } from './value-path.ts'

/** The file that a mapping is applied to. */
export interface MappedFile {
  readonly file: string
  readonly format: SourceFormat
  /** The columns of the header; undefined for NDJSON. */
  readonly columns: readonly string[] | undefined
}

const DEPTH_MAX = 64

/** undefined: no value. */
type TextOrFault = string | undefined | RowFault

type ReadText = (context: RowContext) => TextOrFault

/** Returned for a field whose value makes the mapping leave the row out. */
export const LEFT_OUT = Symbol('left out')

/** Binds rules to one file; `faults` has an entry for each missing or ambiguous column. */
export class MappingBinder {
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

  bindField(rule: FieldRule, inList = false): (context: RowContext) => unknown {
    const read = this.#read(rule, inList)
    const when = this.#conditions(rule.when)
    const { url, leaveOut, values, otherwise, fallback, convert } = rule
    return (context) => {
      if (when !== undefined && !when(context)) return undefined
      let text = read(context)
      if (text !== undefined && !(text instanceof RowFault) && url !== undefined)
        text = extractUrlPart(text, url, rule.field.name)
      if (text instanceof RowFault) return text
      if (text !== undefined && leaveOut.has(text)) return LEFT_OUT
      if (text !== undefined && values !== undefined) {
        const mapped = values.get(text) ?? otherwise
        if (mapped === undefined)
          return new RowFault(
            'wrong_type',
            `${rule.field.name}: the mapping has no value for '${text}'`,
          )
        text = mapped ?? undefined
      }
      text ??= fallback
      return text === undefined ? undefined : convert(text)
    }
  }

  bindItems(
    rule: ItemsRule,
  ): (context: RowContext) => readonly EventFields[] | undefined | RowFault {
    const inList = rule.each !== undefined
    const fields = rule.fields.map((each) => ({ rule: each, read: this.bindField(each, inList) }))
    const when = this.#conditions(rule.when)
    const list = rule.each === undefined ? undefined : this.#getter(rule.each, false)
    const line = (context: RowContext): EventFields | undefined | RowFault => {
      const item: Record<string, unknown> = {}
      for (const field of rule.field.fields) item[field.name] = field.fallback
      let missing: RowFault | undefined
      let found = 0
      for (const { rule: each, read } of fields) {
        const value = read(context)
        if (value instanceof RowFault) return value
        if (value !== undefined) item[each.field.name] = value
        if (value !== undefined && each.source.kind !== 'constant') found++
        if (value === undefined && each.field.isRequired) missing ??= missingValue(each)
      }
      // A row without a product, such as a page view, has no line; an incomplete line is a fault.
      return found === 0 ? undefined : (missing ?? item)
    }
    return (context) => {
      if (when !== undefined && !when(context)) return undefined
      if (list === undefined) {
        const item = line(context)
        return item === undefined || item instanceof RowFault ? item : [item]
      }
      return readOrderLines(list(context.row), context, line)
    }
  }

  #read(rule: FieldRule, inList: boolean): ReadText {
    const { source } = rule
    switch (source.kind) {
      case 'constant':
        return () => source.value
      case 'from': {
        const reads = this.#anyOf(source.paths, rule.isOptional, inList)
        return (context) => {
          for (const read of reads) {
            const text = read(context)
            if (text !== undefined) return text
          }
          return undefined
        }
      }
      case 'template': {
        const parts = source.parts.map((part) =>
          'path' in part ? this.#text(part.path, rule.isOptional, inList) : () => part.text,
        )
        return (context) => {
          let whole = ''
          for (const part of parts) {
            const text = part(context)
            if (text === undefined || text instanceof RowFault) return text
            whole += text
          }
          return whole
        }
      }
      case 'hash':
        return this.#hash(source.paths, rule.isOptional, inList)
    }
  }

  /** A file needs only one of the alternative columns. */
  #anyOf(paths: readonly string[], isOptional: boolean, inList: boolean): readonly ReadText[] {
    const present = paths.filter((path) => this.#has(path, inList))
    if (present.length === 0 && !isOptional)
      for (const path of paths) this.#text(path, false, inList)
    return present.map((path) => this.#text(path, true, inList))
  }

  #has(path: string, inList: boolean): boolean {
    const { columns, format } = this.#source
    if (inList || columns === undefined || path === LINE || path === FILE) return true
    const [step] = format === 'csv' ? [] : (parsePath(path) ?? [])
    return columns.includes(path) || (step?.kind === 'key' && columns.includes(step.key))
  }

  #hash(paths: readonly string[], isOptional: boolean, inList: boolean): ReadText {
    const columns = this.#source.columns
    // Sorted, so that ids do not depend on the order of the columns.
    const all = paths.includes(ALL) && columns !== undefined ? [...new Set(columns)].sort() : []
    const names = [...new Set([...all, ...paths.filter((path) => path !== ALL)])]
    const getters = names.map((name) => this.#raw(name, isOptional, inList))
    const isWhole = paths.includes(ALL) && columns === undefined
    return (context) => {
      if (isDeeperThan(context.row, DEPTH_MAX))
        return new RowFault('invalid_json', `nested deeper than ${DEPTH_MAX} levels`)
      const values = getters.map((get, i) => [names[i], get(context) ?? null])
      const isNothing = values.every(([, value]) => value === null || value === '')
      if (isWhole) values.push([ALL, context.row])
      else if (isNothing) return undefined
      return hashUuid(canonicalJson(values))
    }
  }

  #conditions(when: readonly Condition[]): ((context: RowContext) => boolean) | undefined {
    if (when.length === 0) return undefined
    // Conditions refer to the row, even inside a list of items.
    const tests = when.map(({ path, values }) => ({ get: this.#text(path, false, false), values }))
    return ({ root, line }) =>
      tests.every(({ get, values }) => {
        const text = get({ row: root, root, line })
        return values.has(text === undefined || text instanceof RowFault ? '' : text)
      })
  }

  #text(path: string, isOptional: boolean, inList: boolean): ReadText {
    const get = this.#raw(path, isOptional, inList)
    const { nulls } = this.#spec
    return (context) => {
      const value = get(context)
      if (value === undefined || value === null) return undefined
      if (typeof value === 'object')
        return new RowFault(
          'wrong_type',
          `${path} is ${Array.isArray(value) ? 'a list' : 'an object'}`,
        )
      const text = String(value)
      return nulls.has(text) ? undefined : text
    }
  }

  #raw(path: string, isOptional: boolean, inList: boolean): (context: RowContext) => unknown {
    if (path === LINE) return ({ line }) => String(line)
    if (path === FILE) return () => this.#fileName
    if (!inList) {
      const get = this.#getter(path, isOptional)
      return ({ row }) => get(row)
    }
    if (path.startsWith('$.')) {
      const get = this.#getter(path.slice(2), isOptional)
      return ({ root }) => get(root)
    }
    const get = createPathGetter(path)
    return ({ row }) => get(row)
  }

  #getter(path: string, isOptional: boolean): Getter {
    const { columns, format } = this.#source
    if (!isOptional && !this.#has(path, false)) this.#noteMissingColumn(path, columns ?? [])
    if (format !== 'csv') return createPathGetter(path)
    if (columns?.indexOf(path) !== columns?.lastIndexOf(path)) this.#noteDuplicateColumn(path)
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
      new CcsError('CCS_IMPORT_INVALID', message, { location: { file, ...line }, hint }),
    )
  }
}

/** The fault of a required field whose source has no value. */
export function missingValue(rule: FieldRule): RowFault {
  return new RowFault(
    'missing_field',
    `${rule.field.name}: ${describeSource(rule.source)} has no value`,
  )
}

function describeSource(source: ValueSource): string {
  switch (source.kind) {
    case 'from':
    case 'hash':
      return source.paths.join(' or ')
    case 'constant':
      return 'the constant'
    case 'template':
      return source.parts.map((part) => ('path' in part ? `{${part.path}}` : part.text)).join('')
  }
}

function extractUrlPart(text: string, part: UrlPart, field: string): TextOrFault {
  // The base URL makes a bare path valid.
  if (!URL.canParse(text, 'http://host'))
    return new RowFault('wrong_type', `${field}: '${text.slice(0, 60)}' is not a URL`)
  const url = new URL(text, 'http://host')
  if (part === 'path') return url.pathname
  if (part === 'host') return URL.canParse(text) ? url.host || undefined : undefined
  return url.searchParams.get(part.query) || undefined
}
