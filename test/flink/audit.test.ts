/**
 * `ccs audit` on a real Flink: it adds up while all is as it should be, also while the job does not
 * run, and names what somebody wrote, doubled or deleted by hand.
 */
import { expect } from 'vitest'
import { openKafka } from '../../cli/adapters/kafka/connection.ts'
import { openTopicReader } from '../../cli/adapters/kafka/topic-reader.ts'
import type { AuditReport } from '../../cli/domain/audit/audit.ts'
import type { TopicRecord } from '../../cli/domain/log/topic-reader.ts'
import { type FlinkProject, flinkProjectTests } from '../fixtures/flink-project.ts'
import { kafkaSettings } from '../fixtures/kafka-topics.ts'

const flinkTest = flinkProjectTests()

flinkTest('an audit adds up, and names what was tampered with', async (project) => {
  const before = await project.ccs(['audit'])
  expect([before.code, before.stderr]).toEqual([3, expect.stringContaining('ccs deploy')])
  await project.deploy()
  await project.feed(7, '2026-03-01', 1_500)
  const { code, report } = await audit(project)
  expect([code, report.faults, report.remarks]).toEqual([0, [], []])
  for (const one of report.models) expect([one.model, one.remainder]).toEqual([one.model, 0])
  const named = new Map(report.models.map((one) => [one.model, one]))
  expect([...named.keys()].sort()).toEqual(
    ['bronze.events', 'events.valid', 'gold.activity_1m', 'silver.events', 'silver.people'].sort(),
  )
  expect(named.get('events.valid')).toMatchObject({ in: 1_500 })
  expect(named.get('events.valid')?.dlq).toBeGreaterThan(10)
  expect(named.get('silver.events')?.duplicates).toBeGreaterThan(10)
  expect(named.get('gold.activity_1m')?.late).toBeGreaterThan(0)

  // While the job does not run, what came since is not counted.
  const { id } = await project.job()
  await project.manager.cancel(id)
  await project.feed(8, '2026-03-02', 300)
  const idle = await audit(project)
  expect([idle.code, idle.report.faults]).toEqual([0, []])
  expect(idle.report.remarks.join(' ')).toMatch(/The job computes no rows .* are not read yet/)
  expect(idle.report.models.map(({ model }) => model)).not.toContain('gold.activity_1m')
  await project.deploy()
  const again = await audit(project)
  expect([again.code, again.report.faults]).toEqual([0, []])

  await tamper(project, 'silver.events', ({ value }) => value)
  await tamper(project, 'gold.activity_1m', () => null)
  expect(await listFaults(project)).toEqual(
    expect.arrayContaining(['silver.events doubled: 1', 'gold.activity_1m missing: 1']),
  )
  await tamper(project, 'events.valid', ({ value }) => value)
  expect(await listFaults(project)).toContain('events.valid doubled in events.valid: 1')
})

async function listFaults(project: FlinkProject): Promise<readonly string[]> {
  const { code, report } = await audit(project)
  expect([code, report.ok]).toEqual([5, false])
  return report.faults.map(({ model, check, count }) => `${model} ${check}: ${count}`)
}

async function audit(project: FlinkProject) {
  const { code, stdout, stderr } = await project.ccs(['audit', '--json'])
  if (stdout === '') throw new Error(stderr)
  return { code, report: JSON.parse(stdout) as AuditReport }
}

/** Writes another record after the last one of a topic, with its key. */
async function tamper(
  project: FlinkProject,
  name: string,
  change: (last: TopicRecord) => Uint8Array | null,
): Promise<void> {
  const kafka = await openKafka(kafkaSettings(project.brokers), '.')
  try {
    const topic = project.named(name)
    const reader = openTopicReader(kafka)
    let last: { readonly partition: number; readonly record: TopicRecord } | undefined
    for (const range of (await reader.inspect(topic))?.ranges ?? [])
      for await (const { records } of reader.read(topic, range))
        for (const record of records) last = { partition: range.partition, record }
    if (last === undefined) throw new Error(`${topic} has no record`)
    const { partition, record } = last
    const value = change(record)
    const key = record.key && Buffer.from(record.key)
    const producer = await kafka.producer({ retries: 1 })
    const messages = [{ partition, key, value: value && Buffer.from(value) }]
    await producer.send({ topic, acks: -1, messages })
    await producer.disconnect()
  } finally {
    await kafka.close()
  }
}
