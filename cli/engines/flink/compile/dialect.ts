/**
 * Prints a model for Flink: a view with its SELECT, a Kafka table, and an INSERT from the view into
 * the table. Event time and watermark are defined on the source table and selected unchanged by
 * every view, since Flink loses them in an expression.
 */
import {
  type CompiledModel,
  type Dialect,
  type DialectInput,
  printClauses,
  type Statement,
} from '../../../domain/dialects/dialect.ts'
import { DialectJob, readFirstOnly, readUnnesting } from '../../../domain/dialects/dialect-job.ts'
import { quoteName, type Substitute } from '../../../domain/dialects/dialect-syntax.ts'
import { readSeedJoin } from '../../../domain/models/seed-join.ts'
import type { Expr, FromClause, Select } from '../../../domain/sql/tree.ts'
import type { Column } from '../../../domain/sql/types.ts'
import { printBronzeSelect, SO_FAR } from './arrival.ts'
import {
  isUpserted,
  printGroups,
  printItem,
  printMarkedWhere,
  printSinkTable,
  printSourceTable,
  printTableName,
  RAW,
} from './ddl.ts'
import { readPlaces } from './places.ts'
import { syntax } from './syntax.ts'
import { type PrintedView, printSessionViews, printWindowSelect } from './windows.ts'

/** Prints a model for Flink SQL 2.3. */
export const compileFlink: Dialect = compileModel

/** The same, for callers that need not wait. */
export function compileModel(input: DialectInput): CompiledModel {
  const job = new DialectJob(input, syntax)
  return { statements: printStatements(job).map(readPlaces), notes: job.notes, faults: job.faults }
}

function printStatements(job: DialectJob): readonly Statement[] {
  const { model, columns, select } = job.input
  const isRaw = select.from.is === 'table' && select.from.name === RAW
  const views = listViews(job).map(({ name, select }) => {
    const sql = `CREATE TEMPORARY VIEW ${quoteName(name)} AS\n${select}`
    return { what: 'view', sql }
  })
  const source = isRaw ? printSourceTable(job) : []
  // Others read a view of rows by its SELECT; one that aggregates is read as a topic by its key.
  if (model.kind === 'view' && !isUpserted(model)) return [...source, ...views]
  const names = columns.map((one) => quoteName(one.name)).join(', ')
  const topic = quoteName(`${job.name}_topic`)
  const insert = `INSERT INTO ${topic} (${names})\nSELECT ${names} FROM ${quoteName(job.name)}`
  return [
    ...source,
    ...views,
    { what: 'sink', sql: printSinkTable(job) },
    { what: 'insert', sql: insert },
  ]
}

function listViews(job: DialectJob): readonly PrintedView[] {
  const { model, select } = job.input
  if (model.kind === 'session') return printSessionViews(job)
  const isRaw = select.from.is === 'table' && select.from.name === RAW
  const own =
    model.kind === 'window'
      ? printWindowSelect(job)
      : isRaw
        ? printBronzeSelect(job)
        : printPlainSelect(job)
  return [{ name: job.name, select: own }]
}

/** Prints the kinds stream and view: one SELECT, with deduplication and unnesting if it has any. */
function printPlainSelect(job: DialectJob): string {
  const { model, select, project } = job.input
  const { from: source } = select
  if (source.is === 'table' && project.findModel(source.name)?.kind === 'session')
    job.note(`${source.name} holds sessions that are over; those under way are not counted here.`)
  const read = printFrom(job)
  const printer = job.printer(read.columns, read.unnested)
  const time = project.time?.column
  const items = select.items.map((item) => {
    if (item.name === time && model.watermarkMs !== undefined) return quoteName(item.name)
    return printItem(item, printer)
  })
  return printClauses({
    items,
    from: read.from,
    where: [...read.where, ...printMarkedWhere(select, printer)],
    groupBy: printGroups(select.groupBy, printer),
  })
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
    return printFirstOnly(job, table, columns, select.qualify)
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
 * Keeps the first row of the first key, ordered by PROCTIME: the one form that stays insert-only.
 * Of each further key the rows are counted first, all of them, as the SELECT numbers them all.
 */
function printFirstOnly(
  job: DialectJob,
  table: string,
  columns: readonly Column[],
  qualify: Expr,
): PrintedFrom {
  const printer = job.printer(columns)
  const [first = '', ...more] = (readFirstOnly(job, qualify) ?? []).map((some) =>
    printGroups(some, printer).join(', '),
  )
  if (more.length > 0)
    job.note(
      'Of copies that differ in a second key, a job with a parallelism above 1 may keep another.',
    )
  const counted = more.reduce((from, key, index) => {
    const name = quoteName(`_n${index + 2}`)
    const count = `COUNT(*) OVER (PARTITION BY ${key} ORDER BY \`_at\` ${SO_FAR}) AS ${name}`
    return `(\n  SELECT *, ${count}\n  FROM ${from}\n)`
  }, `(\n  SELECT *, PROCTIME() AS \`_at\`\n  FROM ${table}\n)`)
  const number = `ROW_NUMBER() OVER (PARTITION BY ${first} ORDER BY \`_at\`) AS \`_n1\``
  return {
    from: `(\n  SELECT *, ${number}\n  FROM ${counted}\n)`,
    columns,
    where: ['`_n1` = 1', ...more.map((_, index) => `\`_n${index + 2}\` = 1`)],
    unnested: [],
  }
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
    where: printMarkedWhere(inner, job.printer(columns)),
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
