/**
 * What Flink runs for a model: a view with the logic, a Kafka table, an INSERT between them. Event time and
 * the watermark are made where the topic is read, and pass through every view, since Flink loses them in
 * an expression.
 */
import { clauses, type Dialect, type Statement } from '../../../domain/dialects/dialect.ts'
import {
  DialectJob,
  readFirstOnly,
  readUnnesting,
  whereOf,
} from '../../../domain/dialects/dialect-job.ts'
import { quoted, type Substitute } from '../../../domain/dialects/dialect-syntax.ts'
import { readSeedJoin } from '../../../domain/models/seed-join.ts'
import {
  childExprs,
  type Expr,
  type FromClause,
  isSameExpr,
  type Select,
} from '../../../domain/sql/tree.ts'
import type { Column } from '../../../domain/sql/types.ts'
import { printedItem, RAW, sinkTable, sourceTable, tableName } from './ddl.ts'
import { epochMs, syntax } from './syntax.ts'
import { sessionSelect, windowSelect } from './windows.ts'

/** Prints a model for Flink SQL 2.3. */
export const compileFlink: Dialect = (input) => {
  const job = new DialectJob(input, syntax)
  return { statements: statementsOf(job), notes: job.notes, faults: job.faults }
}

function statementsOf(job: DialectJob): readonly Statement[] {
  const { model, columns, select } = job.input
  const isRaw = select.from.is === 'table' && select.from.name === RAW
  const view: Statement = {
    what: 'view',
    sql: `CREATE TEMPORARY VIEW ${quoted(job.name)} AS\n${selectOf(job)}`,
  }
  const source = isRaw ? sourceTable(job) : []
  if (model.kind === 'view') return [...source, view]
  const names = columns.map((one) => quoted(one.name)).join(', ')
  const topic = quoted(`${job.name}_topic`)
  const insert = `INSERT INTO ${topic} (${names})\nSELECT ${names} FROM ${quoted(job.name)}`
  return [...source, view, { what: 'sink', sql: sinkTable(job) }, { what: 'insert', sql: insert }]
}

function selectOf(job: DialectJob): string {
  switch (job.input.model.kind) {
    case 'window':
      return windowSelect(job)
    case 'session':
      return sessionSelect(job)
    default:
      return plainSelect(job)
  }
}

/** Kinds stream and view: one SELECT, with deduplication and unnesting where there is any. */
function plainSelect(job: DialectJob): string {
  const { model, select, project } = job.input
  const { from: source } = select
  if (source.is === 'table' && project.modelOf(source.name)?.kind === 'session')
    job.note(`${source.name} holds sessions that are over; those under way are not counted here.`)
  const read = fromOf(job)
  const made = linesMade(job, read.columns)
  const extra = made.map((one) => `, ${one.made} AS ${one.sql}`).join('')
  const from = extra === '' ? read.from : `(\n  SELECT *${extra}\n  FROM ${read.from}\n)`
  const printer = job.printer(read.columns, [...read.unnested, ...made])
  const time = project.time?.column
  const isRaw = select.from.is === 'table' && select.from.name === RAW
  const items = select.items.map((item) => {
    if (item.name === time && model.watermarkMs !== undefined) return quoted(item.name)
    if (isRaw && item.name === 'late_ms') return `${lateMs(job)} AS ${quoted(item.name)}`
    return printedItem(item, printer)
  })
  const hasTime = job.input.columns.some((one) => one.name === time)
  if (isRaw && time !== undefined && !hasTime) items.push(quoted(time))
  return clauses({
    items,
    from,
    where: [...read.where, ...whereOf(select, printer)],
    groupBy: select.groupBy.map((one) => printer.print(one)),
  })
}

/** Sums over order lines are long without lambdas: each is made once, below the SELECT. */
function linesMade(
  job: DialectJob,
  columns: readonly Column[],
): readonly (Substitute & { readonly made: string })[] {
  const printer = job.printer(columns)
  const found: (Substitute & { readonly made: string })[] = []
  const visit = (expr: Expr): void => {
    const isLines = expr.is === 'call' && expr.name.startsWith('lines_')
    if (isLines && !found.some((one) => isSameExpr(one.expr, expr)))
      found.push({ expr, sql: quoted(`_${expr.name}`), made: printer.print(expr) })
    for (const one of childExprs(expr)) visit(one)
  }
  for (const item of job.input.select.items) visit(item.expr)
  return found
}

function unreadable(from: FromClause): string {
  if (from.is === 'other') return from.what
  return from.is === 'join' ? 'JOIN' : 'nothing'
}

interface Read {
  readonly from: string
  readonly columns: readonly Column[]
  readonly where: readonly string[]
  readonly unnested: readonly Substitute[]
}

function fromOf(job: DialectJob): Read {
  const { select, model } = job.input
  const { from } = select
  if (from.is === 'table') {
    const columns = job.input.columnsOf(from.name)
    const table = tableName(from.name)
    if (select.qualify === undefined) return { from: table, columns, where: [], unnested: [] }
    const first = firstOnly(job, table, columns, select.qualify)
    return { from: first, columns, where: ['`_n` = 1'], unnested: [] }
  }
  if (from.is === 'select') return unnestedFrom(job, from.select)
  if (from.is === 'join' && typeof readSeedJoin(select) !== 'string')
    job.fault(
      from.at,
      'Flink joins a stream with a seed FOR SYSTEM_TIME alone, from a table that ccs does not fill there.',
      'Leave the join to the marts, where dbt has the same seed, or run the model on another engine.',
    )
  else
    job.fault(
      from.is === 'none' ? undefined : from.at,
      `${model.name} can't read ${unreadable(from)} as a stream.`,
      'Make it a model of its own and read that.',
    )
  return { from: '', columns: [], where: [], unnested: [] }
}

/**
 * Keeps the first row of each key, one key after the other, as PROCTIME orders them: the one form
 * that stays insert-only.
 */
function firstOnly(
  job: DialectJob,
  table: string,
  columns: readonly Column[],
  qualify: Expr,
): string {
  const printer = job.printer(columns)
  const keys = (readFirstOnly(job, qualify) ?? []).map((some) =>
    some.map((one) => printer.print(one)).join(', '),
  )
  return keys.reduce((from, key, index) => {
    const name = quoted(index === keys.length - 1 ? '_n' : `_n${index + 1}`)
    const number = `ROW_NUMBER() OVER (PARTITION BY ${key} ORDER BY PROCTIME()) AS ${name}`
    const where = index === 0 ? '' : `\n  WHERE ${quoted(`_n${index}`)} = 1`
    return `(\n  SELECT *, ${number}\n  FROM ${from}${where}\n)`
  }, table)
}

function unnestedFrom(job: DialectJob, inner: Select): Read {
  const unnesting = readUnnesting(job, inner)
  if (unnesting === undefined) return { from: '', columns: [], where: [], unnested: [] }
  const columns = job.input.columnsOf(unnesting.table)
  const list = columns.find((one) => one.name === unnesting.list)
  const fields = list?.type.is === 'LIST' && list.type.of.is === 'STRUCT' ? list.type.of.fields : []
  const alias = `_${unnesting.list}`
  const names = fields.map((one) => quoted(`${alias}_${one.name}`))
  const ordinal = quoted(unnesting.ordinal)
  const table = tableName(unnesting.table)
  return {
    from: `${table}\nCROSS JOIN UNNEST(${quoted(unnesting.list)}) WITH ORDINALITY AS ${quoted(alias)} (${[...names, ordinal].join(', ')})`,
    columns: [...columns, { name: unnesting.ordinal, type: { is: 'BIGINT' } }],
    where: whereOf(inner, job.printer(columns)),
    unnested: fields.map((one) => ({
      expr: elementField(unnesting.list, unnesting.ordinal, one.name),
      sql: quoted(`${alias}_${one.name}`),
    })),
  }
}

/** `items[line].sku` as the model writes it. */
function elementField(list: string, ordinal: string, name: string): Expr {
  const of: Expr = { is: 'column', path: [list], at: undefined }
  const index: Expr = { is: 'column', path: [ordinal], at: undefined }
  return { is: 'field', of: { is: 'index', of, index, at: undefined }, name, at: undefined }
}

/** How far behind the declared watermark an event came; the one that Flink keeps lags by the sessions' lateness. */
function lateMs(job: DialectJob): string {
  const { project } = job.input
  const time = quoted(project.time?.column ?? 'event_time')
  const watermark = `CURRENT_WATERMARK(${time})`
  const behind = `${epochMs(watermark)} + ${project.sessionLatenessMs} - ${epochMs(time)}`
  return `CASE WHEN ${watermark} IS NULL THEN CAST(0 AS BIGINT) ELSE GREATEST(${behind}, CAST(0 AS BIGINT)) END`
}
