/** The gate in front of a cluster's engines refuses the events of erased persons, and no others. */
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { compileEncoder } from '../../../cli/domain/avro/encoder.ts'
import { addErased, ErasedIds, type Person } from '../../../cli/domain/erase/erased-ids.ts'
import type { Event } from '../../../cli/domain/events/contracts.ts'
import { Gate } from '../../../cli/domain/gate/gate.ts'
import { refuseRecords } from '../../../cli/domain/gate/refuse-records.ts'
import { RecordBatch } from '../../../cli/domain/log/record-batch.ts'
import { GATE_OPTIONS, RAW_SCHEMA } from '../../fixtures/gate-events.ts'
import { shopEvent } from '../../fixtures/shop-events.ts'

const AT = Date.UTC(2026, 0, 5, 12)
const PERSONS: readonly Person[] = [
  { kind: 'customer', id: '1042' },
  { kind: 'visitor', id: 'visitor-of-1042' },
]

test('events of erased persons are refused, and nothing of them is kept', () => {
  const empty = { format: 1, key: Buffer.alloc(32, 7).toString('base64'), ids: [] } as const
  const erased = new ErasedIds(PERSONS.reduce(addErased, empty))
  const write = compileEncoder<Event>(RAW_SCHEMA, GATE_OPTIONS.schemas.at(-1)?.id ?? 0)
  const record = (event: Event, offset: number) => {
    const encoded = new RecordBatch().encodeOne((batch) => write(batch, event))
    return { offset, appendMs: AT, bytes: Buffer.from(encoded) }
  }
  const records = [
    shopEvent('other', AT, { customer_id: 'c7', page: '1042' }),
    shopEvent('by customer', AT, { customer_id: '1042' }),
    // An id of a customer is no id of a visitor.
    shopEvent('same number', AT, { anonymous_id: '1042' }),
    shopEvent('by visitor', AT, { anonymous_id: 'visitor-of-1042' }),
  ].map(record)
  const broken = { offset: 4, appendMs: AT, bytes: Buffer.from('1042') }
  const gate = new Gate(GATE_OPTIONS)
  const refused = refuseRecords(gate, [...records, broken], erased)
  const told = { reason: 'rule_violation', message: 'Its person was erased: ccs erase.' }
  const nothing = { schemaId: null, bytes: Buffer.alloc(0), appendMs: AT }
  expect(refused).toEqual([
    { index: 1, offset: 1, ...told, ...nothing },
    { index: 3, offset: 3, ...told, ...nothing },
    expect.objectContaining({ index: 4, reason: 'bad_magic', bytes: broken.bytes }),
  ])
  expect(refuseRecords(gate, records, undefined)).toEqual([])
})
