/** Which rows are found to make a computation fail, and with how many attempts. */
import { expect, test } from 'vitest'
import { type FailingRows, findFailingRows } from '../../../cli/domain/pipeline/find-failing.ts'

/** Searches `count` rows; `fails` says whether rows fail on top of those that went through. */
async function search(
  count: number,
  fails: (rows: readonly number[], passed: readonly number[]) => boolean,
  isOverdue = (_attempts: number) => false,
) {
  const passed: number[] = []
  const found: FailingRows[] = []
  let attempts = 0
  const range = { from: 100, to: 100 + count }
  const trial = {
    attempt: async (from: number, to: number) => {
      attempts++
      const rows = Array.from({ length: to - from }, (_, index) => from + index - 100)
      if (fails(rows, passed)) return `fails in ${from}`
      passed.push(...rows)
      return undefined
    },
    exclude: async (rows: FailingRows) => {
      found.push(rows)
    },
  }
  const number = await findFailingRows(range, trial, () => isOverdue(attempts))
  expect(number).toBe(found.length)
  const failing = found.flatMap(({ from, to }) =>
    Array.from({ length: to - from }, (_, index) => from + index - 100),
  )
  return { failing, passed, found, attempts }
}

const failsOn =
  (...bad: readonly number[]) =>
  (rows: readonly number[]) =>
    rows.some((row) => bad.includes(row))

test('rows that go through are computed at once', async () => {
  expect(await search(1000, failsOn())).toMatchObject({ failing: [], attempts: 1 })
  expect(await search(0, failsOn())).toMatchObject({ failing: [], attempts: 0 })
})

test.each([
  { what: 'the first', bad: [0] },
  { what: 'the last', bad: [999] },
  { what: 'neighbours in two halves', bad: [499, 500] },
  { what: 'several', bad: [3, 77, 500, 501, 998] },
])('finds $what, and all others go through in their order', async ({ bad }) => {
  const { failing, passed, attempts } = await search(1000, failsOn(...bad))
  expect(failing).toEqual(bad)
  expect(passed).toEqual(Array.from(Array(1000).keys()).filter((row) => !bad.includes(row)))
  expect(attempts).toBeLessThanOrEqual(bad.length * 2 * 11)
})

test('every row of a range may fail', async () => {
  const all = Array.from(Array(33).keys())
  expect(await search(33, failsOn(...all))).toMatchObject({ failing: all, passed: [] })
  expect(await search(1, failsOn(0))).toMatchObject({ failing: [0] })
})

test('a row that only makes others fail together is the one that comes last', async () => {
  const value = (row: number) => (row % 10 === 0 ? 40 : 0)
  const sum = (rows: readonly number[]) => rows.reduce((total, row) => total + value(row), 0)
  const { failing, passed } = await search(50, (rows, before) => sum(rows) + sum(before) > 100)
  expect(failing).toEqual([20, 30, 40])
  expect(sum(passed)).toBe(80)
})

test('nothing is found if only the whole fails, but none of its parts', async () => {
  const { failing, attempts } = await search(16, (rows) => rows.length === 16)
  expect(failing).toEqual([])
  expect(attempts).toBeLessThan(10)
})

test('without time, what is known to fail is excluded as a whole', async () => {
  const { found, passed } = await search(64, failsOn(1, 40), (attempts) => attempts >= 3)
  expect(found.map(({ from, to }) => [from, to])).toEqual([
    [100, 116],
    [132, 164],
  ])
  expect(passed).toEqual(Array.from({ length: 16 }, (_, index) => 16 + index))
})
