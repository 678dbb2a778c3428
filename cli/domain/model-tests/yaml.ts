/** Reads the values of a test file; faults are collected, each with its place. */

import type { YamlDocument, YamlPath } from '../documents/yaml-document.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { parseDurationMs } from '../kernel/units.ts'

/** A YAML map; its keys are strings. */
export type YamlMap = Readonly<Record<string, unknown>>

/**
 * Every method notes a fault for a bad value and returns a harmless one, so that reading goes on.
 */
export class TestReader {
  readonly faults: CcsError[] = []
  readonly #document: YamlDocument

  constructor(document: YamlDocument) {
    this.#document = document
  }

  line(path: YamlPath): number {
    return this.#document.locate(path).line ?? 1
  }

  fault(path: YamlPath, message: string, hint?: string, part: 'key' | 'value' = 'value'): void {
    this.faults.push(
      new CcsError('CCS_TEST_INVALID', message, {
        exit: EXIT.usage,
        location: this.#document.locate(path, part),
        ...(hint === undefined ? {} : { hint }),
      }),
    )
  }

  /**
   * Reads a map; with `known`, other keys are faults. Anything else is a
   * fault and gives an empty map.
   */
  map(value: unknown, path: YamlPath, what: string, known?: readonly string[]): YamlMap {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      const hint = known === undefined ? undefined : `Keys: ${known.join(', ')}.`
      this.fault(path, `${what} must be keys and values.`, hint)
      return {}
    }
    const map = value as YamlMap // the parser returns maps as plain objects
    if (known !== undefined) this.keys(map, path, what, known)
    return map
  }

  keys(map: YamlMap, path: YamlPath, what: string, known: readonly string[]): void {
    for (const key of Object.keys(map))
      if (!known.includes(key))
        this.fault([...path, key], `${what} has no "${key}".`, didYouMean(key, known), 'key')
  }

  list(value: unknown, path: YamlPath, what: string): readonly unknown[] {
    if (Array.isArray(value)) return value
    this.fault(path, `${what} must be a list.`, 'Begin each entry with "- ".')
    return []
  }

  count(value: unknown, path: YamlPath, what: string): number | undefined {
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
    this.fault(path, `${what} must be a whole number, not ${shown(value)}.`)
    return undefined
  }

  /** Reads `10:00`, `10:00:05.250` (on `date`), `2026-03-01 10:00` or `2026-03-01`: UTC, in ms. */
  time(value: unknown, path: YamlPath, date: string | undefined): number | undefined {
    const ms = parseTimeMs(String(value), date)
    if (ms !== undefined) return ms
    const needsDate = parseTimeMs(String(value), '2000-01-01') !== undefined
    this.fault(
      path,
      needsDate ? `"${String(value)}" has no date.` : `${shown(value)} is not a time.`,
      needsDate
        ? 'Put "date: 2026-03-01" into the case or at the top of the file, or write the date here.'
        : 'Write 10:00, 10:00:05 or 2026-03-01 10:00:05, in UTC.',
    )
    return undefined
  }

  duration(value: unknown, path: YamlPath): number | undefined {
    const ms = typeof value === 'string' ? parseDurationMs(value) : undefined
    if (ms === undefined)
      this.fault(
        path,
        `${shown(value)} is not a duration.`,
        'Write a number and a unit: 30 seconds, 3 minutes, 2 hours, 1 day.',
      )
    return ms
  }
}

/** Parses a time as tests write it into ms since 1970; undefined for anything else. */
export function parseTimeMs(text: string, date?: string): number | undefined {
  const parts =
    /^(?:(\d{4}-\d\d-\d\d)(?:[ T](?=\d)|$))?(?:(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?Z?$/.exec(
      text,
    )
  const [, day = date, hour, minute = '00', second = '00', fraction = ''] = parts ?? []
  if (!parts || text === '' || day === undefined) return undefined
  if (hour === undefined && parts[1] === undefined) return undefined
  const iso = `${day}T${hour ?? '00'}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`
  const ms = Date.parse(iso)
  return Number.isNaN(ms) || new Date(ms).toISOString() !== iso ? undefined : ms
}

/** Renders a value for a message. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? 'nothing')
}
