import { expect, test } from 'vitest'
import { refusePage } from '../../../cli/domain/config/target-needs.ts'

test('the live page is refused for a target whose rows are in topics alone', () => {
  const target = { name: 'big', data: 'x', prefix: '' }
  expect(() => refusePage({ ...target, engine: 'flink' })).toThrow(
    'The live page does not show target big: the rows of Flink are in its topics.',
  )
  expect(() => refusePage({ ...target, engine: 'embedded' })).not.toThrow()
})
