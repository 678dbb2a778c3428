import { expect, test } from 'vitest'
import { refusePage } from '../../../cli/domain/config/target-needs.ts'

test('the live page is refused for a target whose topics it can’t read', () => {
  const target = { name: 'big', data: 'x', prefix: '' }
  expect(() => refusePage({ ...target, engine: 'ksqldb' })).toThrow(
    'The live page does not show target big: the rows of ksqlDB are in its topics.',
  )
  for (const engine of ['embedded', 'flink'] as const)
    expect(() => refusePage({ ...target, engine })).not.toThrow()
})
