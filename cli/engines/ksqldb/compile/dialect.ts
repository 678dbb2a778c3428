/**
 * Compiles a model to streams and tables of ksqlDB. It has no sub-queries, so a nested SELECT
 * becomes a stream of its own.
 */
import {
  type Dialect,
  type DialectInput,
  flattenName,
  type Statement,
} from '../../../domain/dialects/dialect.ts'
import {
  DialectJob,
  printWhere,
  readFirstOnly,
  readUnnesting,
} from '../../../domain/dialects/dialect-job.ts'
import type { Fault } from '../../../domain/dialects/dialect-syntax.ts'
import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import { readSeedJoin } from '../../../domain/models/seed-join.ts'
import type { Expr, Select, SelectItem } from '../../../domain/sql/tree.ts'
import type { Column } from '../../../domain/sql/types.ts'
import { KEY, PLAIN_NAMING, printStatement, type Relation } from '../plan/relation.ts'
import { compileArrival, RAW } from './arrival.ts'
import {
  declareStream,
  makeStream,
  makeTable,
  type Output,
  passColumns,
  printOutputs,
} from './ddl.ts'
import { compileSeedJoin } from './seed-join.ts'
import { syntax } from './syntax.ts'
import { compileSession, compileWindow } from './windows.ts'

/** The streams and tables of a model, in the order of their creation. */
export interface CompiledRelations {
  readonly relations: readonly Relation[]
  readonly notes: readonly string[]
  readonly faults: readonly Fault[]
}

/** Compiles a model for ksqlDB of Confluent Platform 7.6 and later. */
export function compileRelations(input: DialectInput): CompiledRelations {
  const job = new DialectJob(input, syntax)
  return { relations: compileByKind(job), notes: job.notes, faults: job.faults }
}

/** Prints a model for people, with the settings that its statements are sent with. */
export const compileKsqldb: Dialect = (input) => {
  const { relations, notes, faults } = compileRelations(input)
  return { statements: printStatements(relations), notes, faults }
}

function printStatements(relations: readonly Relation[]): readonly Statement[] {
  const properties = Object.assign({}, ...relations.map((one) => one.properties)) as Readonly<
    Record<string, string>
  > // merged from records of this type
  return [
    ...Object.entries(properties).map(([name, value]) => ({
      what: 'setting',
      sql: `SET '${name}' = '${value}'`,
    })),
    ...relations.map((one) => ({
      what: one.body ? one.kind : 'source',
      sql: printStatement(one, PLAIN_NAMING),
    })),
  ]
}

function compileByKind(job: DialectJob): readonly Relation[] {
  switch (job.input.model.kind) {
    case 'window':
      return compileWindow(job)
    case 'session':
      return compileSession(job)
    default:
      return compileStreams(job)
  }
}

/** Compiles the kinds stream and view: streams that read streams. */
function compileStreams(job: DialectJob): readonly Relation[] {
  const { select, model, project } = job.input
  const { from } = select
  if (from.is === 'select') return compileUnnesting(job, from.select)
  const join = from.is === 'join' ? readSeedJoin(select) : ''
  if (typeof join !== 'string') return compileSeedJoin(job, join)
  if (from.is !== 'table') {
    const at = from.is === 'none' ? undefined : from.at
    job.fault(
      at,
      `ksqlDB can't read the FROM of ${model.name}.`,
      'Make its FROM a model of its own, and read that.',
    )
    return []
  }
  if (from.name === RAW) return compileArrival(job)
  const columns = job.input.findColumns(from.name)
  const printer = job.printer(columns)
  const outputs = printOutputs(job, select.items, columns, printer)
  const where = printWhere(select, printer)
  const kind = project.findModel(from.name)?.kind
  if (kind === 'window' || kind === 'session')
    job.fault(
      from.at,
      `ksqlDB can't aggregate ${from.name}, whose rows are windows that still change.`,
      'Ask the model over ccs query, or leave this one to the marts.',
    )
  else if (select.groupBy.length > 0)
    job.fault(
      select.groupBy[0]?.at,
      "A model of kind stream or view can't use GROUP BY on ksqlDB.",
      'Write "kind: window" in its header.',
    )
  if (select.qualify !== undefined) return compileFirstOnly(job, columns, select.qualify)
  return [makeModelStream(job, { outputs, from: flattenName(from.name), where })]
}

/** The stream that has the model's own name. */
function makeModelStream(
  job: DialectJob,
  given: {
    readonly outputs: readonly Output[]
    readonly from: string
    readonly where: readonly string[]
  },
): Relation {
  return makeStream(job, { ...given, name: job.name, topic: job.input.model.name })
}

/** Where a row stands among the rows of its key: `_n`, `_n_2` for the second key. */
const COUNT: Column = { name: '_n', type: { is: 'BIGINT' } }

/**
 * Keeps the rows that are the first of each of their keys: for each key, a table counts its rows,
 * and a stream over the table's topic has every row with its number. HAVING COUNT(*) = 1 or a
 * record cache would lose keys with two rows in one batch; a compacted topic would lose them for
 * later readers. The last key is counted first: rows that share it are most often of one partition
 * of the source, so they stay in the order in which they arrived.
 */
function compileFirstOnly(
  job: DialectJob,
  columns: readonly Column[],
  qualify: Expr,
): readonly Relation[] {
  const { model, select, project } = job.input
  const keys = readFirstOnly(job, qualify)
  const { from } = select
  if (keys === undefined || from.is !== 'table') return []
  if (keys.some((one) => one.length !== 1)) {
    job.fault(
      qualify.at,
      'ksqlDB can deduplicate by one column at a time only.',
      'In the model that this one reads, combine the columns of a PARTITION BY into one.',
    )
    return []
  }
  const time = project.time?.column
  const added: readonly Column[] =
    time === undefined || columns.some((one) => one.name === time)
      ? []
      : [{ name: time, type: { is: 'TIMESTAMP' } }]
  const carried = [...columns, ...added]
  const relations: Relation[] = []
  const counts: Column[] = []
  let source = flattenName(from.name)
  for (const key of keys.flat().reverse()) {
    const suffix = counts.length === 0 ? '' : `_${counts.length + 1}`
    const count = { ...COUNT, name: `${COUNT.name}${suffix}` }
    const sql = job.printer(columns).print(key)
    const topic = `${model.name}.seen${suffix}`
    const seen = makeTable(job, {
      name: `${job.name}_seen${suffix}`,
      topic,
      memory: 'table',
      keeps: { of: 'records' },
      keys: [{ sql, name: KEY, type: { is: 'VARCHAR' } }],
      outputs: [
        ...passColumns([...carried, ...counts]).map((one) => ({
          ...one,
          sql: `LATEST_BY_OFFSET(${one.sql}, FALSE)`,
        })),
        { ...count, sql: 'COUNT(*)' },
      ],
      body: { from: source, where: [], groupBy: [sql] },
    })
    counts.push(count)
    source = `${job.name}_counted${suffix}`
    const columnsOfTopic = [...carried, ...counts]
    const over = seen.name
    relations.push(
      seen,
      declareStream(job, { name: source, topic, over, keyFormat: 'AVRO', columns: columnsOfTopic }),
    )
  }
  const printer = job.printer(carried)
  const items = select.items.map((one) =>
    one.name === time
      ? { ...one, expr: { is: 'column', path: [one.name], at: undefined } as const }
      : one,
  )
  job.note('Keys are remembered for ever: an unwindowed table has no horizon.')
  return [
    ...relations,
    makeModelStream(job, {
      outputs: printOutputs(job, items, carried, printer),
      from: source,
      where: [...counts.map((one) => `${quoteName(one.name)} = 1`), ...printWhere(select, printer)],
    }),
  ]
}

/** One row per element of a list: EXPLODE in a stream of its own. */
function compileUnnesting(job: DialectJob, inner: Select): readonly Relation[] {
  const { select, model } = job.input
  const unnesting = readUnnesting(job, inner)
  if (unnesting === undefined) return []
  const columns = job.input.findColumns(unnesting.table)
  const list = quoteName(unnesting.list)
  const lines = `${job.name}_lines`
  const ordinal: Column = { name: unnesting.ordinal, type: { is: 'INTEGER' } }
  const series = `EXPLODE(GENERATE_SERIES(1, ARRAY_LENGTH(${list})))`
  const printer = job.printer([...columns, ordinal])
  const items = select.items.map((one) =>
    one.expr.is === 'column' && one.name === unnesting.ordinal ? toBigint(one) : one,
  )
  return [
    makeStream(job, {
      name: lines,
      topic: `${model.name}.lines`,
      outputs: [...passColumns(columns), { ...ordinal, sql: series }],
      from: flattenName(unnesting.table),
      // GENERATE_SERIES(1, 0) would count down.
      where: [`ARRAY_LENGTH(${list}) > 0`, ...printWhere(inner, job.printer(columns))],
    }),
    makeModelStream(job, {
      outputs: printOutputs(job, items, [...columns, ordinal], printer),
      from: lines,
      where: printWhere(select, printer),
    }),
  ]
}

/** Casts the ordinal to BIGINT, as it is in DuckDB. */
function toBigint(item: SelectItem): SelectItem {
  const { at } = item.expr
  return { ...item, expr: { is: 'cast', to: { is: 'BIGINT' }, of: item.expr, isTry: false, at } }
}
