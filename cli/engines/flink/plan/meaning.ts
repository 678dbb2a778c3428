/**
 * What a node of a compiled plan means, and what its state holds: which rows it gives, and how each
 * column comes from the columns of the source. Ids, positions and aliases don't count, so that the
 * nodes of two plans can be matched.
 */
import { isSink, type PlanNode } from './compiled-plan.ts'
import { hashOf, type InputColumns, type Meaning } from './expression-meaning.ts'

/** What the state of an operator depends on; each part has a meaning of its own. */
export type StatePart = 'what' | 'rows' | 'keys' | 'aggregates' | 'window' | 'watermark' | 'columns'

/** The state of an operator. Restored into one with other parts, it gives wrong numbers. */
export interface StateMeaning {
  readonly parts: Readonly<Partial<Record<StatePart, Meaning>>>
  /** Parts in words, as far as there are any: key columns, aggregate calls, the window. */
  readonly words: Readonly<Partial<Record<StatePart, readonly string[]>>>
}

/** A node with its meaning. */
export interface NodeMeaning {
  readonly node: PlanNode
  readonly inputs: readonly NodeMeaning[]
  /** Which rows it gives; `conditions` are those that hold for all of them besides. */
  readonly rows: { readonly base: Meaning; readonly conditions: readonly Meaning[] }
  readonly columns: InputColumns
  /** How far event time is behind the rows. */
  readonly watermark: Meaning
  /** Windows by which its rows are cut, in words; [] without. */
  readonly window: readonly string[]
  /** Undefined: it keeps none. */
  readonly state: StateMeaning | undefined
  /** False for a node whose meaning ccs can't read. */
  readonly isKnown: boolean
}

/** What a reader of one type of node finds; absent: as its first input. */
export interface NodeFacts {
  readonly rows?: NodeMeaning['rows']
  readonly columns?: readonly Meaning[]
  readonly watermark?: Meaning
  readonly window?: readonly string[]
  readonly state?: StateMeaning
}

/** The meaning of all rows that a node gives. */
export function hashRows({ rows }: Pick<NodeMeaning, 'rows'>): Meaning {
  return hashOf('rows', rows.base, [...new Set(rows.conditions)].sort())
}

/** The meaning of everything that a node gives: its rows, with all of their columns. */
export function hashOutput(one: NodeMeaning): Meaning {
  return hashOf(hashRows(one), one.columns.meanings, isSink(one.node) ? one.columns.names : [])
}

/** The nodes with state that stand before a node, however far. */
export function findStatesBefore(one: NodeMeaning): ReadonlySet<NodeMeaning> {
  const found = new Set<NodeMeaning>()
  const visit = (some: readonly NodeMeaning[]): void => {
    for (const input of some) {
      if (input.state !== undefined) found.add(input)
      visit(input.inputs)
    }
  }
  visit(one.inputs)
  return found
}
