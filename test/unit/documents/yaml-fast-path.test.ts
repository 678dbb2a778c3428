/** The fast parser for simple YAML gives what the full one gives, or nothing. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseYaml } from '../../../cli/domain/documents/yaml-document.ts'
import { parseSimpleYaml } from '../../../cli/domain/documents/yaml-fast-path.ts'
import { splitModel } from '../../../cli/domain/models/parse-model.ts'

const SQL = path.resolve(import.meta.dirname, '../../../sql')

function full(text: string): unknown {
  try {
    return parseYaml(text, { file: 'x', code: 'CCS_MODEL_INVALID' }).value
  } catch {
    return 'a fault'
  }
}

test('both parsers give the same for all headers of the project', () => {
  const files = readdirSync(SQL, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /^(bronze|silver|gold)\/\w+\.sql$/.test(file),
  )
  expect(files.length).toBeGreaterThan(10)
  for (const file of files) {
    const { header } = splitModel(`sql/${file}`, readFileSync(path.join(SQL, file), 'utf8'))
    expect(parseSimpleYaml(header), file).toEqual(full(header))
  }
})

const PIECES = [
  'kind: ',
  'key: ',
  'audits:',
  '[a, b]',
  '["a, b", c]',
  '[a',
  '[]',
  ', b]',
  '\n',
  '\n  - ',
  '\n - ',
  '\n- ',
  'window',
  '1 minute',
  '30',
  '3.5',
  'true',
  'null',
  '~',
  'no',
  '"a # b"',
  "'a'",
  'it"s',
  ' # why',
  '# why',
  'a: b',
  'x > 0',
  'f(a, b)',
  '{a: 1}',
  '&a',
  '*a',
  '|',
  '- ',
  '  more',
  '0x1f',
  '"\\n"',
  ',',
  ' ',
]

test('the fast parser never differs from the full one on random headers', () => {
  let plain = 0
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }), (pieces) => {
      const text = pieces.join('')
      const short = parseSimpleYaml(text)
      if (short === undefined) return
      plain++
      expect(short).toEqual(full(text))
    }),
    { numRuns: 20_000, seed: 3 },
  )
  expect(plain).toBeGreaterThan(50)
})
