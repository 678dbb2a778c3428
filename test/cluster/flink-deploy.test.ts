/**
 * `ccs plan`, `deploy` and `destroy` on a real Flink cluster: the rows of its job are those of one
 * plain DuckDB batch. test/flink/deploy.test.ts has what goes wrong between two deployments.
 */
import { expect } from 'vitest'
import { flinkProjectTests } from '../fixtures/flink-project.ts'

const flinkTest = flinkProjectTests()
const MODELS = ['bronze.events', 'silver.events', 'gold.activity_1m']

flinkTest(
  'a first deploy fills Gold; a second one does nothing; destroy leaves nothing',
  async (project) => {
    expect((await project.ccs(['plan'])).code).toBe(3)
    const deployed = await project.ccs(['deploy', '--yes'])
    expect(deployed.code, deployed.stderr).toBe(0)
    expect((await project.job()).name).toMatch(/ccs-v1-[0-9a-f]{8}$/)
    await project.expectSettled()
    await project.feed(7, '2026-03-01', 1_500)
    expect(await project.differences(MODELS)).toEqual([])
    const job = await project.job()
    const again = await project.ccs(['deploy', '--yes'])
    expect(again.stdout).toContain('Nothing to deploy.')
    expect(await project.job()).toEqual(job)
    const gone = await project.ccs(['destroy', '--allow-destructive', '--yes'])
    expect(gone.code, gone.stderr).toBe(0)
    expect([await project.jobs(), await project.left()]).toEqual([[], []])
  },
)
