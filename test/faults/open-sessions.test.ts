/** More visits and moments than test/flows/topic-queries.test.ts has; they take minutes. */
import { expect, test } from 'vitest'
import { compareMoments } from '../fixtures/topic-shop.ts'

const SEEDS = (process.env.CCS_SESSION_SEEDS ?? '2,3').split(',').map(Number)

test.each(SEEDS)(
  'sessions under way are those of plain SQL every six hours, seed %i',
  async (seed) => {
    const moments = Array.from({ length: 12 }, (_, index) => 6 * (index + 1))
    const { closed, open, events } = await compareMoments(seed, moments)
    expect(closed).toBeGreaterThan(100)
    expect(open).toBeGreaterThan(50)
    expect(events).toBeGreaterThan(1_000)
  },
  300_000,
)
