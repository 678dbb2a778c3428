/**
 * Windows and sessions in ksqlDB: tables that are corrected with every event. What is too late by the model's own
 * lateness is left out by `late_ms`, which was fixed on arrival; ksqlDB's own grace is so long that it never judges,
 * since its clock runs ahead when it catches up. Keys in Kafka are binary for windows, so the window's start stands
 * in the value too.
 */
import { flatName } from '../../../domain/dialects/dialect.ts'
import {
  type DialectJob,
  readBucket,
  SESSION_START,
  sessionColumns,
  whereOf,
} from '../../../domain/dialects/dialect-job.ts'
import { quoted } from '../../../domain/dialects/dialect-syntax.ts'
import type { Printer } from '../../../domain/dialects/sql-print.ts'
import { type Expr, isSameExpr } from '../../../domain/sql/tree.ts'
import type { Column, LogicalType } from '../../../domain/sql/types.ts'
import type { Relation } from '../plan/relation.ts'
import {
  DAY_MS,
  declareStream,
  inferred,
  keyOutput,
  makeTable,
  type Output,
  outputsOf,
  withCopiedKeys,
} from './ddl.ts'
import { durationText } from './syntax.ts'

/** A model of kind window: WINDOW TUMBLING, or an unwindowed table by the shop's day. */
export function windowTable(job: DialectJob): readonly Relation[] {
  const { model, select } = job.input
  const { from } = select
  const { window } = model
  if (from.is !== 'table' || window === undefined) {
    job.fault(undefined, 'A model of kind window reads one model.', 'Name one model in FROM.')
    return []
  }
  const columns = job.input.columnsOf(from.name)
  const bucket = readBucket(job)
  const plain = job.printer(columns)
  const groups = select.groupBy
    .filter((one) => one !== bucket)
    .map((expr, index) => groupOf(job, { expr, index, columns, printer: plain }))
  const start = bucket === undefined ? [] : [{ expr: bucket, sql: 'FROM_UNIXTIME(WINDOWSTART)' }]
  const printer = job.printer(columns, [...start, ...groups])
  const keys = groups.length > 0 ? groups.map((one) => one.key) : [WHOLE]
  const time = quoted(model.time ?? 'event_time')
  const restMs =
    window.unit === 'ms'
      ? `${window.sizeMs} - UNIX_TIMESTAMP(${time}) % ${window.sizeMs}`
      : `${shopDayEndMs(job, time)} - UNIX_TIMESTAMP(${time})`
  const where = [
    ...whereOf(select, plain),
    ...notLate(job, columns, `${model.latenessMs ?? 0} + ${restMs}`),
  ]
  const outputs = outputsOf(job, select.items, columns, printer)
  const groupBy = keys.map((one) => one.sql)
  if (window.unit !== 'ms') {
    const body = { from: flatName(from.name), where, groupBy }
    return [
      makeTable(job, { name: job.name, topic: model.name, memory: 'table', keys, outputs, body }),
    ]
  }
  const timed = timedStream(job, from.name, columns)
  const table = makeTable(job, {
    name: job.name,
    topic: model.name,
    memory: 'window',
    keeps: { of: 'windows', retentionMs: retentionMs(window.sizeMs, model.latenessMs) },
    keys,
    outputs,
    body: {
      from: timed.name,
      window: windowClause(
        `TUMBLING (SIZE ${durationText(window.sizeMs)}`,
        window.sizeMs,
        model.latenessMs,
      ),
      where,
      groupBy,
    },
  })
  return [timed, table]
}

/** A model of kind session. */
export function sessionTable(job: DialectJob): readonly Relation[] {
  const { model, select } = job.input
  const { from } = select
  if (from.is !== 'sessions' || model.session === undefined) {
    job.fault(
      undefined,
      'A model of kind session reads session_rows(…).',
      "Write FROM session_rows('model', pause, cap).",
    )
    return []
  }
  const { pauseMs, capMs } = model.session
  const columns = sessionColumns(job, from.name)
  const printer = job.printer(columns, [{ expr: SESSION_START, sql: 'FROM_UNIXTIME(WINDOWSTART)' }])
  const groups = select.groupBy.filter((one) => !isSameExpr(one, SESSION_START))
  const keys = groups.map((one) => {
    const sql = printer.print(one)
    return keyOutput(sql, sql.replaceAll('`', ''), inferred(one, columns))
  })
  const names = keys.map((one) => one.sql)
  job.note(`Runs longer than ${durationText(capMs)} are not cut: session windows have no cap.`)
  const timed = timedStream(job, from.name, job.input.columnsOf(from.name))
  const table = makeTable(job, {
    name: job.name,
    topic: model.name,
    memory: 'session',
    keeps: { of: 'windows', retentionMs: retentionMs(pauseMs, model.latenessMs) },
    keys,
    outputs: withCopiedKeys(outputsOf(job, select.items, columns, printer), names),
    body: {
      from: timed.name,
      window: windowClause(`SESSION (${durationText(pauseMs)}`, pauseMs, model.latenessMs),
      where: [
        ...whereOf(select, printer),
        ...notLate(job, columns, String(pauseMs + (model.latenessMs ?? 0))),
      ],
      groupBy: names,
    },
  })
  return [timed, table]
}

/** Windows go by event time: the same topic once more, with the column that says when. */
function timedStream(job: DialectJob, from: string, columns: readonly Column[]): Relation {
  return declareStream(job, {
    name: `${job.name}_timed`,
    topic: from,
    over: flatName(from),
    keyFormat: 'AVRO',
    columns,
    time: job.input.model.time ?? 'event_time',
  })
}

/** Rows that came before their window, or their visit, and the model's lateness had passed. */
function notLate(job: DialectJob, columns: readonly Column[], limitMs: string): readonly string[] {
  const isKnown = columns.some((one) => one.name === 'late_ms')
  return isKnown && job.input.project.time !== undefined ? [`\`late_ms\` < ${limitMs}`] : []
}

/** When the shop's day of a time ends, in ms since 1970; days have 23 to 25 hours. */
function shopDayEndMs(job: DialectJob, time: string): string {
  const { timezone } = job.input.project
  const day = `PARSE_DATE(FORMAT_TIMESTAMP(${time}, 'yyyy-MM-dd', '${timezone}'), 'yyyy-MM-dd')`
  const next = `FORMAT_DATE(DATEADD(DAYS, 1, ${day}), 'yyyy-MM-dd')`
  return `UNIX_TIMESTAMP(PARSE_TIMESTAMP(${next}, 'yyyy-MM-dd', '${timezone}'))`
}

/** How far the server's own clock may have run ahead of an event that the model still counts. */
const GRACE_MS = 7 * DAY_MS

/** Retention is always written: with the default, closed windows vanish before they are read. */
function windowClause(head: string, sizeMs: number, latenessMs = 0): string {
  const keep = durationText(retentionMs(sizeMs, latenessMs))
  return `${head}, RETENTION ${keep}, GRACE PERIOD ${durationText(graceMs(latenessMs))})`
}

function retentionMs(sizeMs: number, latenessMs = 0): number {
  return Math.ceil((sizeMs + graceMs(latenessMs)) / DAY_MS) * DAY_MS
}

function graceMs(latenessMs: number): number {
  return Math.max(GRACE_MS, latenessMs)
}

/** A group of a window: its key, and what stands for the expression among the values. */
interface Group {
  readonly expr: Expr
  readonly key: Output
  readonly sql: string
}

/** Stands for NULL in a key: ksqlDB leaves out rows whose key is NULL. The value has the NULL again. */
const NO_VALUE = "'␀'"

function groupOf(
  job: DialectJob,
  group: {
    readonly expr: Expr
    readonly index: number
    readonly columns: readonly Column[]
    readonly printer: Printer
  },
): Group {
  const { expr, index, columns, printer } = group
  const item = job.input.select.items.find((one) => isSameExpr(one.expr, expr))
  const type = typeIn(job, expr, columns)
  const printed = printer.print(expr)
  const text = type.is === 'VARCHAR' ? printed : `CAST(${printed} AS STRING)`
  const name = item?.name ?? `group_${index}`
  const key = isNeverNull(expr)
    ? keyOutput(printed, name, type)
    : keyOutput(`COALESCE(${text}, ${NO_VALUE})`, name, { is: 'VARCHAR' })
  return { expr, key, sql: `LATEST_BY_OFFSET(${printed}, FALSE)` }
}

/** Days of the event time, which every event has, and what falls back to a literal. */
function isNeverNull(expr: Expr): boolean {
  if (expr.is !== 'call') return false
  return (
    expr.name === 'shop_day' || (expr.name === 'coalesce' && expr.args.at(-1)?.is === 'literal')
  )
}

/** Key of a table that has one row a window. */
const WHOLE: Output = keyOutput("'all'", 'all', { is: 'VARCHAR' })

/** The model's own column where it shows the expression, else what can be told of it. */
function typeIn(job: DialectJob, expr: Expr, columns: readonly Column[]): LogicalType {
  const item = job.input.select.items.find((one) => isSameExpr(one.expr, expr))
  const own = job.input.columns.find((one) => one.name === item?.name)
  return own?.type ?? inferred(expr, columns)
}
