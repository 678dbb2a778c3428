/** A segment that grows by one backup after the other has few chunks, each byte copied seldom. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planChunk } from '../../../cli/domain/backup/chunks.ts'
import type { SavedChunk } from '../../../cli/domain/backup/snapshot.ts'

const chunk = (from: number, to: number): SavedChunk => {
  return { key: `${from}-${to}`, from, bytes: to - from, crc32: 0 }
}

/** Copies a segment that grows by these bytes; what was copied in all. */
function grow(steps: readonly number[]) {
  let chunks: readonly SavedChunk[] = []
  let [end, copied] = [0, 0]
  for (const step of steps) {
    end += step
    const { kept, start } = planChunk(chunks, end)
    chunks = start === end ? kept : [...kept, chunk(start, end)]
    copied += end - start
  }
  return { chunks, end, copied }
}

test('chunks follow one another without gaps, whatever the steps', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000)), (steps) => {
      const { chunks, end } = grow(steps)
      let at = 0
      for (const { from, bytes } of chunks) {
        expect(from).toBe(at)
        at += bytes
      }
      expect(at).toBe(end)
    }),
    { seed: 1 },
  )
})

test('ten thousand equal steps leave at most fourteen chunks, and copy a byte as often', () => {
  const { chunks, end, copied } = grow(Array.from({ length: 10_000 }, () => 100))
  expect(chunks.length).toBeLessThanOrEqual(14)
  expect(copied / end).toBeLessThanOrEqual(14)
})

test('nothing new changes nothing', () => {
  const chunks = [chunk(0, 500), chunk(500, 600)]
  expect(planChunk(chunks, 600)).toEqual({ kept: chunks, start: 600 })
})
