import { expect, test } from 'vitest'
import { joinFaults } from '../../../cli/domain/ingest/join-faults.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'

function fault(message: string, others: readonly CcsError[] = []): CcsError {
  return new CcsError('CCS_IMPORT_INVALID', message, { exit: 2, hint: 'Look.', others })
}

test('equal faults of many files are one fault that names the first files', () => {
  const files = Array.from({ length: 14 }, (_, i) => `${String.fromCharCode(97 + i)}.csv`)
  const faults = files.map((file) => ({
    file,
    fault: fault("No column 'x'.", [fault("No column 'y'."), fault(`${file} is odd.`)]),
  }))
  const joined = joinFaults(faults)
  const where = '(in 14 files: a.csv, b.csv, … and 12 more).'
  expect(joined.map((one) => one.message)).toEqual([
    `No column 'x' ${where}`,
    `No column 'y' ${where}`,
    `a.csv is odd ${where}`,
  ])
  expect(joined.every((one) => one.exit === 2 && one.hint === 'Look.')).toBe(true)
})

test('different faults stay apart, and a fault of one file stays as it is', () => {
  const faults = [
    { file: 'a.csv', fault: fault("No column 'x'.") },
    { file: 'b.csv', fault: fault("No column 'y'.") },
    { file: 'c.csv', fault: fault("No column 'x'.") },
  ]
  expect(joinFaults(faults).map((one) => one.message)).toEqual([
    "No column 'x' (in 2 files: a.csv, c.csv).",
    "No column 'y'.",
  ])
})
