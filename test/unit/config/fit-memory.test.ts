/** The engine's settings on machines and in containers with little memory. */
import { expect, test } from 'vitest'
import { fitEngine, fitQueries } from '../../../cli/domain/config/fit-memory.ts'

const MIB = 1024 * 1024
const engine = { memoryLimitBytes: 512 * MIB, checkpointEveryMs: 30_000, checkpointRows: 100_000 }

test('with two gigabytes or more, ccs.yml holds', () => {
  expect(fitEngine(engine, 2_048 * MIB)).toEqual(engine)
  expect(fitEngine(engine, Number.POSITIVE_INFINITY)).toEqual(engine)
})

test('with less, SQL gets two fifths of it, and below 448 MiB commits are smaller', () => {
  const at = (mib: number) => {
    const { memoryLimitBytes, checkpointRows } = fitEngine(engine, mib * MIB)
    return { mib: Math.floor(memoryLimitBytes / MIB), rows: checkpointRows }
  }
  expect(at(512)).toEqual({ mib: 204, rows: 100_000 })
  expect(at(384)).toEqual({ mib: 153, rows: 20_000 })
  expect(at(256)).toEqual({ mib: 128, rows: 20_000 })
})

test('what ccs.yml sets lower stays', () => {
  const small = { ...engine, memoryLimitBytes: 140 * MIB, checkpointRows: 5_000 }
  expect(fitEngine(small, 400 * MIB)).toEqual(small)
})

const query = { timeoutMs: 1, rowsMax: 1, concurrency: 2, memoryLimitBytes: 768 * MIB }

test('a process for queries gets an eighth of the memory; below 1 GiB one runs for long', () => {
  const at = (mib: number) => {
    const { memoryLimitBytes, concurrency } = fitQueries(query, mib * MIB)
    return { mib: Math.floor(memoryLimitBytes / MIB), concurrency }
  }
  expect(at(Number.POSITIVE_INFINITY)).toEqual({ mib: 768, concurrency: 2 })
  expect(at(4_096)).toEqual({ mib: 512, concurrency: 2 })
  expect(at(512)).toEqual({ mib: 160, concurrency: 1 })
})
