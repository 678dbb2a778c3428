/**
 * Compiles a model that joins a seed: the seed becomes a table over a compacted topic, which ccs
 * fills before anything reads it, and the model a stream that joins the table. ksqlDB joins a row
 * with the table as it is at that moment. So a seed's table never changes: a changed CSV becomes
 * another table, and the streams that read it are recreated.
 */
import { flattenName } from '../../../domain/dialects/dialect.ts'
import { type DialectJob, printWhere } from '../../../domain/dialects/dialect-job.ts'
import { quoteName, type Substitute } from '../../../domain/dialects/dialect-syntax.ts'
import { printType } from '../../../domain/dialects/idioms/types.ts'
import { isColumnOf, type SeedJoin } from '../../../domain/models/seed-join.ts'
import { type Expr, listChildExprs } from '../../../domain/sql/tree.ts'
import { type Column, displayType } from '../../../domain/sql/types.ts'
import { JOIN_ALIASES, KEY, type Relation } from '../plan/relation.ts'
import { makeStream, printOutputs } from './ddl.ts'

/** Before KIP-962 (Kafka 3.7), a LEFT JOIN loses rows whose key is NULL. No seed has this key. */
const NO_KEY = "'␀'"

/** Compiles a model whose FROM joins a seed. */
export function compileSeedJoin(job: DialectJob, join: SeedJoin): readonly Relation[] {
  const { input } = job
  const { select, project, model } = input
  const seed = project.findSeed(join.seed.name)
  if (seed === undefined)
    throw new Error(`${model.name} joins ${join.seed.name}, which is not known`)
  const left = input.findColumns(join.left.name)
  requireText(job, join, left)
  requireOneMeaning(job, join, left, seed.columns)
  const columns = [...left, ...seed.columns.filter((one) => !hasColumn(left, one.name))]
  const exprs = [...select.items.map((one) => one.expr), ...(select.where ? [select.where] : [])]
  const written = exprs.flatMap((one) => listSubstitutes(one, join, { left, seed: seed.columns }))
  const printer = job.printer(columns, written)
  const table = flattenName(seed.name)
  const key = sideColumn('left', KEY)
  const column = sideColumn('left', join.column)
  return [
    {
      name: table,
      model: seed.name,
      kind: 'table',
      topic: seed.name,
      keeps: { of: 'rows' },
      seed: seed.fingerprint,
      options: [
        ['KEY_FORMAT', 'KAFKA'],
        ['VALUE_FORMAT', 'AVRO'],
      ],
      memory: 'none',
      columns: [
        { name: seed.key, type: 'STRING', isKey: true },
        ...seed.columns.flatMap(({ name, type }) =>
          name === seed.key ? [] : [{ name, type: printType(type, 'ksqldb') ?? 'STRING' }],
        ),
      ],
      properties: {},
    },
    {
      ...makeStream(job, {
        name: job.name,
        topic: model.name,
        outputs: printOutputs(job, select.items, columns, printer),
        from: flattenName(join.left.name),
        join: {
          table,
          on: `COALESCE(${column}, ${NO_KEY}) = ${sideColumn('seed', seed.key)}`,
        },
        where: printWhere(select, printer),
        key,
      }),
      memory: 'join',
    },
  ]
}

type Side = 'left' | 'seed'

function sideColumn(side: Side, name: string): string {
  return `${JOIN_ALIASES[side]}.${quoteName(name)}`
}

function hasColumn(columns: readonly Column[], name: string): boolean {
  return columns.some((one) => one.name === name)
}

/** Columns of the SELECT with their side; an unqualified column is of the side that has it. */
function listSubstitutes(
  expr: Expr,
  join: SeedJoin,
  columns: Readonly<Record<Side, readonly Column[]>>,
): readonly Substitute[] {
  if (expr.is !== 'column')
    return listChildExprs(expr).flatMap((one) => listSubstitutes(one, join, columns))
  const name = expr.path.at(-1) ?? ''
  // With USING, the unqualified key is the left one.
  const side = isColumnOf(join.seed, expr)
    ? 'seed'
    : isColumnOf(join.left, expr) || hasColumn(columns.left, name)
      ? 'left'
      : 'seed'
  return hasColumn(columns[side], name) ? [{ expr, sql: sideColumn(side, name) }] : []
}

function requireText(job: DialectJob, { column, at }: SeedJoin, left: readonly Column[]): void {
  const type = left.find((one) => one.name === column)?.type
  if (type === undefined || type.is === 'VARCHAR') return
  job.fault(
    at,
    `ksqlDB joins a seed by a text only, and ${column} is ${displayType(type)}.`,
    `Add a column CAST(${column} AS VARCHAR) to the model that this one reads, and join by it.`,
  )
}

/** A column's type is found by its name, so both sides must agree on it. */
function requireOneMeaning(
  job: DialectJob,
  { seed, left: table, at }: SeedJoin,
  left: readonly Column[],
  columns: readonly Column[],
): void {
  for (const { name, type } of columns) {
    const other = left.find((one) => one.name === name)
    if (other === undefined || displayType(other.type) === displayType(type)) continue
    job.fault(
      at,
      `Column ${name} is ${displayType(other.type)} in ${table.name} ` +
        `and ${displayType(type)} in ${seed.name}.`,
      'Rename the column in the seed.',
    )
  }
}
