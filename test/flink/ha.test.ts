/**
 * A Flink with high availability: when its JobManager is killed and started again, the same job
 * goes on from its last checkpoint. Meanwhile ccs says that it recovers, and starts nothing.
 */
import { expect, inject, onTestFinished, test } from 'vitest'
import { stackState } from '../../cli/app/stack.ts'
import { FLINK_WITH_HA } from '../../cli/domain/devstack/servers.ts'
import { explainMissingFlink } from '../fixtures/flink.ts'
import { FlinkProject } from '../fixtures/flink-project.ts'
import { startOwnStack } from '../fixtures/own-stack.ts'
import { locateStack } from '../fixtures/stack-project.ts'

const MODELS = ['bronze.events', 'silver.events', 'gold.activity_1m']

test('a job survives the JobManager that is killed, with every row exact', {
  timeout: 900_000,
  retry: 0,
}, async (context) => {
  const shared = inject('cluster')
  const problem = 'skip' in shared ? shared.skip : explainMissingFlink()
  context.skip(problem !== undefined, problem)
  const own = await startOwnStack(FLINK_WITH_HA)
  onTestFinished(() => own.stop(), 120_000)
  const { parts } = await stackState(locateStack(own.projectDir))
  const find = (name: string) => parts.find(({ part }) => part === name)?.address ?? ''
  const gateway = find('flink-gateway')
  const jobManager = find('flink-jobmanager')
  const project = new FlinkProject({ ...own, gateway, jobManager }, 'ha.')
  await project.deploy()
  const doctor = await project.ccs(['doctor'])
  expect(doctor.stdout).toMatch(/ok +availability +zookeeper, jobs in file:/)
  await project.feed(7, '2026-03-01', 800)
  expect(await project.differences(MODELS)).toEqual([])
  const before = await project.job()

  await own.kill9('flink-jobmanager')
  const gone = await project.ccs(['status'])
  expect([gone.code, gone.stderr]).toEqual([4, expect.stringContaining('does not answer')])
  const restarted = own.start()
  await project.feed(8, '2026-03-02', 800)
  // For a minute another JobManager might still be in charge, as far as ZooKeeper knows.
  const said = new Set<string>()
  for (const endMs = Date.now() + 240_000; Date.now() < endMs; ) {
    const { code, stdout, stderr } = await project.ccs(['status'])
    const isRunning = code === 0 && /^engine +running$/m.test(stdout)
    if (isRunning) break
    expect([0, 4]).toContain(code)
    const [first = ''] = (code === 0 ? stdout : stderr).split('\n')
    said.add(first.replace(/http:\S+/, 'URL'))
    // A deployment in that moment does nothing, or is refused.
    if (/is recovering/.test(stderr)) {
      const deploy = await project.ccs(['deploy', '--yes'])
      if (deploy.code !== 0)
        expect([deploy.code, deploy.stderr]).toEqual([4, expect.stringContaining('is recovering')])
    }
  }
  await restarted
  expect([...said].join('\n')).toContain(
    'The JobManager at URL is recovering: it waits to be elected as the one in charge.',
  )
  expect(await project.job()).toMatchObject({ id: before.id, state: 'RUNNING' })
  expect(await project.differences(MODELS)).toEqual([])
  await project.expectSettled()
  await project.remove()
})
