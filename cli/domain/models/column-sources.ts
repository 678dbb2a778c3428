/** Column lineage as data: for each output column, the source columns that can influence it. */
import type { AstValue } from '../sql/ast.ts'

/** For what does not depend on the table. */
export const NO_SOURCES: ColumnSources = new Set()

/** A new set; undefined counts as empty. */
export function unite(...sets: readonly (ColumnSources | undefined)[]): Set<string> {
  const all = new Set<string>()
  for (const one of sets) for (const name of one ?? NO_SOURCES) all.add(name)
  return all
}

/** Names of columns of the source table, in lower case. */
export type ColumnSources = ReadonlySet<string>

/** The sources of a relation's columns and rows. */
export interface Lineage {
  /** By column in lower case, in order. */
  readonly columns: ReadonlyMap<string, ColumnSources>
  /** Sources that decide which rows there are, such as those of WHERE. */
  readonly rows: ColumnSources
  /** Sources of any column that is not listed; absent if all columns are listed. */
  readonly unlisted?: ColumnSources
  /** Columns of the source table under their own names; whoever names one reads it. */
  readonly ownColumns?: ReadonlySet<string>
}

/** All columns that can influence the relation. */
export function collectSources({ columns, rows, unlisted }: Lineage): ColumnSources {
  return unite(rows, unlisted, ...columns.values())
}

/** With `AS t(a, b)` the first columns get new names. */
export function renameColumns(lineage: Lineage, names: AstValue | undefined): Lineage {
  if (!Array.isArray(names) || names.length === 0) return lineage
  const { ownColumns: _, ...unlisted } = lineage
  const columns = [...lineage.columns].map(
    ([name, one], index) => [String(names[index] ?? name).toLowerCase(), one] as const,
  )
  return { ...unlisted, columns: new Map(columns) }
}
