/**
 * Reads the header of a model: YAML with what a batch query can't express. All faults are
 * collected, each with its place, so that a user sees them at once.
 */

import { DocumentReader } from '../documents/document-reader.ts'
import { parseYaml, type YamlDocument, type YamlPath } from '../documents/yaml-document.ts'
import { parseSimpleYaml } from '../documents/yaml-fast-path.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import type { JsonObject } from '../kernel/json.ts'
import { parseDurationMs } from '../kernel/units.ts'
import type { Audit, Kind, Model, WindowSize } from './model.ts'

/** The fields of a Model that its header decides. */
export type HeaderFields = Omit<
  Model,
  'name' | 'layer' | 'file' | 'text' | 'sql' | 'sqlLine' | 'doc'
>

const KINDS: readonly Kind[] = ['stream', 'window', 'session', 'view']

/** Every key, and the kinds of model that may have it. */
const KEYS: Readonly<Record<string, readonly Kind[]>> = {
  kind: KINDS,
  grain: KINDS,
  key: KINDS,
  audits: KINDS,
  time: KINDS,
  partition: KINDS,
  watermark: ['stream'],
  dedupe: ['stream'],
  dedupe_orders: ['stream'],
  horizon: ['stream'],
  window: ['window'],
  lateness: ['window', 'session'],
  session: ['session'],
  cap: ['session'],
}

const REQUIRED: Readonly<Record<Kind, readonly string[]>> = {
  stream: ['grain', 'key'],
  window: ['grain', 'key', 'time', 'window', 'lateness'],
  session: ['grain', 'key', 'time', 'session', 'cap', 'lateness'],
  view: ['grain', 'key'],
}

/**
 * Parses the text between the comment delimiters, which begins on `firstLine` of `file`. Throws
 * CCS_MODEL_INVALID.
 */
export function parseHeader(file: string, text: string, firstLine: number): HeaderFields {
  let parsed: YamlDocument | undefined
  const whole = () => {
    parsed ??= parseYaml(text, { file, firstLine, code: 'CCS_MODEL_INVALID' })
    return parsed
  }
  const value = parseSimpleYaml(text)
  const document =
    value === undefined
      ? whole()
      : {
          value,
          locate: (...place: Parameters<YamlDocument['locate']>) => whole().locate(...place),
        }
  const reader = new DocumentReader(document, 'CCS_MODEL_INVALID')
  const fields = new HeaderReader(reader, document.value).read()
  reader.throwFaults()
  return fields
}

/**
 * Parses `not_null(a)`, `unique(a, b)` or `accepted_values(a, x, y)`; any other text is an
 * expression that must hold for each row. Returns a message if the arguments are wrong.
 */
export function parseAudit(text: string): Audit | string {
  const [, rule = '', inside = ''] = /^([a-z_]+)\(([^()]*)\)$/.exec(text.trim()) ?? []
  const names = inside.split(',').map((one) => one.trim())
  const [column = '', ...values] = names
  const isRule = rule === 'not_null' || rule === 'unique' || rule === 'accepted_values'
  if (!isRule) return { rule: 'holds', expression: text.trim() }
  if (names.includes('')) return `${rule}() needs a column.`
  switch (rule) {
    case 'not_null':
      return values.length > 0 ? 'not_null() takes one column.' : { rule, column }
    case 'unique':
      return { rule, columns: names }
    case 'accepted_values':
      return values.length === 0
        ? 'accepted_values() takes a column and its values.'
        : { rule, column, values }
    default:
      return rule satisfies never
  }
}

/** Reads the keys of one header; faults are collected by the document's reader. */
class HeaderReader {
  readonly #reader: DocumentReader
  readonly #values: JsonObject

  constructor(reader: DocumentReader, value: unknown) {
    this.#reader = reader
    this.#values = reader.map(value, [], 'The header')
  }

  read(): HeaderFields {
    const kind = this.#kind()
    this.#checkKeys(kind)
    const time = this.#text('time')
    const watermarkMs = this.#duration('watermark')
    const latenessMs = this.#duration('lateness')
    const dedupeKey = this.#text('dedupe')
    const horizonMs = this.#duration('horizon')
    const orderKey = this.#text('dedupe_orders')
    const window = this.#window()
    const pauseMs = this.#duration('session')
    const capMs = this.#duration('cap')
    const partition = this.#text('partition')
    this.#checkPairs()
    return {
      kind,
      grain: this.#text('grain') ?? '',
      key: this.#list('key').map((one) => one.text),
      audits: this.#audits(),
      ...(time === undefined ? {} : { time }),
      ...(watermarkMs === undefined ? {} : { watermarkMs }),
      ...(latenessMs === undefined ? {} : { latenessMs }),
      ...(dedupeKey === undefined || horizonMs === undefined
        ? {}
        : {
            dedupe: {
              key: dedupeKey,
              horizonMs,
              ...(orderKey === undefined ? {} : { orderKey }),
            },
          }),
      ...(window === undefined ? {} : { window }),
      ...(pauseMs === undefined || capMs === undefined ? {} : { session: { pauseMs, capMs } }),
      ...(partition === undefined ? {} : { partition }),
    }
  }

  #kind(): Kind {
    const reader = this.#reader
    const text = this.#text('kind')
    const kind = KINDS.find((one) => one === text)
    if (kind !== undefined) return kind
    if (text !== undefined)
      reader.fault(['kind'], `There is no kind "${text}".`, () => didYouMean(text, KINDS))
    else if (!('kind' in this.#values) && reader.faultCount === 0)
      reader.fault([], 'The header has no kind.', `Add "kind: " and one of ${KINDS.join(', ')}.`)
    return 'stream'
  }

  #checkKeys(kind: Kind): void {
    const reader = this.#reader
    reader.checkKeys(this.#values, [], 'A header', Object.keys(KEYS))
    if (!KINDS.some((one) => one === this.#values.kind)) return // any of them may be meant
    for (const key of Object.keys(this.#values)) {
      const kinds = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined
      if (kinds !== undefined && !kinds.includes(kind))
        reader.fault(
          [key],
          `A model of kind ${kind} has no use for "${key}".`,
          `It belongs to kind ${kinds.join(' or ')}.`,
          'key',
        )
    }
    for (const key of REQUIRED[kind])
      if (!(key in this.#values))
        reader.fault(
          [],
          `A model of kind ${kind} needs "${key}".`,
          `Add "${key}: …" to the header.`,
        )
  }

  #checkPairs(): void {
    const pairs = [
      ['dedupe', 'horizon', 'Add "horizon: 48 hours": how long a key is remembered.'],
      ['horizon', 'dedupe', 'Add "dedupe: event_id", or leave both out.'],
      ['dedupe_orders', 'dedupe', 'Add "dedupe: event_id", or leave both out.'],
    ] as const
    for (const [key, other, hint] of pairs)
      if (key in this.#values && !(other in this.#values))
        this.#reader.fault([key], `"${key}" needs "${other}".`, hint, 'key')
  }

  #window(): WindowSize | undefined {
    const text = this.#text('window')
    if (text === undefined) return undefined
    if (/^1 shop days?$/.test(text)) return { unit: 'shop day' }
    const sizeMs = parseDurationMs(text)
    if (sizeMs !== undefined && sizeMs > 0 && 86_400_000 % sizeMs === 0)
      return { unit: 'ms', sizeMs }
    this.#reader.fault(
      ['window'],
      `"${text}" is not a window.`,
      'Write "1 minute", "1 hour" or another even part of a day, or "1 shop day".',
    )
    return undefined
  }

  #audits(): Audit[] {
    const audits: Audit[] = []
    for (const { text, path } of this.#list('audits')) {
      const audit = parseAudit(text)
      if (typeof audit === 'string')
        this.#reader.fault(
          path,
          audit,
          'Rules: not_null(column), unique(columns), accepted_values(column, values), ' +
            'or an expression.',
        )
      else audits.push(audit)
    }
    return audits
  }

  #duration(key: string): number | undefined {
    return this.#reader.duration(this.#values[key], [key])
  }

  #text(key: string): string | undefined {
    const text = this.#reader.text(this.#values[key], [key])
    if (text === '') this.#reader.fault([key], `${key} is empty.`, `Write it as "${key}: …".`)
    return text === '' ? undefined : text
  }

  #list(key: string): { text: string; path: YamlPath }[] {
    const value = this.#values[key]
    if (value === undefined) return []
    return this.#reader.list(value, [key]).flatMap((one, index) => {
      if (typeof one === 'string' && one !== '') return [{ text: one, path: [key, index] }]
      this.#reader.fault(
        [key, index],
        `${key} must be a list of texts.`,
        'Put an expression with a colon or a comma into quotes.',
      )
      return []
    })
  }
}
