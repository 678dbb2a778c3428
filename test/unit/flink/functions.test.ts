/** The functions in Java that ccs gives Flink. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { FUNCTIONS } from '../../../cli/engines/flink/compile/ddl.ts'
import { hashOf, readExpression } from '../../../cli/engines/flink/plan/expression-meaning.ts'
import { ROOT } from '../../e2e/run-ccs.ts'

const SOURCES = {
  'v1/LinesRevenue': '6605455662463249',
  'v1/LinesUnits': '462fb955dcf4a2b5',
}

test.each(Object.entries(SOURCES))(
  '%s is what it was: a change is another version',
  (name, sum) => {
    // A cluster with the jar of before would compute otherwise, and nobody would notice.
    const text = readFileSync(path.join(ROOT, 'stack/flink/functions/ccs', `${name}.java`))
    expect(createHash('sha256').update(text).digest('hex').slice(0, 16)).toBe(sum)
    const used = FUNCTIONS.map(({ sql }) => sql).join('\n')
    expect(used).toContain(`'ccs.${name.replace('/', '.')}'`)
  },
)

test('a state with values of another version of a function has another meaning', () => {
  const call = (systemName: string) =>
    readExpression(
      { kind: 'CALL', systemName, operands: [{ kind: 'INPUT_REF', inputIndex: 0 }] },
      { meanings: [hashOf('items')], names: ['items'] },
    )
  expect(call('lines_units')).toBe(call('lines_units'))
  expect(call('lines_units_v2')).not.toBe(call('lines_units'))
})
