/** Models that a target excludes, and when it may not. */
import { beforeAll, expect, test } from 'vitest'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { keepIncluded } from '../../../cli/domain/models/exclude-models.ts'
import type { GraphModel } from '../../../cli/domain/models/graph.ts'
import { compileProject, projectModels } from '../dialects/compile-bench.ts'
import { openTestDuck } from '../model-files.ts'

let graph: readonly GraphModel[] = []
beforeAll(async () => {
  const duck = await openTestDuck()
  graph = (await compileProject(projectModels(), duck)).models
  duck.close()
})

test('a target has all models but those that it excludes', () => {
  expect(keepIncluded(graph, { name: 'x' })).toEqual(graph)
  const left = ['gold.funnel_daily', 'gold.right_now']
  const names = keepIncluded(graph, { name: 'x', excluded: left }).map((one) => one.model.name)
  expect(names).toHaveLength(graph.length - 2)
  expect(names).not.toContain('gold.funnel_daily')
})

test('a misspelt name, and an excluded model that others read, are errors', () => {
  const faults = (without: readonly string[]) => {
    try {
      keepIncluded(graph, { name: 'x', excluded: without })
    } catch (error) {
      if (error instanceof CcsError) return [error, ...error.others]
    }
    throw new Error('nothing was refused')
  }
  expect(faults(['gold.funel_daily'])).toMatchObject([
    { code: 'CCS_CONFIG_INVALID', exit: 2, hint: 'Did you mean "gold.funnel_daily"?' },
  ])
  expect(faults(['gold.sessions']).map((one) => one.message)).toContain(
    'Target "x" excludes gold.sessions, which gold.funnel_daily reads.',
  )
})
