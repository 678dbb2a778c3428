/** The real registry gives the same answer as ccs for every golden pair of reader and writer. */
import { expect } from 'vitest'
import { registryTest } from '../fixtures/registry-test.ts'
import { OTHER_PAIRS } from '../fixtures/schema-pairs/others.ts'
import type { Pair } from '../fixtures/schema-pairs/pair.ts'
import { PRIMITIVE_PAIRS } from '../fixtures/schema-pairs/primitives.ts'
import { RECORD_PAIRS } from '../fixtures/schema-pairs/records.ts'

const PAIRS = [...PRIMITIVE_PAIRS, ...RECORD_PAIRS, ...OTHER_PAIRS]
const AT_ONCE = 4

registryTest(
  'the registry agrees with ccs about every pair, but for known differences',
  async (registry, prefix) => {
    const isAccepted = async (pair: Pair, index: number) => {
      const subject = `${prefix}${index}-value`
      await registry.setCompatibility(subject, 'BACKWARD_TRANSITIVE')
      await registry.register(subject, JSON.stringify(pair.writer))
      return registry.accepts(subject, JSON.stringify(pair.reader))
    }
    const differing: string[] = []
    const waiting = [...PAIRS.entries()]
    const work = async () => {
      for (let next = waiting.pop(); next; next = waiting.pop()) {
        const [index, pair] = next
        const isReadable = pair.breaks.length === 0
        if ((await isAccepted(pair, index)) !== isReadable) differing.push(pair.name)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    const known = PAIRS.filter((one) => one.registryDiffers !== undefined)
    expect(differing.sort()).toEqual(known.map((one) => one.name).sort())
    expect(PAIRS.length).toBeGreaterThanOrEqual(120)
    expect(known.length).toBe(4)
  },
)
