/**
 * Finds what a damaged file of Silver changes: the lake as it is now is compared with Bronze row by
 * row, and Gold's SELECTs over it with what the stream serves. The marts are left aside, as they
 * may have been built before the damage.
 */

import { createAuditCatalog } from '../audit/catalog.ts'
import { swapSides } from './accounts.ts'
import { recomputeGold } from './gold.ts'
import type { DatedDifference, FoundDamage, ReconcileInput } from './input.ts'
import { findServedDifferences } from './rows.ts'
import { findSilverDifferences, type SilverFindings } from './silver.ts'

/** The differences found on the marts' side: rows of Silver, and all other rows. */
export interface MartFindings {
  readonly silver: SilverFindings
  readonly gold: readonly DatedDifference[]
}

/** Replaces, on days with damaged files, the findings by those that the damage explains. */
export async function addDamageFindings(
  input: ReconcileInput,
  dates: readonly string[],
  { silver, gold }: MartFindings,
): Promise<SilverFindings> {
  const { damaged } = input.files
  const inLake = findAffectedDays(
    dates,
    damaged.filter((file) => file.isInLake),
  )
  const inMarts = findAffectedDays(
    dates,
    damaged.filter((file) => file.isInMarts),
  )
  // On these days the marts' Silver is wrong, and what was built earlier is right.
  const other = gold.map((row) => (inMarts.has(row.date) ? swapSides(row) : row))
  if (inLake.size === 0) return { rows: [...silver.rows, ...other], unnamed: silver.unnamed }
  const present = await findLakeDifferences(input, [...inLake])
  const rows = [...present.rows, ...silver.rows.filter(({ date }) => !inLake.has(date)), ...other]
  const unnamed = new Map(
    dates.map((date) => {
      const of = inLake.has(date) ? present.unnamed : silver.unnamed
      return [date, of.get(date) ?? 0]
    }),
  )
  return { rows: dropRepeated(rows), unnamed }
}

async function findLakeDifferences(
  input: ReconcileInput,
  dates: readonly string[],
): Promise<SilverFindings> {
  const { logic, files } = input
  const plain = await files.openPlain()
  try {
    await createAuditCatalog(plain, logic, files.lake)
    await recomputeGold(plain, logic.graph)
    const here = { ...input, plain }
    const silver = await findSilverDifferences(here, {
      dates,
      unbalanced: dates,
      isSameCommit: true,
    })
    const gold = await findServedDifferences(here, dates)
    return { rows: [...silver.rows, ...gold.map(swapSides)], unnamed: silver.unnamed }
  } finally {
    plain.close()
  }
}

const DAY_MS = 86_400_000

/**
 * Shop days that rows of these files may belong to: a partition is a day in UTC, and a session may
 * continue past midnight.
 */
export function findAffectedDays(
  dates: readonly string[],
  damaged: readonly Pick<FoundDamage, 'partition'>[],
): ReadonlySet<string> {
  const days = damaged.map(({ partition }) => Date.parse(partition.split('=')[1] ?? ''))
  const isNear = (date: string) =>
    days.some((ms) => Number.isNaN(ms) || Math.abs(ms - Date.parse(date)) <= DAY_MS)
  return new Set(dates.filter(isNear))
}

function dropRepeated(rows: readonly DatedDifference[]): readonly DatedDifference[] {
  const found = new Map<string, DatedDifference>()
  for (const row of rows) {
    const key = `${row.date} ${row.table} ${row.key}`
    if (!found.has(key)) found.set(key, row)
  }
  return [...found.values()]
}
