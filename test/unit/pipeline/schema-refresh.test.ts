import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../cli/adapters/process/system-clock.ts'
import type { RegisteredSchema } from '../../../cli/domain/avro/schema-registry.ts'
import type { LogFrame } from '../../../cli/domain/log/event-log.ts'
import { RecordBatch } from '../../../cli/domain/log/record-batch.ts'
import { createSchemaRefresher } from '../../../cli/domain/pipeline/schema-refresh.ts'

const NOW = 1_800_000_000_000
const clock = { ...systemClock(), nowMs: () => NOW, sleep: () => Promise.resolve() }
const schemaOf = (id: number): RegisteredSchema => ({
  ...{ id, subject: 'events.raw-value', version: id },
  schema: '"string"',
})

function frameOf(...records: readonly (readonly number[])[]): LogFrame {
  const { body } = RecordBatch.of(records.map((bytes) => Buffer.from(bytes)))
  const place = { topic: 'events.raw', partition: 0, baseOffset: 0 }
  return { ...place, count: records.length, appendMs: NOW, body: Buffer.from(body) }
}

const record = (id: number) => [0, 0, 0, 0, id, 1]

function learner(registered: readonly number[]) {
  const schemas = [schemaOf(1), schemaOf(3)]
  let asked = 0
  const ask = async () => {
    asked++
    return registered.map(schemaOf)
  }
  const learn = createSchemaRefresher(schemas, ask, clock)
  return { learn, ids: () => schemas.map(({ id }) => id), asked: () => asked }
}

describe('schemas registered while the engine runs', () => {
  test('are loaded once when a record names one; the last stays in force', async () => {
    const { learn, ids, asked } = learner([1, 2, 3, 4])
    await learn([frameOf(record(1), record(3)), frameOf(record(3))])
    expect(asked()).toBe(0)
    await learn([frameOf(record(1)), frameOf(record(3), record(4))])
    expect(ids()).toEqual([1, 2, 4, 3])
    await learn([frameOf(record(4), record(2))])
    expect(asked()).toBe(1)
  })

  test('are not loaded for records without a schema id', async () => {
    const { learn, asked } = learner([])
    await learn([frameOf([], [0, 0, 0, 0], [1, 0, 0, 0, 9, 9], [7])])
    expect(asked()).toBe(0)
  })

  test('are not loaded for records older than the last answer', async () => {
    const { learn, asked } = learner([])
    await learn([frameOf(record(9))])
    await learn([{ ...frameOf(record(9)), appendMs: NOW - 3_600_000 }])
    expect(asked()).toBe(1)
    await learn([frameOf(record(9))])
    expect(asked()).toBe(2)
  })

  test('are loaded again after the registry did not answer', async () => {
    const schemas = [schemaOf(1)]
    let isAway = true
    const ask = async () => {
      if (isAway) throw new Error('away')
      return [schemaOf(2), schemaOf(1)]
    }
    const learn = createSchemaRefresher(schemas, ask, clock)
    await expect(learn([frameOf(record(2))])).rejects.toThrow('away')
    isAway = false
    await learn([frameOf(record(2))])
    expect(schemas.map(({ id }) => id)).toEqual([2, 1])
  })
})
