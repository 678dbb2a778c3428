/** Which Gold models can lack events because they came too late, and which events those are. */
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import { readSelect } from '../sql/read-tree.ts'
import type { Expr } from '../sql/tree.ts'
import { printTooLateSql } from './finality.ts'
import type { GraphModel } from './graph.ts'

/** A Gold model that excludes events which come too late for it. */
export interface LateModel {
  readonly name: string
  /** The model's file. */
  readonly file: string
  /** The model that it reads. */
  readonly source: string
  /** Each row of `source` is one event. */
  readonly isPerEvent: boolean
  /** SQL predicate over rows of `source`: the model would count the row, but it came too late. */
  readonly condition: string
}

/** All models with windows or sessions, in the order of the graph. */
export function listLateModels(graph: readonly GraphModel[]): readonly LateModel[] {
  return graph.flatMap(({ model, ast, reads }) => {
    const tooLate = printTooLateSql(model)
    const [source] = reads
    if (tooLate === 'FALSE' || source === undefined) return []
    const key = graph.find((one) => one.model.name === source)?.model.key ?? []
    const { where } = readSelect(ast)
    const filter = where && printFilter(where)
    return {
      name: model.name,
      file: model.file,
      source,
      isPerEvent: key.length === 1 && key[0] === 'event_id',
      condition: filter === undefined ? `(${tooLate})` : `(${filter} AND ${tooLate})`,
    }
  })
}

/**
 * A simple condition of a WHERE as SQL over the source's columns: a column, NOT, AND, =, IN.
 * undefined for any other; it is not applied, so rows that the model ignores count as too late.
 */
function printFilter(expr: Expr): string | undefined {
  switch (expr.is) {
    case 'column':
      return quoteName(expr.path.at(-1) ?? '')
    case 'literal':
      if (expr.text === undefined) return undefined
      return expr.type.is === 'VARCHAR' ? quoteText(expr.text) : expr.text
    case 'unary': {
      const of = expr.op === 'NOT' ? printFilter(expr.of) : undefined
      return of === undefined ? undefined : `(NOT ${of})`
    }
    case 'binary': {
      if (expr.op !== 'AND' && expr.op !== '=') return undefined
      const [left, right] = [printFilter(expr.left), printFilter(expr.right)]
      return left === undefined || right === undefined ? undefined : `(${left} ${expr.op} ${right})`
    }
    case 'in': {
      const [of, ...list] = [expr.of, ...expr.list].map(printFilter)
      if (of === undefined || list.includes(undefined)) return undefined
      return `(${of} ${expr.isNot ? 'NOT ' : ''}IN (${list.join(', ')}))`
    }
    default:
      return undefined
  }
}
