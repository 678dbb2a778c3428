/**
 * What ksqlDB runs for a model: streams and tables. There are no sub-queries, so what SQL nests becomes a
 * stream of its own.
 */
import {
  type Dialect,
  type DialectInput,
  flatName,
  type Statement,
} from '../../../domain/dialects/dialect.ts'
import {
  DialectJob,
  readFirstOnly,
  readUnnesting,
  whereOf,
} from '../../../domain/dialects/dialect-job.ts'
import type { Fault } from '../../../domain/dialects/dialect-syntax.ts'
import { quoted } from '../../../domain/dialects/dialect-syntax.ts'
import { readSeedJoin } from '../../../domain/models/seed-join.ts'
import type { Expr, Select, SelectItem } from '../../../domain/sql/tree.ts'
import type { Column } from '../../../domain/sql/types.ts'
import { KEY, plainNaming, type Relation, statementOf } from '../plan/relation.ts'
import { joinedStream } from '../plan/seeds.ts'
import { arrival, RAW } from './arrival.ts'
import { declareStream, makeStream, makeTable, type Output, outputsOf, passed } from './ddl.ts'
import { syntax } from './syntax.ts'
import { sessionTable, windowTable } from './windows.ts'

/** What ksqlDB has for a model, in the order in which it is made; empty where there are faults. */
export interface CompiledRelations {
  readonly relations: readonly Relation[]
  readonly notes: readonly string[]
  readonly faults: readonly Fault[]
}

/** A model as streams and tables of ksqlDB (0.29, Confluent Platform 7.6 and later). */
export function compileRelations(input: DialectInput): CompiledRelations {
  const job = new DialectJob(input, syntax)
  return { relations: relationsOf(job), notes: job.notes, faults: job.faults }
}

/** Prints a model for people, with the settings that its statements are sent with. */
export const compileKsqldb: Dialect = (input) => {
  const { relations, notes, faults } = compileRelations(input)
  return { statements: statementsOf(relations), notes, faults }
}

function statementsOf(relations: readonly Relation[]): readonly Statement[] {
  const properties = Object.assign({}, ...relations.map((one) => one.properties)) as Readonly<
    Record<string, string>
  > // put together of such
  return [
    ...Object.entries(properties).map(([name, value]) => ({
      what: 'setting',
      sql: `SET '${name}' = '${value}'`,
    })),
    ...relations.map((one) => ({
      what: one.body ? one.kind : 'source',
      sql: statementOf(one, plainNaming),
    })),
  ]
}

function relationsOf(job: DialectJob): readonly Relation[] {
  switch (job.input.model.kind) {
    case 'window':
      return windowTable(job)
    case 'session':
      return sessionTable(job)
    default:
      return streams(job)
  }
}

/** Kinds stream and view: streams over streams. */
function streams(job: DialectJob): readonly Relation[] {
  const { select, model, project } = job.input
  const { from } = select
  if (from.is === 'select') return unnested(job, from.select)
  const join = from.is === 'join' ? readSeedJoin(select) : ''
  if (typeof join !== 'string') return joinedStream(job, join)
  if (from.is !== 'table') {
    const at = from.is === 'none' ? undefined : from.at
    job.fault(
      at,
      `ksqlDB can't read what ${model.name} has in FROM.`,
      'Make it a model of its own and read that.',
    )
    return []
  }
  if (from.name === RAW) return arrival(job)
  const columns = job.input.columnsOf(from.name)
  const printer = job.printer(columns)
  const outputs = outputsOf(job, select.items, columns, printer)
  const where = whereOf(select, printer)
  const kind = project.modelOf(from.name)?.kind
  if (kind === 'window' || kind === 'session')
    job.fault(
      from.at,
      `ksqlDB can't aggregate ${from.name}, whose rows are windows that still change.`,
      'Ask the model over ccs query, or leave this one to the marts.',
    )
  else if (select.groupBy.length > 0)
    job.fault(
      select.groupBy[0]?.at,
      'ksqlDB groups a stream only in windows here.',
      'Make the model kind: window.',
    )
  if (select.qualify !== undefined) return firstOnly(job, columns, select.qualify)
  return [main(job, { outputs, from: flatName(from.name), where })]
}

/** The stream of the model itself. */
function main(
  job: DialectJob,
  given: {
    readonly outputs: readonly Output[]
    readonly from: string
    readonly where: readonly string[]
  },
): Relation {
  return makeStream(job, { ...given, name: job.name, topic: job.input.model.name })
}

/**
 * The first row of each key: a table counts rows a key, a stream over its topic passes those counted 1.
 * HAVING COUNT(*) = 1 would lose keys whose rows come in one batch, and so would a record cache; a compacted topic
 * would lose them to whoever reads it later.
 */
function firstOnly(
  job: DialectJob,
  columns: readonly Column[],
  qualify: Expr,
): readonly Relation[] {
  const { model, select, project } = job.input
  const keys = readFirstOnly(job, qualify)
  const { from } = select
  if (keys === undefined || from.is !== 'table') return []
  // A table has one key. The last one says more: it is the id of every event but a purchase.
  const [key, ...more] = keys.at(-1) ?? []
  if (key === undefined || more.length > 0) {
    job.fault(
      qualify.at,
      'ksqlDB deduplicates by one column.',
      'Make one column of the keys in the model below.',
    )
    return []
  }
  if (keys.length > 1)
    job.note('ksqlDB deduplicates by the last key alone: an event_id of two orders is kept twice.')
  const time = project.time?.column
  const added: readonly Column[] =
    time === undefined || columns.some((one) => one.name === time)
      ? []
      : [{ name: time, type: { is: 'TIMESTAMP' } }]
  const carried = [...columns, ...added]
  const name = job.printer(columns).print(key)
  const topic = `${model.name}.seen`
  const seen = makeTable(job, {
    name: `${job.name}_seen`,
    topic,
    memory: 'table',
    keeps: { of: 'records' },
    keys: [{ sql: name, name: KEY, type: { is: 'VARCHAR' } }],
    outputs: [
      ...passed(carried).map((one) => ({
        ...one,
        sql: `EARLIEST_BY_OFFSET(${one.sql}, FALSE)`,
      })),
      { sql: 'COUNT(*)', name: '_n', type: { is: 'BIGINT' } },
    ],
    body: { from: flatName(from.name), where: [], groupBy: [name] },
  })
  const printer = job.printer(carried)
  const items = select.items.map((one) =>
    one.name === time
      ? { ...one, expr: { is: 'column', path: [one.name], at: undefined } as const }
      : one,
  )
  const counted = `${job.name}_counted`
  job.note('Keys are remembered for ever: an unwindowed table has no horizon.')
  return [
    seen,
    declareStream(job, {
      name: counted,
      topic,
      over: seen.name,
      keyFormat: 'AVRO',
      columns: [...carried, { name: '_n', type: { is: 'BIGINT' } }],
    }),
    main(job, {
      outputs: outputsOf(job, items, carried, printer),
      from: counted,
      where: ['`_n` = 1', ...whereOf(select, printer)],
    }),
  ]
}

/** A row for each element of a list: EXPLODE in a stream of its own. */
function unnested(job: DialectJob, inner: Select): readonly Relation[] {
  const { select, model } = job.input
  const unnesting = readUnnesting(job, inner)
  if (unnesting === undefined) return []
  const columns = job.input.columnsOf(unnesting.table)
  const list = quoted(unnesting.list)
  const lines = `${job.name}_lines`
  const ordinal: Column = { name: unnesting.ordinal, type: { is: 'INTEGER' } }
  const series = `EXPLODE(GENERATE_SERIES(1, ARRAY_LENGTH(${list})))`
  const printer = job.printer([...columns, ordinal])
  const items = select.items.map((one) =>
    one.expr.is === 'column' && one.name === unnesting.ordinal ? widened(one) : one,
  )
  return [
    makeStream(job, {
      name: lines,
      topic: `${model.name}.lines`,
      outputs: [...passed(columns), { ...ordinal, sql: series }],
      from: flatName(unnesting.table),
      // GENERATE_SERIES(1, 0) would count down.
      where: [`ARRAY_LENGTH(${list}) > 0`, ...whereOf(inner, job.printer(columns))],
    }),
    main(job, {
      outputs: outputsOf(job, items, [...columns, ordinal], printer),
      from: lines,
      where: whereOf(select, printer),
    }),
  ]
}

/** Ordinals are BIGINT in DuckDB. */
function widened(item: SelectItem): SelectItem {
  const { at } = item.expr
  return { ...item, expr: { is: 'cast', to: { is: 'BIGINT' }, of: item.expr, isTry: false, at } }
}
