/**
 * `ccs plan` and `deploy` on a real Flink cluster: the rows of its job are those of one plain DuckDB
 * batch, also after somebody cancelled it, after a change, and after a deployment that died at any
 * of its steps.
 */
import { expect } from 'vitest'
import { flinkProjectTests } from '../fixtures/flink-project.ts'
import { projectFile } from '../unit/model-files.ts'

const flinkTest = flinkProjectTests()
const MODELS = ['bronze.events', 'silver.events', 'gold.activity_1m']

flinkTest('a cancelled job goes on from its last checkpoint', async (project) => {
  await project.deploy()
  await project.feed(7, '2026-03-01', 800)
  expect(await project.differences(MODELS)).toEqual([])
  const { id, name } = await project.job()
  await project.manager.cancel(id)
  await project.feed(8, '2026-03-02', 800)
  const { steps } = await project.plan()
  expect(steps).toMatchObject([{ kind: 'job', name, drift: true }])
  expect(steps[0]?.reason).toMatch(/^somebody cancelled it; it goes on from \S+\/chk-\d+$/)
  await project.deploy()
  await project.expectSettled()
  expect(await project.differences(MODELS)).toEqual([])
})

flinkTest('altered topics are put right, and deleted ones built again', async (project) => {
  await project.deploy()
  await project.feed(7, '2026-03-01', 800)
  const gold = project.named('gold.activity_1m')
  await project.with(({ topics }) => topics.configure(gold, { 'cleanup.policy': 'delete' }))
  expect(await project.steps()).toEqual([`change topic ${gold} (drift)`])
  await project.deploy()
  await project.expectSettled()
  await project.with(({ topics }) => topics.remove([gold]))
  const { steps } = await project.plan()
  expect(steps.at(-1)).toMatchObject({ action: 'replace', kind: 'job', drift: true })
  expect(steps.at(-1)?.reason).toContain(`its topic ${gold} was deleted`)
  await project.deploy()
  await project.expectSettled()
  expect(await project.differences(MODELS, 2)).toEqual([])
  const left = (await project.left()).filter((one) => one.includes('activity_1m'))
  expect(left.filter((one) => !one.includes('.v2'))).toEqual([])
})

flinkTest('a deploy that was killed at a step is finished by the next one', async (project) => {
  for (let at = 1; ; at++) {
    const env = { NODE_ENV: 'test', CCS_FAULT: `deploy.step:${at}:kill` }
    const { code, stderr } = await project.ccs(['deploy', '--yes'], env)
    if (code === 0) break
    expect([at, code, stderr]).toEqual([at, null, expect.anything()])
    expect(at).toBeLessThan(60)
  }
  await project.expectSettled()
  expect((await project.job()).state).toBe('RUNNING')
  await project.feed(7, '2026-03-01', 800)
  expect(await project.differences(MODELS)).toEqual([])
})

flinkTest(
  'a change keeps the state that it may keep, and builds anew what it may not',
  async (project) => {
    project.write('sql/silver/page_view.sql', projectFile('sql/silver/page_view.sql').text)
    await project.deploy()
    await project.feed(7, '2026-03-01', 800)
    expect(await project.differences(MODELS)).toEqual([])
    const first = await project.job()
    project.edit('sql/silver/page_view.sql', (text) =>
      text.replace('page_title,', 'upper(page_title) AS page_title,'),
    )
    expect(await project.steps()).toEqual([
      'change model silver.page_view',
      expect.stringMatching(/^change job .*ccs-v1-/),
    ])
    await project.deploy()
    await project.expectSettled()
    const second = await project.job()
    expect(second.id).not.toBe(first.id)
    await project.feed(8, '2026-03-02', 800)
    expect(await project.differences(MODELS)).toEqual([])
    project.edit('sql/gold/activity_1m.sql', (text) =>
      text.replace('DISTINCT anonymous_id)', 'DISTINCT session_id)'),
    )
    const { steps } = await project.plan()
    expect(steps.at(-1)?.reason).toContain('its state would give wrong numbers')
    await project.deploy()
    await project.expectSettled()
    expect((await project.job()).name).toContain('ccs-v2-')
    expect(await project.differences(MODELS, 2)).toEqual([])
    const back = await project.ccs(['rollback', '--yes'])
    expect(back.code, back.stderr).toBe(0)
    expect((await project.job()).name).toContain('ccs-v3-')
  },
)
