/**
 * What becomes of the job of a Flink: left alone, restarted with its state, or built again beside
 * the old one. test/flink/deploy.test.ts checks that a real cluster agrees.
 */
import { expect, test } from 'vitest'
import type { TopicState } from '../../../cli/domain/log/topic-admin.ts'
import type { JobSummary } from '../../../cli/engines/flink/client/job-answers.ts'
import { createJobNames } from '../../../cli/engines/flink/plan/names.ts'
import {
  type DesiredJob,
  type JobComparison,
  type JobPlanInput,
  planJob,
} from '../../../cli/engines/flink/plan/plan.ts'
import type { DeployedJob, JobVersion } from '../../../cli/engines/flink/plan/record.ts'

const names = createJobNames('shop.')
const sinkOf = (model: string, fingerprint = 'f') => ({ model, isUpserted: false, fingerprint })
const desired: DesiredJob = {
  hash: 'aaaaaaaaaa',
  sinks: [sinkOf('silver.events'), sinkOf('gold.sessions')],
}

function versionOf({ hash, sinks }: DesiredJob, version = 1): JobVersion {
  const named = sinks.map(({ model, fingerprint }) => {
    return { model, fingerprint, topic: names.topic(model, version) }
  })
  return { version, name: names.job(version, hash), sinks: named, plan: 'stored' }
}

const deployed: DeployedJob = { ...versionOf(desired), id: 'j1' }
const changed: DesiredJob = { ...desired, hash: 'bbbbbbbbbb' }
const running = (job: JobVersion, id: string, state = 'RUNNING'): JobSummary => {
  return { id, name: job.name, state, startMs: 0, endMs: null }
}
const compared = (kind: JobComparison['kind']): JobComparison => {
  return { kind, plan: 'next', reasons: [], dropsState: false }
}

function plan(input: Partial<JobPlanInput>) {
  const topics = [deployed, ...(input.record?.inProgress ?? [])].flatMap((one) => one.sinks)
  const state = (name: string): TopicState => ({ name, partitions: 3, replication: 1, config: {} })
  return planJob({
    desired,
    record: { deployed, inProgress: [] },
    jobs: [running(deployed, 'j1')],
    topics: new Map(topics.map((one) => [one.topic, state(one.topic)])),
    state: { is: 'lost' },
    comparison: undefined,
    partitions: 3,
    isRebuild: false,
    names,
    ...input,
  })
}

const ENDED = { jobs: [running(deployed, 'j1', 'CANCELED')] }

test('a job that runs as wanted is left alone', () => {
  expect(plan({})).toMatchObject({ change: { do: 'none' }, cancels: [], leftovers: [] })
})

test('the first job begins with the first version, unless others have its topics', () => {
  const nothing = { record: { deployed: undefined, inProgress: [] }, jobs: [] }
  const first = plan({ ...nothing, topics: new Map(), comparison: compared('rebuild') })
  expect(first.change).toMatchObject({ do: 'build', next: { version: 1, plan: 'next' } })
  expect(first.blockers).toEqual([])
  expect(plan(nothing).blockers.map((one) => one.model)).toEqual(['silver.events', 'gold.sessions'])
})

test.each([
  ['same', { do: 'restart', next: { version: 1, plan: 'next' }, from: undefined }],
  ['restorable', { do: 'restart', next: { version: 1, plan: 'next' }, from: undefined }],
  ['rebuild', { do: 'build', next: { version: 2, plan: 'next' }, id: undefined }],
] as const)('a changed job whose plan is %s', (kind, change) => {
  expect(plan({ desired: changed, comparison: compared(kind) }).change).toMatchObject(change)
})

test('a new model begins with the earliest event, and one that is gone leaves its topic', () => {
  const more = { ...changed, sinks: [...desired.sinks, sinkOf('gold.new')] }
  const added = plan({ desired: more, comparison: compared('restorable') }).change
  expect(added).toMatchObject({ do: 'build', next: { version: 2 } })
  const fewer = { ...changed, sinks: [sinkOf('silver.events')] }
  const removed = plan({ desired: fewer, comparison: compared('restorable') }).change
  expect(removed).toMatchObject({ do: 'restart', next: { sinks: [{ model: 'silver.events' }] } })
})

test('a job that ended long ago is built again: its state has forgotten by the clock', () => {
  expect(plan({ ...ENDED, state: { is: 'old' } })).toMatchObject({
    change: {
      do: 'build',
      next: { version: 2 },
      why: 'somebody cancelled it, so long ago that its state has forgotten too much',
    },
  })
})

test('a job that ended goes on from its state, or is built again if nobody knows where that is', () => {
  const saved = { is: 'saved', path: 's3://x' } as const
  expect(plan({ ...ENDED, state: saved }).change).toMatchObject({
    ...{ do: 'restart', from: saved, isDrift: true, why: 'somebody cancelled it' },
    next: { plan: 'stored' },
  })
  expect(plan({ ...ENDED, state: { is: 'none' } }).change).toMatchObject({ do: 'restart' })
  expect(plan({ ...ENDED, state: { is: 'lost' } }).change).toMatchObject({ do: 'build' })
  expect(plan({ jobs: [], state: { is: 'lost' } }).change).toMatchObject({ do: 'build' })
})

test('a deleted topic, or a second job over the same topics, needs a rebuild', () => {
  expect(plan({ topics: new Map() }).change).toMatchObject({ do: 'build', isDrift: true })
  const other = plan({ jobs: [running(deployed, 'j1'), running(deployed, 'j2')] })
  expect(other.cancels.map((one) => one.id)).toEqual(['j2'])
  expect(other.change).toMatchObject({ do: 'build', isDrift: true })
})

test('a job that an unfinished deployment started is found by its name', () => {
  const first = { record: { deployed: undefined, inProgress: [versionOf(desired)] } }
  const found = plan({ ...first, jobs: [running(versionOf(desired), 'j9')] })
  expect(found).toMatchObject({ change: { do: 'build', id: 'j9' }, cancels: [], leftovers: [] })
  // Nobody started it: its topics may have rows of one that ended.
  const left = plan({ ...first, jobs: [], comparison: compared('rebuild') })
  expect(left.leftovers).toEqual(['shop.silver.events', 'shop.gold.sessions'])
  expect(left).toMatchObject({ change: { do: 'build', id: undefined }, blockers: [] })
  // In the place of the one before.
  const next = versionOf(changed)
  const record = { deployed, inProgress: [next] }
  const jobs = [running(deployed, 'j1', 'FINISHED'), running(next, 'j2')]
  expect(plan({ desired: changed, record, jobs })).toMatchObject({
    ...{ before: { id: 'j2', name: next.name }, change: { do: 'none' } },
    cancels: [],
  })
})

test('what an unfinished rebuild left is cancelled and removed', () => {
  const left = versionOf(changed, 2)
  const record = { deployed, inProgress: [left] }
  const found = plan({ record, jobs: [running(deployed, 'j1'), running(left, 'j2')] })
  expect(found).toMatchObject({ change: { do: 'none' }, cancels: [{ id: 'j2' }] })
  expect(found.leftovers).toEqual(['shop.silver.events.v2', 'shop.gold.sessions.v2'])
})

test('jobs of other targets are left alone, and nothing desired removes all', () => {
  const other = { ...running(deployed, 'j5'), name: 'other.ccs-v1-aaaaaaaa' }
  const jobs = [running(deployed, 'j1'), other]
  expect(plan({ desired: undefined, jobs })).toMatchObject({
    change: { do: 'remove' },
    cancels: [],
  })
})
