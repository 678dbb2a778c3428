import { tmpdir } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { openUnnamedFile } from '../../../cli/adapters/files/unnamed-file.ts'
import { DedupeIndex } from '../../../cli/engines/embedded/intake/dedupe-index.ts'
import { IdStore } from '../../../cli/engines/embedded/intake/id-store.ts'

const HOUR = 3_600_000
const start = 1_790_000_000_000

const opened: DedupeIndex[] = []

/** An index whose ids lie on a real disk. */
function openIndex(horizonMs: number): DedupeIndex {
  const index = new DedupeIndex(horizonMs, new IdStore(() => openUnnamedFile(tmpdir())))
  opened.push(index)
  return index
}

afterEach(() => {
  for (const index of opened.splice(0)) index.close()
})

/** A small seeded generator of 32-bit words. */
function words(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
}

describe('the dedupe index', () => {
  test('accepts each id once, through many rebuilds, as a Set does', () => {
    const seen = openIndex(48 * HOUR)
    seen.advance(start)
    const next = words(7)
    const known = new Set<string>()
    let wrong = 0
    for (let i = 0; i < 300_000; i++) {
      const id = [next(), next() & 0xff, 5, next() & 0x3] as const
      const key = id.join('.')
      if (seen.add(...id) === known.has(key)) wrong++
      known.add(key)
    }
    expect(wrong).toBe(0)
    expect(seen.size).toBe(known.size)
  })

  test('an id counts as new again only after the horizon has passed', () => {
    const seen = openIndex(2 * HOUR)
    seen.advance(start)
    expect(seen.add(1, 2, 3, 4)).toBe(true)
    seen.advance(start + 2 * HOUR)
    expect(seen.add(1, 2, 3, 4)).toBe(false)
    seen.advance(start + 3 * HOUR)
    expect(seen.add(1, 2, 3, 4)).toBe(true)
    expect(seen.add(1, 2, 3, 4)).toBe(false)
  })

  test('gives the same answers after a checkpoint is restored', () => {
    const first = openIndex(48 * HOUR)
    first.advance(start)
    for (let i = 0; i < 10_000; i++) first.add(i, i * 7, 3, 0xffff_ffff)
    const written = first.takeNewIds()
    expect(written.length).toBe(50_000)
    expect(first.takeNewIds().length).toBe(0)
    const second = openIndex(48 * HOUR)
    second.restore(written)
    for (let i = 0; i < 10_000; i++) expect(second.add(i, i * 7, 3, 0xffff_ffff)).toBe(false)
    expect(second.takeNewIds().length).toBe(0)
    expect(second.add(10_001, 0, 0, 0)).toBe(true)
  })

  test('a second after millions of others is known, and takes 9 to 11 bytes of memory', () => {
    const seen = openIndex(48 * HOUR)
    seen.advance(start)
    const next = words(11)
    for (let i = 0; i < 1_000_000; i++) seen.add(next(), next(), next(), next())
    expect(seen.size).toBe(1_000_000)
    expect(seen.bytes / 1_000_000).toBeGreaterThan(9)
    expect(seen.bytes / 1_000_000).toBeLessThan(11)
    const again = words(11)
    let wrong = 0
    for (let i = 0; i < 1_000_000; i++) if (seen.add(again(), again(), again(), again())) wrong++
    expect(wrong).toBe(0)
  })

  test('memory is bounded by the horizon, not by history', () => {
    const seen = openIndex(1 * HOUR)
    const next = words(3)
    for (let hour = 0; hour < 200; hour++) {
      seen.advance(start + hour * HOUR)
      for (let i = 0; i < 2_000; i++) seen.add(next(), next(), next(), next())
    }
    expect(seen.size).toBeLessThan(100_000)
  })

  test('agrees with a Map of hours over months, for any horizon', () => {
    for (const [horizonHours, stepHours] of [
      [1, 1],
      [48, 3],
      [48, 700],
      [240, 11],
    ] as const) {
      const seen = openIndex(horizonHours * HOUR)
      const next = words(horizonHours)
      const hours = new Map<number, number>()
      let hour = Math.floor(start / HOUR)
      let wrong = 0
      for (let i = 0; i < 400; i++) {
        seen.advance(hour * HOUR)
        for (let k = 0; k < 100; k++) {
          const id = next() & 0xfff
          const known = hours.get(id)
          const isNew = known === undefined || known < hour - horizonHours
          if (seen.add(id, 1, 2, id) !== isNew) wrong++
          if (isNew) hours.set(id, hour)
        }
        hour += next() % (2 * stepHours)
      }
      expect({ horizonHours, stepHours, wrong }).toMatchObject({ wrong: 0 })
    }
  })

  test('a horizon of months is kept to within one percent', () => {
    const horizonHours = 24 * 90
    const seen = openIndex(horizonHours * HOUR)
    seen.advance(start)
    expect(seen.add(1, 2, 3, 4)).toBe(true)
    seen.advance(start + horizonHours * HOUR)
    expect(seen.add(1, 2, 3, 4)).toBe(false)
    seen.advance(start + horizonHours * 1.01 * HOUR)
    expect(seen.add(1, 2, 3, 4)).toBe(true)
  })

  test('ids that differ in a single word spread over the table', () => {
    for (let word = 0; word < 4; word++) {
      const seen = openIndex(48 * HOUR)
      seen.advance(start)
      const id: [number, number, number, number] = [7, 7, 7, 7]
      const startMs = performance.now()
      let wrong = 0
      for (const isNew of [true, false])
        for (let i = 0; i < 50_000; i++) {
          id[word] = i * 65_536
          if (seen.add(...id) !== isNew) wrong++
          if (performance.now() - startMs > 20_000) throw new Error('they are not spread')
        }
      expect({ word, wrong }).toEqual({ word, wrong: 0 })
    }
  })
})
