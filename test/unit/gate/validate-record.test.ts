/** validateRecord must agree with Gate.validate in result, reason and message. */
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

/** Both results for each record: `valid`, or reason and message. */
function compareResults(gate: Gate, seed: number, suffix: Buffer = Buffer.alloc(0)) {
  const random = seeded(seed)
  const appendMs = BASE_MS + 600_000
  return Array.from({ length: RECORDS }, (_, index) => {
    const bytes = Buffer.concat([anyRecord(random, index), suffix])
    const invalid = validateRecord(gate, bytes, appendMs)
    const validated = gate.validate(bytes, appendMs)
    const expected = validated.ok
      ? 'valid'
      : `${validated.schemaId} ${validated.reason}: ${validated.message}`
    const actual =
      invalid === undefined ? 'valid' : `${invalid.schemaId} ${invalid.reason}: ${invalid.message}`
    return { actual, expected }
  })
}

/** Some records are valid and some are not, and both results are the same for each. */
function expectSame(all: ReturnType<typeof compareResults>): void {
  expect(all.filter(({ actual, expected }) => actual !== expected)).toEqual([])
  const valid = all.filter(({ actual }) => actual === 'valid').length
  expect(valid).toBeGreaterThan(RECORDS / 5)
  expect(valid).toBeLessThan((RECORDS * 4) / 5)
}

test('validateRecord agrees with Gate.validate, whatever came before', () => {
  expectSame(compareResults(new Gate(GATE_OPTIONS), 11))
})

test('records that only avsc can read are validated the same', () => {
  // The last field is an int in the older schema and a double in the newer: only avsc converts it.
  const later = (type: string) => {
    const schema = JSON.parse(RAW_SCHEMA)
    schema.fields.push({ name: 'weight', type, default: 0 })
    return JSON.stringify(schema)
  }
  const schemas = [registeredSchema(later('int'), 1), registeredSchema(later('double'), 2)]
  expectSame(compareResults(new Gate({ ...GATE_OPTIONS, schemas }), 12, Buffer.from([2])))
})
