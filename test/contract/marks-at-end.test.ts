/**
 * Marks of records that are gone, at the end of a partition: whoever reads the log is behind them
 * afterwards, in a rebuild as in an engine that goes on.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { eraseLog } from '../../cli/adapters/log/erase-log.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { appendEvents, shopEvent } from '../fixtures/shop-events.ts'
import { readManifest } from '../fixtures/tamper.ts'

const START = Date.UTC(2026, 0, 7, 10)
const events = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => shopEvent(`${name} ${i}`, START + i * 1_000))

let data: string
const ccs = (...args: readonly string[]) => runCcs([...args, '--data', data])

/** Partition 1 loses all it has, partition 0 its last two. */
async function eraseEnds(): Promise<void> {
  await eraseLog(path.join(data, 'log'), {
    ...{ files: diskFiles(), nowMs: START, isDryRun: false, committed: [] },
    decide: ({ place, offset }) =>
      place === 'events.raw-1' || (place === 'events.raw-0' && offset >= 3) ? 'erased' : 'kept',
  })
}

async function readPositions(): Promise<readonly (readonly [number, number])[]> {
  const { positions } = await readManifest(data)
  return positions
    .map(({ partition, nextOffset }) => [partition, nextOffset] as const)
    .sort(([a], [b]) => a - b)
}

beforeAll(async () => {
  data = mkdtempSync(path.join(tmpdir(), 'ccs-marks-'))
  await appendEvents(data, events('first', 5))
  await appendEvents(data, events('second', 4), undefined, 1)
})
afterAll(() => rmSync(data, { recursive: true, force: true }))

test('an engine that meets marks at the end commits the offset behind them', async () => {
  await eraseEnds()
  expect(await ccs('run', '--once')).toMatchObject({ code: 0 })
  expect(await readPositions()).toEqual([
    [0, 5],
    [1, 4],
  ])
})

test('so does a rebuild from the log, and a partition of marks alone has ended', async () => {
  const before = await readManifest(data)
  const ran = await ccs('deploy', '--rebuild', '--yes')
  expect(ran.code, ran.stderr).toBe(0)
  expect((await readManifest(data)).positions).toEqual(before.positions)
  // It has no watermark, and must not hold that of the other partition back.
  expect(before.positions).toContainEqual(
    expect.objectContaining({ partition: 1, maxEventMs: null, hasEnded: true }),
  )
  expect((await ccs('audit')).code).toBe(0)
})

test('events that come afterwards follow the marks', async () => {
  await appendEvents(data, events('third', 1), undefined, 1)
  expect(await ccs('run', '--once')).toMatchObject({ code: 0 })
  expect((await readPositions())[1]).toEqual([1, 5])
})
