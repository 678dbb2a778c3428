/** Commands that need rows in a data directory, on targets whose rows are on servers. */
import { expect, test } from 'vitest'
import { refuseOnCluster } from '../../../cli/domain/config/cluster-commands.ts'
import type { EngineName } from '../../../cli/domain/config/engines.ts'

function refuse(command: string, engine: EngineName): void {
  refuseOnCluster(command, { name: 'shop', engine, data: 'data', prefix: '' })
}

test('a command that needs a data directory says what to type on a cluster', () => {
  expect(() => refuse('run', 'flink')).toThrow(
    'ccs run works on a data directory; the models of target shop run on Flink.',
  )
  for (const command of [
    'up',
    'why',
    'lake:ls',
    'lake:push',
    'lake:publish',
    'backup',
    'reconcile',
  ])
    for (const engine of ['flink', 'ksqldb'] as const)
      expect(() => refuse(command, engine)).toThrow(
        expect.objectContaining({
          code: 'CCS_USAGE_INVALID',
          hint: expect.stringMatching(/ccs \w+|back them up/),
        }),
      )
})

test('what works there is left alone, and so is the embedded engine', () => {
  for (const command of ['deploy', 'gate', 'query', 'dlq:ls', 'status', 'audit'])
    refuse(command, 'flink')
  for (const command of ['run', 'why', 'lake:ls', 'audit']) refuse(command, 'embedded')
  expect(() => refuse('audit', 'ksqldb')).toThrow('ccs audit works on a data directory')
})
