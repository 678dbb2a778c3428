/**
 * Which rows of a topic a SELECT needs: DuckDB's own plan says it, with the columns that each scan
 * reads and the conditions that it pushed down to it. Of these, lower bounds of times and dates
 * count: they move forward with the clock, so what is before them is never needed again.
 */
import { asList, asObject } from '../../../domain/kernel/json.ts'

/** One scan of a table. */
export interface TableScan {
  /** With its catalog, such as `topics.silver.events`. */
  readonly table: string
  /** Columns that it may read, among those that were asked for. */
  readonly columns: ReadonlySet<string>
  /** Conditions that all needed rows fulfil. */
  readonly bounds: readonly TimeBound[]
}

/** `column` is at or after `value`, which is written as DuckDB writes a value of this type. */
export interface TimeBound {
  readonly column: string
  readonly value: string
  readonly type: 'DATE' | 'TIMESTAMP'
}

/**
 * Settings under which a plan shows all of this: an empty table is scanned too, and no scan has its
 * conditions from another one.
 */
export const PLAN_SETTINGS = {
  disabled_optimizers: 'statistics_propagation,late_materialization,join_filter_pushdown,top_n',
}

const BOUND = /^"?(\w+)"?(?:>=|>|=)'(\d{4,}-\d\d-\d\d(?: [\d:.]+)?)'::(DATE|TIMESTAMP)$/

/** All scans of a plan, of EXPLAIN (FORMAT JSON). `columnsOf`: names of a table's columns. */
export function readScans(
  plan: string,
  columnsOf: (table: string) => readonly string[],
): readonly TableScan[] {
  const found: TableScan[] = []
  const visit = (node: unknown): void => {
    const { extra_info: info, children } = asObject(node)
    const { Table: table, Projections: projections, Filters: filters } = asObject(info)
    if (typeof table === 'string') {
      const conditions = toTexts(filters)
      const words = new Set([...toTexts(projections), ...conditions].flatMap(listWords))
      const columns = columnsOf(table).filter((name) => words.has(name))
      found.push({ table, columns: new Set(columns), bounds: conditions.flatMap(readBounds) })
    }
    for (const child of asList(children)) visit(child)
  }
  for (const node of asList(JSON.parse(plan))) visit(node)
  return found
}

/** A condition with an OR has no part that holds by itself. */
function readBounds(condition: string): readonly TimeBound[] {
  if (/\bOR\b/.test(condition)) return []
  return condition.split(' AND ').flatMap((part) => {
    const [, column, value, type] = BOUND.exec(part.trim()) ?? []
    if (column === undefined || value === undefined) return []
    return [{ column, value, type: type === 'DATE' ? 'DATE' : 'TIMESTAMP' }]
  })
}

/** Milliseconds since 1970 of a bound; a date begins at midnight UTC. */
export function toBoundMs({ value }: TimeBound): number {
  return Date.parse(`${value.replace(' ', 'T')}${value.includes(' ') ? 'Z' : ''}`)
}

function toTexts(value: unknown): readonly string[] {
  const all = Array.isArray(value) ? value : value === undefined ? [] : [value]
  return all.map(String)
}

function listWords(text: string): readonly string[] {
  return text.match(/\w+/g) ?? []
}
