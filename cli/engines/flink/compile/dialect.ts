/**
 * Prints a model for Flink: a view with its SELECT, a Kafka table, and an INSERT from the view into
 * the table. Event time and watermark are defined on the source table and selected unchanged by
 * every view, since Flink loses them in an expression.
 */
import { type Dialect, printClauses, type Statement } from '../../../domain/dialects/dialect.ts'
import {
  DialectJob,
  printWhere,
  readFirstOnly,
  readUnnesting,
} from '../../../domain/dialects/dialect-job.ts'
import { quoteName, type Substitute } from '../../../domain/dialects/dialect-syntax.ts'
import { readSeedJoin } from '../../../domain/models/seed-join.ts'
import {
  type Expr,
  type FromClause,
  isSameExpr,
  listChildExprs,
  type Select,
} from '../../../domain/sql/tree.ts'
import type { Column } from '../../../domain/sql/types.ts'
import { printItem, printSinkTable, printSourceTable, printTableName, RAW } from './ddl.ts'
import { printEpochMs, syntax } from './syntax.ts'
import { printSessionSelect, printWindowSelect } from './windows.ts'

/** Prints a model for Flink SQL 2.3. */
export const compileFlink: Dialect = (input) => {
  const job = new DialectJob(input, syntax)
  return { statements: printStatements(job), notes: job.notes, faults: job.faults }
}

function printStatements(job: DialectJob): readonly Statement[] {
  const { model, columns, select } = job.input
  const isRaw = select.from.is === 'table' && select.from.name === RAW
  const view: Statement = {
    what: 'view',
    sql: `CREATE TEMPORARY VIEW ${quoteName(job.name)} AS\n${printSelect(job)}`,
  }
  const source = isRaw ? printSourceTable(job) : []
  if (model.kind === 'view') return [...source, view]
  const names = columns.map((one) => quoteName(one.name)).join(', ')
  const topic = quoteName(`${job.name}_topic`)
  const insert = `INSERT INTO ${topic} (${names})\nSELECT ${names} FROM ${quoteName(job.name)}`
  return [
    ...source,
    view,
    { what: 'sink', sql: printSinkTable(job) },
    { what: 'insert', sql: insert },
  ]
}

function printSelect(job: DialectJob): string {
  switch (job.input.model.kind) {
    case 'window':
      return printWindowSelect(job)
    case 'session':
      return printSessionSelect(job)
    default:
      return printPlainSelect(job)
  }
}

/** Prints the kinds stream and view: one SELECT, with deduplication and unnesting if it has any. */
function printPlainSelect(job: DialectJob): string {
  const { model, select, project } = job.input
  const { from: source } = select
  if (source.is === 'table' && project.findModel(source.name)?.kind === 'session')
    job.note(`${source.name} holds sessions that are over; those under way are not counted here.`)
  const read = printFrom(job)
  const made = listLineSums(job, read.columns)
  const extra = made.map((one) => `, ${one.made} AS ${one.sql}`).join('')
  const from = extra === '' ? read.from : `(\n  SELECT *${extra}\n  FROM ${read.from}\n)`
  const printer = job.printer(read.columns, [...read.unnested, ...made])
  const time = project.time?.column
  const isRaw = select.from.is === 'table' && select.from.name === RAW
  const items = select.items.map((item) => {
    if (item.name === time && model.watermarkMs !== undefined) return quoteName(item.name)
    if (isRaw && item.name === 'late_ms') return `${printLateMs(job)} AS ${quoteName(item.name)}`
    return printItem(item, printer)
  })
  const hasTime = job.input.columns.some((one) => one.name === time)
  if (isRaw && time !== undefined && !hasTime) items.push(quoteName(time))
  return printClauses({
    items,
    from,
    where: [...read.where, ...printWhere(select, printer)],
    groupBy: select.groupBy.map((one) => printer.print(one)),
  })
}

/** Sums over order lines are long without lambdas: each is computed once, in a nested SELECT. */
function listLineSums(
  job: DialectJob,
  columns: readonly Column[],
): readonly (Substitute & { readonly made: string })[] {
  const printer = job.printer(columns)
  const found: (Substitute & { readonly made: string })[] = []
  const visit = (expr: Expr): void => {
    const isLines = expr.is === 'call' && expr.name.startsWith('lines_')
    if (isLines && !found.some((one) => isSameExpr(one.expr, expr)))
      found.push({ expr, sql: quoteName(`_${expr.name}`), made: printer.print(expr) })
    for (const one of listChildExprs(expr)) visit(one)
  }
  for (const item of job.input.select.items) visit(item.expr)
  return found
}

function describeFrom(from: FromClause): string {
  if (from.is === 'other') return from.what
  return from.is === 'join' ? 'JOIN' : 'nothing'
}

interface PrintedFrom {
  readonly from: string
  readonly columns: readonly Column[]
  readonly where: readonly string[]
  readonly unnested: readonly Substitute[]
}

function printFrom(job: DialectJob): PrintedFrom {
  const { select, model } = job.input
  const { from } = select
  if (from.is === 'table') {
    const columns = job.input.findColumns(from.name)
    const table = printTableName(from.name)
    if (select.qualify === undefined) return { from: table, columns, where: [], unnested: [] }
    const first = printFirstOnly(job, table, columns, select.qualify)
    return { from: first, columns, where: ['`_n` = 1'], unnested: [] }
  }
  if (from.is === 'select') return printUnnesting(job, from.select)
  if (from.is === 'join' && typeof readSeedJoin(select) !== 'string')
    job.fault(
      from.at,
      'Flink joins a stream with a seed FOR SYSTEM_TIME alone, ' +
        'from a table that ccs does not fill there.',
      'Leave the join to the marts, where dbt has the same seed, ' +
        'or run the model on another engine.',
    )
  else
    job.fault(
      from.is === 'none' ? undefined : from.at,
      `${model.name} can't read ${describeFrom(from)} as a stream.`,
      'Make its FROM a model of its own, and read that.',
    )
  return { from: '', columns: [], where: [], unnested: [] }
}

/**
 * Keeps the first row of each key, one key after the other, as PROCTIME orders them: the one form
 * that stays insert-only.
 */
function printFirstOnly(
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
    const name = quoteName(index === keys.length - 1 ? '_n' : `_n${index + 1}`)
    const number = `ROW_NUMBER() OVER (PARTITION BY ${key} ORDER BY PROCTIME()) AS ${name}`
    const where = index === 0 ? '' : `\n  WHERE ${quoteName(`_n${index}`)} = 1`
    return `(\n  SELECT *, ${number}\n  FROM ${from}${where}\n)`
  }, table)
}

function printUnnesting(job: DialectJob, inner: Select): PrintedFrom {
  const unnesting = readUnnesting(job, inner)
  if (unnesting === undefined) return { from: '', columns: [], where: [], unnested: [] }
  const columns = job.input.findColumns(unnesting.table)
  const list = columns.find((one) => one.name === unnesting.list)
  const fields = list?.type.is === 'LIST' && list.type.of.is === 'STRUCT' ? list.type.of.fields : []
  const alias = `_${unnesting.list}`
  const names = fields.map((one) => quoteName(`${alias}_${one.name}`))
  const ordinal = quoteName(unnesting.ordinal)
  const table = printTableName(unnesting.table)
  return {
    from:
      `${table}\nCROSS JOIN UNNEST(${quoteName(unnesting.list)}) ` +
      `WITH ORDINALITY AS ${quoteName(alias)} (${[...names, ordinal].join(', ')})`,
    columns: [...columns, { name: unnesting.ordinal, type: { is: 'BIGINT' } }],
    where: printWhere(inner, job.printer(columns)),
    unnested: fields.map((one) => ({
      expr: elementField(unnesting.list, unnesting.ordinal, one.name),
      sql: quoteName(`${alias}_${one.name}`),
    })),
  }
}

/** `items[line].sku` as the model writes it. */
function elementField(list: string, ordinal: string, name: string): Expr {
  const of: Expr = { is: 'column', path: [list], at: undefined }
  const index: Expr = { is: 'column', path: [ordinal], at: undefined }
  return { is: 'field', of: { is: 'index', of, index, at: undefined }, name, at: undefined }
}

/** Lateness behind the declared watermark; Flink's own is later by the sessions' lateness. */
function printLateMs(job: DialectJob): string {
  const { project } = job.input
  const time = quoteName(project.time?.column ?? 'event_time')
  const watermark = `CURRENT_WATERMARK(${time})`
  const behind = `${printEpochMs(watermark)} + ${project.sessionLatenessMs} - ${printEpochMs(time)}`
  const zero = 'CAST(0 AS BIGINT)'
  return `CASE WHEN ${watermark} IS NULL THEN ${zero} ELSE GREATEST(${behind}, ${zero}) END`
}
