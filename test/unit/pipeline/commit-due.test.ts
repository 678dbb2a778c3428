import { describe, expect, test } from 'vitest'
import { isCommitDue, isFull } from '../../../cli/domain/pipeline/commit-due.ts'

const engine = (uncommittedRows: number, hasFailed = false) => ({ uncommittedRows, hasFailed })
const age = { waitedMs: 0, isFirst: false, checkpointMs: 30_000, checkpointRows: 1000 }

describe('isCommitDue', () => {
  test('is due with the rows of a checkpoint, or after its time', () => {
    expect(isCommitDue(engine(999), age)).toBe(false)
    expect(isCommitDue(engine(1000), age)).toBe(true)
    expect(isCommitDue(engine(0), { ...age, waitedMs: 30_000 })).toBe(true)
  })

  test('a new lake has its first commit after three seconds', () => {
    expect(isCommitDue(engine(1), { ...age, isFirst: true, waitedMs: 3000 })).toBe(true)
    expect(isCommitDue(engine(1), { ...age, waitedMs: 3000 })).toBe(false)
  })

  test('a failed engine commits at once', () => {
    expect(isCommitDue(engine(1, true), age)).toBe(true)
  })
})

describe('isFull', () => {
  test('few rows more than a checkpoint may wait', () => {
    expect(isFull(engine(1149), age)).toBe(false)
    expect(isFull(engine(1150), age)).toBe(true)
  })
})
