/**
 * The one way in which a model may read a seed, since all engines have that one: a stream of rows that looks each of
 * them up by the seed's key, `FROM silver.x AS a LEFT JOIN seeds.y AS b ON a.sku = b.sku`.
 */
import { CcsError, EXIT } from '../kernel/errors.ts'
import { locate } from '../sql/ast.ts'
import { readSelect } from '../sql/read-tree.ts'
import type { Expr, FromClause, Select, TableRef } from '../sql/tree.ts'
import { type SortedModel, selectSource } from './graph.ts'
import { isSeed } from './seed-shape.ts'

export interface SeedJoin {
  readonly left: TableRef
  readonly seed: TableRef
  /** Name of the column whose value is the seed's key. */
  readonly column: string
  readonly at: number | undefined
}

/** CCS_MODEL_INVALID, with its place, for a model that reads a seed in any other way. `keys` by seed. */
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
      exit: EXIT.usage,
      location: locate(selectSource(model), fromPosition(select.from)),
      hint,
    })
  if (!isPlain)
    throw fault(
      'Only a stream that passes row by row can join a seed.',
      'Join it in a model of Silver of kind stream, and read that one here.',
    )
  const join = readSeedJoin(select, keys)
  if (typeof join === 'string')
    throw fault(
      join,
      'Write FROM silver.x AS a LEFT JOIN seeds.y AS b ON a.column = b.key, one seed a model.',
    )
  if (select.items.some(({ expr }) => expr.is === 'star'))
    throw fault('A star beside a seed stands for columns of both.', 'Name the columns.')
}

/** How a SELECT joins a seed, or why it can't be read as that. */
export function readSeedJoin(
  { from }: Select,
  keys?: ReadonlyMap<string, string>,
): SeedJoin | string {
  if (from.is !== 'join') return 'A seed is read by a LEFT JOIN alone.'
  const { left, right: seed, type, on, using, at } = from
  if (left.is !== 'table' || seed.is !== 'table' || isSeed(left.name) || !isSeed(seed.name))
    return 'A seed is joined to one other model, on the right side.'
  if (type !== 'LEFT') return 'A seed is joined by LEFT JOIN, which leaves no row out.'
  const key = keys?.get(seed.name)
  const fits = (name: string | undefined) => key === undefined || name === key
  const [column, other] = using
  if (column !== undefined && other === undefined && fits(column)) return { left, seed, column, at }
  const sides = on?.is === 'binary' && on.op === '=' ? [on.left, on.right] : []
  const of = sides.find((one) => isColumnOf(seed, one))
  const to = sides.find((one) => one !== of)
  if (of?.is === 'column' && to?.is === 'column' && !isColumnOf(seed, to) && fits(of.path.at(-1)))
    return { left, seed, column: to.path.at(-1) ?? '', at }
  return `A seed is joined by its key${key === undefined ? '' : `, ${key}`}, and by nothing else.`
}

/** Whether a column names the table that it is of, and that is this one. */
export function isColumnOf({ name, alias }: TableRef, expr: Expr): boolean {
  if (expr.is !== 'column' || expr.path.length < 2) return false
  const said = expr.path.slice(0, -1).join('.').toLowerCase()
  const names = alias === '' ? [name, name.split('.').at(-1) ?? ''] : [alias]
  return names.some((one) => one.toLowerCase() === said)
}

function fromPosition(from: FromClause): number | undefined {
  return from.is === 'table' || from.is === 'join' || from.is === 'other' ? from.at : undefined
}
