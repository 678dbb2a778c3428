/**
 * Reads the header of a model: YAML with what a batch query can't express. All faults are
 * collected, each with its place, so that a user sees them at once.
 */

import { parseYaml, type YamlDocument, type YamlPath } from '../documents/yaml-document.ts'
import { parseSimpleYaml } from '../documents/yaml-fast-path.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, EXIT, throwAll } from '../kernel/errors.ts'
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
  const whole = () => parseYaml(text, { file, firstLine, code: 'CCS_MODEL_INVALID' })
  const value = parseSimpleYaml(text)
  const document =
    value === undefined
      ? whole()
      : {
          value,
          locate: (...place: Parameters<YamlDocument['locate']>) => whole().locate(...place),
        }
  const reader = new HeaderReader(document)
  const fields = reader.read()
  throwAll(reader.faults)
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

class HeaderReader {
  readonly faults: CcsError[] = []
  readonly #document: YamlDocument
  readonly #values: Readonly<Record<string, unknown>>

  constructor(document: YamlDocument) {
    this.#document = document
    const { value } = document
    const isMap = value !== null && typeof value === 'object' && !Array.isArray(value)
    if (!isMap)
      this.#fault(
        [],
        'The header is not a list of keys and values.',
        'Begin it with "kind: stream".',
      )
    // The keys of the YAML map are strings.
    this.#values = isMap ? (value as Record<string, unknown>) : {}
  }

  read(): HeaderFields {
    const kind = this.#kind()
    this.#checkKeys(kind)
    const time = this.#text('time')
    const watermarkMs = this.#duration('watermark')
    const latenessMs = this.#duration('lateness')
    const dedupeKey = this.#text('dedupe')
    const horizonMs = this.#duration('horizon')
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
        : { dedupe: { key: dedupeKey, horizonMs } }),
      ...(window === undefined ? {} : { window }),
      ...(pauseMs === undefined || capMs === undefined ? {} : { session: { pauseMs, capMs } }),
      ...(partition === undefined ? {} : { partition }),
    }
  }

  #kind(): Kind {
    const text = this.#text('kind')
    const kind = KINDS.find((one) => one === text)
    if (kind !== undefined) return kind
    if (text !== undefined)
      this.#fault(['kind'], `There is no kind '${text}'.`, didYouMean(text, KINDS))
    else if (!('kind' in this.#values) && this.faults.length === 0)
      this.#fault([], 'The header says no kind.', `Add "kind: " and one of ${KINDS.join(', ')}.`)
    return 'stream'
  }

  #checkKeys(kind: Kind): void {
    for (const key of Object.keys(this.#values)) {
      const kinds = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined
      if (kinds === undefined)
        this.#fault(
          [key],
          `A header has no key '${key}'.`,
          didYouMean(key, Object.keys(KEYS)),
          'key',
        )
      else if (!kinds.includes(kind) && KINDS.includes(this.#values.kind as Kind))
        this.#fault(
          [key],
          `'${key}' means nothing to a model of kind ${kind}.`,
          `It belongs to kind ${kinds.join(' or ')}.`,
          'key',
        )
    }
    if (!KINDS.includes(this.#values.kind as Kind)) return // nothing is required yet
    for (const key of REQUIRED[kind])
      if (!(key in this.#values))
        this.#fault([], `A model of kind ${kind} needs '${key}'.`, `Add "${key}: …" to the header.`)
  }

  #checkPairs(): void {
    if ('dedupe' in this.#values && !('horizon' in this.#values))
      this.#fault(
        ['dedupe'],
        "'dedupe' needs 'horizon'.",
        'Add "horizon: 48 hours": how long a key is remembered.',
        'key',
      )
    if ('horizon' in this.#values && !('dedupe' in this.#values))
      this.#fault(
        ['horizon'],
        "'horizon' needs 'dedupe'.",
        'Add "dedupe: event_id", or leave both out.',
        'key',
      )
  }

  #window(): WindowSize | undefined {
    const text = this.#text('window')
    if (text === undefined) return undefined
    if (/^1 shop days?$/.test(text)) return { unit: 'shop day' }
    const sizeMs = parseDurationMs(text)
    if (sizeMs !== undefined && sizeMs > 0 && 86_400_000 % sizeMs === 0)
      return { unit: 'ms', sizeMs }
    this.#fault(
      ['window'],
      `'${text}' is no window.`,
      'Write "1 minute", "1 hour" or another even part of a day, or "1 shop day".',
    )
    return undefined
  }

  #audits(): Audit[] {
    const audits: Audit[] = []
    for (const { text, path } of this.#list('audits')) {
      const audit = parseAudit(text)
      if (typeof audit === 'string')
        this.#fault(
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
    const text = this.#text(key)
    if (text === undefined) return undefined
    const ms = parseDurationMs(text)
    if (ms === undefined)
      this.#fault(
        [key],
        `'${text}' is no duration.`,
        'Write a whole number and seconds, minutes, hours or days, such as "10 minutes".',
      )
    return ms
  }

  #text(key: string): string | undefined {
    if (!(key in this.#values)) return undefined
    const value = this.#values[key]
    if (typeof value === 'string' && value !== '') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    this.#fault([key], `'${key}' takes a text.`, `Write it as "${key}: …" on one line.`)
    return undefined
  }

  #list(key: string): { text: string; path: YamlPath }[] {
    const value = this.#values[key]
    if (value === undefined) return []
    if (!Array.isArray(value)) {
      this.#fault([key], `'${key}' takes a list.`, `Write it as "${key}: [a, b]".`)
      return []
    }
    return value.flatMap((one: unknown, index) => {
      if (typeof one === 'string' && one !== '') return [{ text: one, path: [key, index] }]
      this.#fault(
        [key, index],
        `'${key}' takes texts.`,
        'Put an expression with a colon or a comma into quotes.',
      )
      return []
    })
  }

  #fault(path: YamlPath, message: string, hint: string, part: 'key' | 'value' = 'value'): void {
    const location = this.#document.locate(path, part)
    this.faults.push(
      new CcsError('CCS_MODEL_INVALID', message, {
        exit: EXIT.usage,
        location,
        hint,
      }),
    )
  }
}
