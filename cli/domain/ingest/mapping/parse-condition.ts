/**
 * Conditions of a mapping: `when: { column: value }`, a list of values, or tests such as
 * `{ starts_with: C }`. All columns of a condition must pass.
 */
import type { DocumentReader } from '../../documents/document-reader.ts'
import type { YamlPath } from '../../documents/yaml-document.ts'
import { isObject } from '../../kernel/json.ts'
import type { Condition } from './mapping-spec.ts'

const TESTS = ['is', 'is_not', 'starts_with', 'matches', 'has_value'] as const

/** Returns the conditions of `when`; its faults are noted. */
export function parseWhen(
  value: unknown,
  path: YamlPath,
  reader: DocumentReader,
): readonly Condition[] {
  if (value === undefined) return []
  return Object.entries(reader.map(value, path, path.join('.'))).map(([column, wanted]) => ({
    path: column,
    holds: parseTest(wanted, [...path, column], reader),
  }))
}

/** Returns a test of one text: it must be one of some values, or pass all tests of a map. */
export function parseTest(
  value: unknown,
  path: YamlPath,
  reader: DocumentReader,
): Condition['holds'] {
  if (!isObject(value)) {
    const values = new Set(reader.texts(value, path))
    return (text) => values.has(text ?? '')
  }
  const map = reader.map(value, path, path.join('.'), TESTS)
  const tests: Condition['holds'][] = []
  const texts = (key: (typeof TESTS)[number]) => reader.texts(map[key], [...path, key])
  const is = texts('is')
  if (is !== undefined) tests.push((text) => is.includes(text ?? ''))
  const isNot = texts('is_not')
  if (isNot !== undefined) tests.push((text) => !isNot.includes(text ?? ''))
  const starts = texts('starts_with')
  if (starts !== undefined)
    tests.push((text) => text !== undefined && starts.some((start) => text.startsWith(start)))
  const pattern = parsePattern(map.matches, [...path, 'matches'], reader)
  if (pattern !== undefined) tests.push((text) => text !== undefined && pattern.test(text))
  const hasValue = map.has_value
  if (hasValue !== undefined && typeof hasValue !== 'boolean')
    reader.fault([...path, 'has_value'], 'has_value is neither true nor false.')
  if (hasValue !== undefined) tests.push((text) => (text !== undefined) === hasValue)
  return (text) => tests.every((test) => test(text))
}

function parsePattern(value: unknown, path: YamlPath, reader: DocumentReader): RegExp | undefined {
  const text = reader.text(value, path)
  if (text === undefined) return undefined
  try {
    return new RegExp(text, 'u')
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    reader.fault(path, `${message}.`, 'Patterns are regular expressions such as ^C[0-9]+$.')
    return undefined
  }
}
