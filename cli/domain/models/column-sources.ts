/** Where columns and rows of a relation may come from: sets of columns of the one table that is looked at. */
import type { AstValue } from '../sql/ast.ts'

export const NO_SOURCES: ColumnSources = new Set()

export function union(...sets: readonly (ColumnSources | undefined)[]): Set<string> {
  const all = new Set<string>()
  for (const one of sets) for (const name of one ?? NO_SOURCES) all.add(name)
  return all
}

/** Names of columns of the table that is looked at, in lower case. */
export type ColumnSources = ReadonlySet<string>

export interface Lineage {
  /** By column in lower case, in order. */
  readonly columns: ReadonlyMap<string, ColumnSources>
  /** What decides which rows there are. */
  readonly rows: ColumnSources
  /** Of a column that isn't listed; absent: there is no other. */
  readonly unlisted?: ColumnSources
  /** Columns that are the table's own under their own names, be it by way of stars: whoever names one reads it. */
  readonly ownColumns?: ReadonlySet<string>
}

/** All that a relation may come from. */
export function allSources({ columns, rows, unlisted }: Lineage): ColumnSources {
  return union(rows, unlisted, ...columns.values())
}

/** Under `AS t(a, b)` the first columns have new names. */
export function renameColumns(lineage: Lineage, names: AstValue | undefined): Lineage {
  if (!Array.isArray(names) || names.length === 0) return lineage
  const { ownColumns: _, ...unlisted } = lineage
  const columns = [...lineage.columns].map(
    ([name, one], index) => [String(names[index] ?? name).toLowerCase(), one] as const,
  )
  return { ...unlisted, columns: new Map(columns) }
}
