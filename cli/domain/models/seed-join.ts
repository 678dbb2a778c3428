/**
 * A model may read a seed in one way only, the way that all engines support: a stream of rows that
 * looks up each row by the seed's key, `FROM silver.x AS a LEFT JOIN seeds.y AS b ON a.sku =
 * b.sku`.
 */
import { CcsError } from '../kernel/errors.ts'
import { locate } from '../sql/ast.ts'
import { readSelect } from '../sql/read-tree.ts'
import type { Expr, FromClause, Select, TableRef } from '../sql/tree.ts'
import { type SortedModel, toSelectSource } from './graph.ts'
import { isSeed } from './seed-shape.ts'

/** A SELECT's join with a seed; `at` is its byte offset in the SQL text. */
export interface SeedJoin {
  readonly left: TableRef
  readonly seed: TableRef
  /** The column of `left` that holds the seed's key. */
  readonly column: string
  readonly at: number | undefined
}

/**
 * Throws CCS_MODEL_INVALID, with the place, for a model that reads a seed in any other way. `keys`:
 * key column by seed.
 */
export function requireSeedJoin(
  { model, ast }: Pick<SortedModel, 'model' | 'ast'>,
  keys: ReadonlyMap<string, string>,
): void {
  const select = readSelect(ast)
  const isPlain =
    model.kind === 'stream' &&
    model.dedupe === undefined &&
    model.layer !== 'bronze' &&
    select.groupBy.length === 0 &&
    select.qualify === undefined
  const fault = (message: string, hint: string) =>
    new CcsError('CCS_MODEL_INVALID', message, {
      location: locate(toSelectSource(model), findPosition(select.from)),
      hint,
    })
  if (!isPlain)
    throw fault(
      'Only a model of kind stream, without dedupe or GROUP BY, can join a seed.',
      'Join it in a Silver model of kind stream, and read that model here.',
    )
  const join = readSeedJoin(select, keys)
  if (typeof join === 'string')
    throw fault(
      join,
      'Write FROM silver.x AS a LEFT JOIN seeds.y AS b ON a.column = b.key, one seed a model.',
    )
  if (select.items.some(({ expr }) => expr.is === 'star'))
    throw fault('A star beside a seed includes the columns of both tables.', 'List the columns.')
}

/** How a SELECT joins a seed, or a message on why it is not a valid join. */
export function readSeedJoin(
  { from }: Select,
  keys?: ReadonlyMap<string, string>,
): SeedJoin | string {
  if (from.is !== 'join') return 'A seed can only be read by a LEFT JOIN.'
  const { left, right: seed, type, on, using, at } = from
  if (left.is !== 'table' || seed.is !== 'table' || isSeed(left.name) || !isSeed(seed.name))
    return 'A seed is the right side of a join with one model.'
  if (type !== 'LEFT') return 'A seed is joined by LEFT JOIN, which keeps every row.'
  const key = keys?.get(seed.name)
  const fits = (name: string | undefined) => key === undefined || name === key
  const [column, other] = using
  if (column !== undefined && other === undefined && fits(column)) return { left, seed, column, at }
  const sides = on?.is === 'binary' && on.op === '=' ? [on.left, on.right] : []
  const of = sides.find((one) => isColumnOf(seed, one))
  const to = sides.find((one) => one !== of)
  if (of?.is === 'column' && to?.is === 'column' && !isColumnOf(seed, to) && fits(of.path.at(-1)))
    return { left, seed, column: to.path.at(-1) ?? '', at }
  return `A seed is joined by its key${key === undefined ? '' : ` ${key}`} alone.`
}

/** Whether an expression is a column qualified by the table's name or alias. */
export function isColumnOf({ name, alias }: TableRef, expr: Expr): boolean {
  if (expr.is !== 'column' || expr.path.length < 2) return false
  const said = expr.path.slice(0, -1).join('.').toLowerCase()
  const names = alias === '' ? [name, name.split('.').at(-1) ?? ''] : [alias]
  return names.some((one) => one.toLowerCase() === said)
}

function findPosition(from: FromClause): number | undefined {
  return from.is === 'table' || from.is === 'join' || from.is === 'other' ? from.at : undefined
}
