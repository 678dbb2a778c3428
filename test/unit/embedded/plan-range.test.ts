/** Which files of uncommitted rows queries read: few, and no row is written often. */
import { expect, test } from 'vitest'
import { planRange } from '../../../cli/engines/embedded/query/hand-over.ts'

interface Range {
  readonly from: number
  readonly to: number
  readonly level: number
}

/** The files after one query each time that `step` rows have come in, and the rows written. */
function handOver(steps: readonly number[]) {
  let files: readonly Range[] = []
  let seq = 0
  let written = 0
  let most = 0
  for (const step of steps) {
    const end = seq
    seq += step
    const { kept, from, level } = planRange(files, end, seq)
    files = from < seq ? [...kept, { from, to: seq, level }] : kept
    written += seq - from
    most = Math.max(most, files.length)
    let at = 0
    for (const file of files) {
      expect(file.from).toBe(at)
      at = file.to
    }
    expect(at).toBe(seq)
  }
  return { files, written, most }
}

test('the files follow one another from the first row to the last', () => {
  handOver([1, 700, 0, 3, 3, 50_000, 1, 0, 1, 9_000, ...Array<number>(200).fill(7)])
})

test('a query each few rows makes few files, and writes each row a few times', () => {
  const { most, written } = handOver(Array<number>(5_000).fill(20))
  expect(most).toBeLessThanOrEqual(7 * 5)
  expect(written / 100_000).toBeLessThan(6)
})

test('nothing is written when nothing is new, and small files join large new ranges', () => {
  expect(handOver([100, 0, 0, 0])).toMatchObject({ written: 100, most: 1 })
  expect(handOver([10, 10, 10, 100_000]).files).toHaveLength(1)
})
