import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openUnnamedFile } from '../../../cli/adapters/files/unnamed-file.ts'
import { IdStore } from '../../../cli/engines/embedded/intake/id-store.ts'

const BLOCK = 4_096
let dir = ''

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ccs-ids-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

/** Adds so many ids of an hour; returns their numbers. The id of a value is told by `has`. */
function fill(store: IdStore, values: Iterable<number>, hour: number, oldestHour = 0): number[] {
  return Array.from(values, (value) => store.add(value, -value, 7, value ^ 0x55, hour, oldestHour))
}

function has(store: IdStore, number: number, value: number): boolean {
  return store.has(number, value, -value, 7, value ^ 0x55)
}

function* range(from: number, to: number): Generator<number> {
  for (let value = from; value < to; value++) yield value
}

describe('the store of ids', () => {
  test('tells each id by its number, in memory and on disk, and the file has no name', () => {
    const store = new IdStore(() => openUnnamedFile(dir))
    const count = 5 * BLOCK + 100
    const numbers = fill(store, range(0, count), 1)
    for (const [value, number] of numbers.entries()) {
      expect(has(store, number, value)).toBe(true)
      expect(has(store, number, value + 1)).toBe(false)
    }
    expect(store.bytes).toBe(BLOCK * 16)
    expect(readdirSync(dir)).toEqual([])
    store.close()
  })

  test('a block of expired ids is written anew, so the file stays as long as the horizon', () => {
    const store = new IdStore(() => openUnnamedFile(dir))
    let greatest = 0
    for (let hour = 1; hour < 50; hour++) {
      const values = range(hour * BLOCK, (hour + 1) * BLOCK)
      const numbers = fill(store, values, hour, hour - 3)
      greatest = Math.max(greatest, ...numbers)
      for (const [i, number] of numbers.entries())
        expect(has(store, number, hour * BLOCK + i)).toBe(true)
    }
    expect(greatest).toBeLessThan(6 * BLOCK)
    store.close()
  })

  test('while the disk takes nothing the ids stay in memory; later they are written', () => {
    let isFull = true
    const open = () => {
      if (isFull) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
      return openUnnamedFile(dir)
    }
    const store = new IdStore(open)
    const numbers = fill(store, range(0, 3 * BLOCK + 1), 1)
    expect(store.bytes).toBe(4 * BLOCK * 16)
    expect(numbers.every((number, value) => has(store, number, value))).toBe(true)
    isFull = false
    numbers.push(...fill(store, range(3 * BLOCK + 1, 4 * BLOCK + 1), 1))
    expect(store.bytes).toBe(BLOCK * 16)
    expect(numbers.every((number, value) => has(store, number, value))).toBe(true)
    store.close()
  })

  test('as a Map does, whatever comes and fails in whatever order', () => {
    const step = fc.record({
      count: fc.integer({ min: 1, max: 2 * BLOCK }),
      hours: fc.integer({ min: 0, max: 3 }),
      fails: fc.boolean(),
      cleared: fc.integer({ min: 0, max: 9 }).map((one) => one === 0),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        let fails = false
        const check = () => {
          if (fails) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
        }
        const store = new IdStore(() => {
          check()
          const file = openUnnamedFile(dir)
          const write = (bytes: Uint8Array, position: number) => {
            check()
            file.write(bytes, position)
          }
          return { ...file, write }
        })
        const live = new Map<number, { readonly value: number; readonly hour: number }>()
        let hour = 10
        let value = 0
        for (const one of steps) {
          hour += one.hours
          fails = one.fails
          let wrong = 0
          if (one.cleared) {
            store.clear()
            live.clear()
          }
          const oldest = hour - 2
          for (const [number, known] of live) if (known.hour < oldest) live.delete(number)
          for (let i = 0; i < one.count; i++) {
            const [number = 0] = fill(store, [++value], hour, oldest)
            if (live.has(number)) wrong++
            live.set(number, { value, hour })
          }
          for (const [number, known] of live) {
            if (!has(store, number, known.value)) wrong++
            if (has(store, number, known.value + 1)) wrong++
          }
          expect(wrong).toBe(0)
        }
        store.close()
      }),
      { numRuns: 40 },
    )
  })
})
