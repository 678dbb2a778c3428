/**
 * Files with many thousands of faults: the first are listed, the others counted, and the work grows
 * with the file, not with its square.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseRecordSchema } from '../../../cli/domain/avro/schema.ts'
import { parseConfig } from '../../../cli/domain/config/config.ts'
import { createPainter, formatError, toErrorDocument } from '../../../cli/domain/console/text.ts'
import { parseYaml } from '../../../cli/domain/documents/yaml-document.ts'
import { parseMapping } from '../../../cli/domain/ingest/mapping/parse-mapping.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { parseMetric } from '../../../cli/domain/live/metric.ts'
import { parseModelTests } from '../../../cli/domain/model-tests/parse-model-tests.ts'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import { importContract } from '../../fixtures/import-parts.ts'

const contract = importContract().event
const schema = path.resolve(import.meta.dirname, '../../../schemas/events.raw.avsc')
const context = {
  contract: parseRecordSchema(readFileSync(schema, 'utf8')),
  watermarkDelayMs: 5000,
  models: new Map([['gold.activity_1m', ['window_start']]]),
}
const testFile = (text: string) => parseModelTests('sql/gold/activity_1m.test.yml', text, context)

/** `count` lines. */
function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join('\n')
}

/** Each reads a file with n faults. */
const FILES: Readonly<Record<string, (n: number) => unknown>> = {
  'unknown settings': (n) => parseConfig(lines(n, (i) => `key${i}: 1`)),
  'unknown settings in braces': (n) => parseConfig(`{${lines(n, (i) => `key${i}: 1,`)}}`),
  'one setting again and again': (n) => parseConfig(lines(n + 1, () => 'name: shop')),
  'values that are no YAML': (n) => parseConfig(lines(n, (i) => `key${i}: 'a' b`)),
  'targets without an engine': (n) =>
    parseConfig(`targets:\n${lines(n, (i) => `  key${i}: { data: x }`)}`),
  'unknown fields of a mapping': (n) =>
    parseMapping(`event:\n${lines(n, (i) => `  key${i}: column`)}`, 'map.yml', contract),
  'unknown steps of a test': (n) =>
    testFile(`cases:\n - name: one\n   steps:\n${lines(n, (i) => `    - step${i}`)}`),
  'test cases that expect nothing': (n) =>
    testFile(`cases:\n${lines(n, (i) => ` - { name: case ${i}, expect: {} }`)}`),
  'unknown keys of a header': (n) =>
    parseModel('sql/gold/a.sql', `/*\n${lines(n, (i) => `key${i}: x`)}\n*/\n-- A.\nSELECT 1\n`),
  'unknown keys of a metric': (n) =>
    parseMetric('sql/live/a.sql', `/*\n${lines(n, (i) => `key${i}: x`)}\n*/\nSELECT 1\n`),
}

function faultOf(read: () => unknown): CcsError {
  try {
    read()
  } catch (error) {
    if (error instanceof CcsError) return error
    throw error
  }
  throw new Error('There is no fault.')
}

function cpuMs(run: () => unknown): number {
  const from = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(from)
  return (user + system) / 1000
}

describe.each(Object.entries(FILES))('%s', (_, read) => {
  test('are counted, and the first 50 are listed', () => {
    const error = faultOf(() => read(1000))
    expect(error.others).toHaveLength(49)
    expect(error.more).toBeGreaterThanOrEqual(950)
  })

  test('four times as many cost about four times the CPU', () => {
    const few = Math.min(...[1, 2, 3].map(() => cpuMs(() => faultOf(() => read(2000)))))
    const many = Math.min(...[1, 2].map(() => cpuMs(() => faultOf(() => read(8000)))))
    // Sixteen times, and more, if each fault walked through the file. Few may take next to nothing.
    expect(many).toBeLessThan(10 * Math.max(few, 10))
  })
})

test('the keys of a large map are not each compared with all others', () => {
  const read = (n: number) =>
    parseYaml(
      lines(n, (i) => `key${i}: 1`),
      { file: 'a.yml', code: 'CCS_CONFIG_INVALID' },
    )
  read(10_000)
  expect(cpuMs(() => read(60_000))).toBeLessThan(
    12 *
      Math.max(
        cpuMs(() => read(10_000)),
        50,
      ),
  )
})

test('says how many faults are not listed, as text and as a document', () => {
  const error = faultOf(() => parseConfig(lines(1234, (i) => `key${i}: 1`)))
  expect(formatError(error, createPainter(false)).at(-1)).toBe(
    'The first 50 faults, and 1,184 more.',
  )
  expect(toErrorDocument(error)).toMatchObject({ more: 1184 })
})

test('a key that is repeated anywhere in a file is a fault at its place', () => {
  const text = 'a: 1\nb:\n  - { c: 1, d: { e: 1, "e": 2 } }\na: 2\n? [x, x]\n: 1\n1: x\n"1": y\n'
  const error = faultOf(() => parseConfig(text))
  const all = [error, ...error.others]
  expect(all.map(({ message }) => message)).toEqual(all.map(() => 'Map keys must be unique.'))
  expect(all.map(({ location }) => [location?.line, location?.column])).toEqual([
    [3, 24],
    [4, 1],
  ])
})

test('a line that holds a whole document is not shown with its faults', () => {
  const fault = (n: number) => faultOf(() => parseConfig(`{ ${'a: 1, '.repeat(n)} }`)).location
  expect(fault(3)?.text).toContain('a: 1')
  expect(fault(3000)).toEqual({ file: 'ccs.yml', line: 1, column: 9 })
})
