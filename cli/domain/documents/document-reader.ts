/**
 * Reads the values of a YAML document and collects all its faults, each with its place, so that a
 * user sees them at once. Every file that people write in YAML is read with this: ccs.yml, model
 * headers, model tests, import mappings, metrics of the live page.
 */
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, type ErrorCode, FAULTS_LISTED_MAX, throwAll } from '../kernel/errors.ts'
import { asObject, isObject, type JsonObject } from '../kernel/json.ts'
import { redactLine } from '../kernel/redact.ts'
import { parseDurationMs } from '../kernel/units.ts'
import type { ValueReader } from './value-readers.ts'
import type { YamlDocument, YamlPath } from './yaml-document.ts'

/**
 * A message or a hint. A function is called only if the fault is listed: a file may have many more
 * faults than anybody reads.
 */
export type FaultText = string | (() => string)

/**
 * A method that finds a value wrong notes a fault and returns a harmless value, so that reading
 * goes on. `what` names the value in messages; the path where it is left out.
 */
export class DocumentReader {
  readonly #listed: CcsError[] = []
  #count = 0
  readonly #document: YamlDocument
  readonly #code: ErrorCode

  constructor(document: YamlDocument, code: ErrorCode) {
    this.#document = document
    this.#code = code
  }

  /** How many faults have been noted. */
  get faultCount(): number {
    return this.#count
  }

  /**
   * Throws the faults as one error, which lists the first and counts the others; does nothing where
   * there are none.
   */
  throwFaults(): void {
    throwAll(this.#listed, this.#count - this.#listed.length)
  }

  /** Line of the file on which the value at `path` begins, or with 'key' its key, from 1. */
  line(path: YamlPath, part: 'key' | 'value' = 'value'): number {
    return this.#document.locate(path, part).line ?? 1
  }

  /** The last key of `path` in quotes; `A key` if it may be a piece of an address' password. */
  quoteKey(path: YamlPath): string {
    const key = String(path.at(-1))
    const { text = '' } = this.#document.locate(path, 'key')
    return redactLine(text).includes(key) ? JSON.stringify(key) : 'A key'
  }

  /** Notes a fault at the value at `path`, or with 'key' at its key. */
  fault(
    path: YamlPath,
    message: FaultText,
    hint?: FaultText,
    part: 'key' | 'value' = 'value',
  ): void {
    this.#count++
    if (this.#listed.length === FAULTS_LISTED_MAX) return
    const location = this.#document.locate(path, part)
    const said = hint === undefined ? undefined : write(hint)
    this.#listed.push(new CcsError(this.#code, write(message), { location, hint: said }))
  }

  /**
   * Keys and values, with no other keys than `known` where those are given; {} for anything else.
   */
  map(value: unknown, path: YamlPath, what: string, known?: readonly string[]): JsonObject {
    if (!isObject(value)) {
      const hint = known ? `Keys: ${known.join(', ')}.` : 'Write it as "key: value", one on a line.'
      this.fault(path, `${what} must be keys and values.`, hint)
    } else if (known !== undefined) this.checkKeys(value, path, what, known)
    return asObject(value)
  }

  /** A fault for each key that is not among `known`. */
  checkKeys(map: JsonObject, path: YamlPath, what: string, known: readonly string[]): void {
    for (const key of Object.keys(map))
      if (!known.includes(key))
        this.fault(
          [...path, key],
          `${what} has no key "${key}".`,
          () => didYouMean(key, known),
          'key',
        )
  }

  /** A list; [] for anything else. */
  list(value: unknown, path: YamlPath, what = path.join('.')): readonly unknown[] {
    if (Array.isArray(value)) return value
    this.fault(
      path,
      `${what} must be a list.`,
      'Write it as [a, b], or begin each entry with "- ".',
    )
    return []
  }

  /**
   * One text; a number or a boolean as YAML prints it. undefined for no value, and for a wrong one.
   */
  text(value: unknown, path: YamlPath, what = path.join('.')): string | undefined {
    if (value === undefined || typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    this.fault(path, `${what} must be a text.`, 'Write one value, in quotes if need be.')
    return undefined
  }

  /** One text or a list of them. undefined for no value. */
  texts(value: unknown, path: YamlPath): readonly string[] | undefined {
    if (value === undefined) return undefined
    const what = path.join('.')
    if (!Array.isArray(value)) return [this.text(value, path) ?? '']
    return value.map((one, index) => this.text(one, [...path, index], what) ?? '')
  }

  /** One of some words. undefined for no value, and for a wrong one. */
  choice<Word extends string>(
    value: unknown,
    path: YamlPath,
    words: readonly Word[],
  ): Word | undefined {
    const text = this.text(value, path)
    const word = words.find((one) => one === text)
    if (text !== undefined && word === undefined)
      this.fault(path, `"${text}" is not one of ${words.join(', ')}.`, () =>
        didYouMean(text, words),
      )
    return word
  }

  /** A whole number from 0 on. undefined for no value, and for a wrong one. */
  count(value: unknown, path: YamlPath, what = path.join('.')): number | undefined {
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
    this.fault(path, `${what} must be a whole number, not ${showValue(value)}.`)
    return undefined
  }

  /** A length of time such as `30 seconds`, in ms. undefined for no value, and for a wrong one. */
  duration(value: unknown, path: YamlPath): number | undefined {
    if (value === undefined) return undefined
    const ms = typeof value === 'string' ? parseDurationMs(value) : undefined
    if (ms === undefined)
      this.fault(
        path,
        `${showValue(value)} is not a length of time.`,
        'Write a number and a unit: 30 seconds, 3 minutes, 2 hours, 1 day.',
      )
    return ms
  }

  /**
   * The value as `read` gives it; the message of a fault begins with the path, such as `http.port`.
   */
  value<Given, Value>(
    value: Given,
    path: YamlPath,
    read: (value: Given) => ReturnType<ValueReader<Value>>,
  ): Value | undefined {
    const found = read(value)
    if ('value' in found) return found.value
    this.fault(path, `${path.join('.')} ${found.wrong}`)
    return undefined
  }
}

function write(text: FaultText): string {
  return typeof text === 'string' ? text : text()
}

/** A value in a message: a text in quotes, anything else as JSON. */
export function showValue(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing'
}
