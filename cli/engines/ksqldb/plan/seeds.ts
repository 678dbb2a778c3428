/**
 * A model that joins a seed: the seed as a table over a compacted topic that ccs fills before anything reads it, and a
 * stream that looks each of its rows up there. ksqlDB takes the table as it is when a row comes by, so a seed never
 * changes under those who read it: another CSV is another table beside it, and its readers are made anew.
 */
import { flatName } from '../../../domain/dialects/dialect.ts'
import { type DialectJob, whereOf } from '../../../domain/dialects/dialect-job.ts'
import { quoted, type Substitute } from '../../../domain/dialects/dialect-syntax.ts'
import { typeName } from '../../../domain/dialects/idioms/types.ts'
import { isColumnOf, type SeedJoin } from '../../../domain/models/seed-join.ts'
import { childExprs, type Expr } from '../../../domain/sql/tree.ts'
import { type Column, displayType } from '../../../domain/sql/types.ts'
import { makeStream, outputsOf } from '../compile/ddl.ts'
import { JOINED, KEY, type Relation } from './relation.ts'

/** Before KIP-962 (Kafka 3.7) a row without a key finds no way through a LEFT JOIN; no seed has this key. */
const NO_KEY = "'␀'"

export function joinedStream(job: DialectJob, join: SeedJoin): readonly Relation[] {
  const { input } = job
  const { select, project, model } = input
  const seed = project.seedOf(join.seed.name)
  if (seed === undefined)
    throw new Error(`${model.name} joins ${join.seed.name}, which is not known`)
  const left = input.columnsOf(join.left.name)
  requireText(job, join, left)
  requireOneMeaning(job, join, left, seed.columns)
  const columns = [...left, ...seed.columns.filter((one) => !has(left, one.name))]
  const exprs = [...select.items.map((one) => one.expr), ...(select.where ? [select.where] : [])]
  const written = exprs.flatMap((one) => substitutesIn(one, join, { left, seed: seed.columns }))
  const printer = job.printer(columns, written)
  const table = flatName(seed.name)
  const key = sideColumn('left', KEY)
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
          name === seed.key ? [] : [{ name, type: typeName(type, 'ksqldb') ?? 'STRING' }],
        ),
      ],
      properties: {},
    },
    {
      ...makeStream(job, {
        name: job.name,
        topic: model.name,
        outputs: outputsOf(job, select.items, columns, printer),
        from: flatName(join.left.name),
        join: {
          table,
          on: `COALESCE(${sideColumn('left', join.column)}, ${NO_KEY}) = ${sideColumn('seed', seed.key)}`,
        },
        where: whereOf(select, printer),
        key,
      }),
      memory: 'join',
    },
  ]
}

type Side = 'left' | 'seed'

function sideColumn(side: Side, name: string): string {
  return `${JOINED[side]}.${quoted(name)}`
}

function has(columns: readonly Column[], name: string): boolean {
  return columns.some((one) => one.name === name)
}

/** Every column of the SELECT with the side that it is of; without one it is of the side that has it. */
function substitutesIn(
  expr: Expr,
  join: SeedJoin,
  columns: Readonly<Record<Side, readonly Column[]>>,
): readonly Substitute[] {
  if (expr.is !== 'column')
    return childExprs(expr).flatMap((one) => substitutesIn(one, join, columns))
  const name = expr.path.at(-1) ?? ''
  // With USING, the key without a side is the left one.
  const side = isColumnOf(join.seed, expr)
    ? 'seed'
    : isColumnOf(join.left, expr) || has(columns.left, name)
      ? 'left'
      : 'seed'
  return has(columns[side], name) ? [{ expr, sql: sideColumn(side, name) }] : []
}

function requireText(job: DialectJob, { column, at }: SeedJoin, left: readonly Column[]): void {
  const type = left.find((one) => one.name === column)?.type
  if (type === undefined || type.is === 'VARCHAR') return
  job.fault(
    at,
    `ksqlDB looks a seed up by a text, and ${column} is ${displayType(type)}.`,
    `Make a column of it in the model below: CAST(${column} AS VARCHAR).`,
  )
}

/** Types are known by name alone. */
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
      `Column ${name} is ${displayType(other.type)} in ${table.name} and ${displayType(type)} in ${seed.name}.`,
      'Give the one of the seed another name.',
    )
  }
}
