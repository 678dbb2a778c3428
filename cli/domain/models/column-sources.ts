/** Where columns and rows of a relation may come from: sets of columns of the one table that is looked at. */
import type { AstValue } from '../sql/ast.ts'

export const NONE: Origins = new Set()

export function union(...sets: readonly (Origins | undefined)[]): Set<string> {
  const all = new Set<string>()
  for (const one of sets) for (const name of one ?? NONE) all.add(name)
  return all
}

/** Names of columns of the table that is looked at, in lower case. */
export type Origins = ReadonlySet<string>

export interface Lineage {
  /** By column in lower case, in order. */
  readonly columns: ReadonlyMap<string, Origins>
  /** What decides which rows there are. */
  readonly rows: Origins
  /** Of a column that isn't listed; absent: there is no other. */
  readonly rest?: Origins
  /** Columns that are the table's own under their own names, be it by way of stars: whoever names one reads it. */
  readonly base?: ReadonlySet<string>
}

/** All that a relation may come from. */
export function allOrigins({ columns, rows, rest }: Lineage): Origins {
  return union(rows, rest, ...columns.values())
}

/** Under `AS t(a, b)` the first columns have new names. */
export function renamed(lineage: Lineage, names: AstValue | undefined): Lineage {
  if (!Array.isArray(names) || names.length === 0) return lineage
  const { base: _, ...rest } = lineage
  const columns = [...lineage.columns].map(
    ([name, one], index) => [String(names[index] ?? name).toLowerCase(), one] as const,
  )
  return { ...rest, columns: new Map(columns) }
}
