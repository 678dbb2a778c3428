/** Which rows of ksqlDB's processing log have a record's bytes, and how they are read. */
import { expect, test } from 'vitest'
import { parseLoggedRecord } from '../../../cli/domain/dlq/processing-log.ts'
import { createLogRow } from '../../fixtures/processing-log.ts'

const row = { topic: 'events.raw', query: 'CSAS_A_1', bytes: Buffer.from([0, 1, 255]), timeMs: 7 }
const read = (text: string) => parseLoggedRecord(Buffer.from(text))

test('a record that could not be read has its bytes and all causes in one sentence', () => {
  expect(read(createLogRow(row))).toEqual({
    topic: 'events.raw',
    bytes: Buffer.from([0, 1, 255]),
    message:
      'Error deserializing message from topic: events.raw: Failed to deserialize data for topic events.raw to Avro: Unknown magic byte!',
    timeMs: 7,
  })
})

test('rows without bytes, and rows of empty records, are distinguished', () => {
  expect(read(createLogRow({ ...row, bytes: null }))?.bytes).toBeUndefined()
  expect(read(createLogRow({ ...row, bytes: Buffer.alloc(0) }))?.bytes).toEqual(Buffer.alloc(0))
})

test('rows about keys or other faults, and other text, are ignored', () => {
  const others = [
    createLogRow({ ...row, target: 'key' }),
    // Written by a real server.
    '{"level":"ERROR","logger":"processing.CTAS_CCS_RT_C_201.Aggregate.GroupBy","time":1795367731881,"message":{"type":1,"deserializationError":null,"recordProcessingError":{"errorMessage":"Group-by column with index 1 resolved to null. The source row will be excluded from the table.","record":"[1774305000000,null]","cause":[]},"productionError":null,"serializationError":null,"kafkaStreamsThreadError":null}}',
    'no json',
    'null',
    '[]',
    '',
    '{"time":1,"message":{"deserializationError":{"target":"value"}}}',
  ]
  for (const one of others) expect(read(one), one).toBeUndefined()
})
