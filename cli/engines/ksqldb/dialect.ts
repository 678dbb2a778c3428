/**
 * What ksqlDB runs for a model: streams and tables. There are no sub-queries, so what SQL nests becomes a
 * stream of its own.
 */
import { clauses, type Dialect, flatName, type Statement } from '../../core/dialect.ts'
import { DialectJob, readFirstOnly, readUnnesting, whereOf } from '../../core/dialect-job.ts'
import { quoted } from '../../core/sql-speech.ts'
import type { Expr, Item, Select } from '../../core/sql-tree.ts'
import type { Column } from '../../core/sql-types.ts'
import { createStream, createTable, declareStream, KEY, streamBody } from './ddl.ts'
import { speech } from './speech.ts'
import { sessionTable, windowTable } from './windows.ts'

const RAW = 'raw.events'
/** What Kafka says of a record, by the names that raw.events gives it; ksqlDB has no watermark to be late by. */
const PSEUDO: Readonly<Record<string, string>> = {
  topic: "'events.valid'",
  partition: 'ROWPARTITION',
  offset: 'ROWOFFSET',
  ingest_time: 'FROM_UNIXTIME(ROWTIME)',
  late_ms: 'CAST(NULL AS BIGINT)',
}

/** Prints a model for ksqlDB (0.29, Confluent Platform 7.6 and later). */
export const compileKsqldb: Dialect = (input) => {
  const job = new DialectJob(input, speech)
  return { statements: statementsOf(job), notes: job.notes, faults: job.faults }
}

function statementsOf(job: DialectJob): readonly Statement[] {
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
function streams(job: DialectJob): readonly Statement[] {
  const { select, model, project } = job.input
  const { from } = select
  if (from.is === 'select') return unnested(job, from.select)
  if (from.is !== 'table') {
    const at = from.is === 'none' ? undefined : from.at
    job.fault(
      at,
      `ksqlDB can't read what ${model.name} has in FROM.`,
      'Make it a model of its own and read that.',
    )
    return []
  }
  if (from.name === RAW) return source(job)
  const columns = job.input.columnsOf(from.name)
  const printer = job.printer(columns)
  const body = streamBody(select.items, printer, {
    from: flatName(from.name),
    where: whereOf(select, printer),
  })
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
  return [createStream(job, job.name, body)]
}

/** events.valid keeps Kafka's own time, which is when the record came in; Bronze goes on with event time. */
function source(job: DialectJob): readonly Statement[] {
  const { select, project } = job.input
  const columns = job.input.columnsOf(RAW)
  const kept = columns.filter((one) => PSEUDO[one.name] === undefined)
  const stands = Object.entries(PSEUDO).map(([name, sql]) => ({
    expr: { is: 'column', path: [name], at: undefined } as const,
    sql,
  }))
  const printer = job.printer(columns, stands)
  const { time } = project
  const hasTime = select.items.some((one) => one.name === time?.column)
  const own: readonly Item[] =
    time === undefined || hasTime ? [] : [{ name: time.column, expr: time.expr }]
  const body = streamBody([...select.items, ...own], printer, {
    from: 'events_valid',
    where: whereOf(select, printer),
  })
  job.note('late_ms is NULL: ksqlDB keeps no watermark that a query could read.')
  return [
    { what: 'setting', sql: "SET 'auto.offset.reset' = 'earliest'" },
    declareStream(job, {
      name: 'events_valid',
      topic: 'events.valid',
      keyFormat: 'KAFKA',
      columns: kept,
      time: undefined,
    }),
    createStream(job, job.name, body),
  ]
}

/**
 * The first row of each key: a table counts rows a key, a stream over its topic passes those counted 1.
 * HAVING COUNT(*) = 1 would lose keys whose rows come in one batch, and so would a record cache.
 */
function firstOnly(
  job: DialectJob,
  columns: readonly Column[],
  qualify: Expr,
): readonly Statement[] {
  const { model, select, project } = job.input
  const keys = readFirstOnly(job, qualify)
  const { from } = select
  if (keys === undefined || from.is !== 'table') return []
  const [key] = keys
  if (key?.is !== 'column' || keys.length > 1)
    job.fault(
      qualify.at,
      'ksqlDB deduplicates by one column.',
      'Make one column of the keys in the model below.',
    )
  const time = project.time?.column
  const added: readonly Column[] =
    time === undefined || columns.some((one) => one.name === time)
      ? []
      : [{ name: time, type: { is: 'TIMESTAMP' } }]
  const carried = [...columns, ...added]
  const name = quoted(model.dedupe?.key ?? '')
  const topic = `${model.name}.seen`
  const count = clauses({
    items: [
      `${name} AS ${quoted(KEY)}`,
      ...carried.map(
        (one) => `EARLIEST_BY_OFFSET(${quoted(one.name)}, FALSE) AS ${quoted(one.name)}`,
      ),
      'COUNT(*) AS `_n`',
    ],
    from: quoted(flatName(from.name)),
    where: [],
    groupBy: [name],
    end: 'EMIT CHANGES',
  })
  const printer = job.printer(carried)
  const items = select.items.map((one) =>
    one.name === time
      ? { ...one, expr: { is: 'column', path: [one.name], at: undefined } as const }
      : one,
  )
  const counted = `${job.name}_counted`
  const where = ['`_n` = 1', ...whereOf(select, printer)]
  job.note('Keys are remembered for ever: an unwindowed table has no horizon.')
  return [
    { what: 'setting', sql: "SET 'cache.max.bytes.buffering' = '0'" },
    createTable(`${job.name}_seen`, count, topic),
    declareStream(job, {
      name: counted,
      topic,
      keyFormat: 'AVRO',
      columns: [...carried, { name: '_n', type: { is: 'BIGINT' } }],
      time,
    }),
    createStream(job, job.name, streamBody(items, printer, { from: counted, where })),
  ]
}

/** A row for each element of a list: EXPLODE in a stream of its own. */
function unnested(job: DialectJob, inner: Select): readonly Statement[] {
  const { select, model } = job.input
  const unnesting = readUnnesting(job, inner)
  if (unnesting === undefined) return []
  const columns = job.input.columnsOf(unnesting.table)
  const list = quoted(unnesting.list)
  const lines = `${job.name}_lines`
  const exploded = clauses({
    items: [
      '*',
      `EXPLODE(GENERATE_SERIES(1, ARRAY_LENGTH(${list}))) AS ${quoted(unnesting.ordinal)}`,
    ],
    from: quoted(flatName(unnesting.table)),
    // GENERATE_SERIES(1, 0) would count down.
    where: [`ARRAY_LENGTH(${list}) > 0`, ...whereOf(inner, job.printer(columns))],
    end: 'EMIT CHANGES',
  })
  const printer = job.printer([...columns, { name: unnesting.ordinal, type: { is: 'INTEGER' } }])
  const items = select.items.map((one) =>
    one.expr.is === 'column' && one.name === unnesting.ordinal ? widened(one) : one,
  )
  const body = streamBody(items, printer, { from: lines, where: whereOf(select, printer) })
  return [
    createStream(job, lines, exploded, `${model.name}.lines`),
    createStream(job, job.name, body),
  ]
}

/** Ordinals are BIGINT in DuckDB. */
function widened(item: Item): Item {
  const { at } = item.expr
  return { ...item, expr: { is: 'cast', to: { is: 'BIGINT' }, of: item.expr, isTry: false, at } }
}
