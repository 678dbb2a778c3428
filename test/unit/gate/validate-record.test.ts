/** The gate that passes bytes on: the same verdict, reason and words as the judge that reads each record by itself. */
import { expect, test } from 'vitest'
import { Gate } from '../../../cli/domain/gate/gate.ts'
import { validateRecord } from '../../../cli/domain/gate/validate-record.ts'
import {
  anyRecord,
  BASE_MS,
  GATE_OPTIONS,
  RAW_SCHEMA,
  registeredSchema,
  seeded,
} from '../../fixtures/gate-events.ts'

const RECORDS = 3_000

/** What became of each record: `valid`, or reason and sentence. */
function verdicts(gate: Gate, seed: number, suffix: Buffer = Buffer.alloc(0)) {
  const random = seeded(seed)
  const appendMs = BASE_MS + 600_000
  return Array.from({ length: RECORDS }, (_, index) => {
    const bytes = Buffer.concat([anyRecord(random, index), suffix])
    const refusal = validateRecord(gate, bytes, appendMs)
    const judged = gate.validate(bytes, appendMs)
    const wanted = judged.ok ? 'valid' : `${judged.schemaId} ${judged.reason}: ${judged.message}`
    const got =
      refusal === undefined ? 'valid' : `${refusal.schemaId} ${refusal.reason}: ${refusal.message}`
    return { got, wanted }
  })
}

/** Some are valid and some are not, and both judges say the same of each. */
function expectSame(all: ReturnType<typeof verdicts>): void {
  expect(all.filter(({ got, wanted }) => got !== wanted)).toEqual([])
  const valid = all.filter(({ got }) => got === 'valid').length
  expect(valid).toBeGreaterThan(RECORDS / 5)
  expect(valid).toBeLessThan((RECORDS * 4) / 5)
}

test('a record is judged as by the judge of single records, whatever came before it', () => {
  expectSame(verdicts(new Gate(GATE_OPTIONS), 11))
})

test('records of a schema that only the slow reader can read are judged the same', () => {
  // A last field is an int in the older schema and a double now: there is no straight way for it.
  const later = (type: string) => {
    const schema = JSON.parse(RAW_SCHEMA)
    schema.fields.push({ name: 'weight', type, default: 0 })
    return JSON.stringify(schema)
  }
  const schemas = [registeredSchema(later('int'), 1), registeredSchema(later('double'), 2)]
  expectSame(verdicts(new Gate({ ...GATE_OPTIONS, schemas }), 12, Buffer.from([2])))
})
