/**
 * Windows and sessions in ksqlDB: tables whose rows change with every event. Events that are too
 * late by the model's lateness are filtered by `late_ms`, which was computed on arrival. ksqlDB's
 * grace period is longer and never takes effect, since its stream time runs ahead while it reads
 * old records. Keys of windows are binary in Kafka, so the window's start is among the values too.
 */
import { flattenName } from '../../../domain/dialects/dialect.ts'
import {
  type DialectJob,
  listSessionColumns,
  printWhere,
  readBucket,
  SESSION_START,
} from '../../../domain/dialects/dialect-job.ts'
import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import type { Printer } from '../../../domain/dialects/sql-print.ts'
import { type Expr, isSameExpr } from '../../../domain/sql/tree.ts'
import type { Column, LogicalType } from '../../../domain/sql/types.ts'
import type { Relation } from '../plan/relation.ts'
import {
  copyKeys,
  DAY_MS,
  declareStream,
  inferOrText,
  makeKey,
  makeTable,
  type Output,
  printOutputs,
} from './ddl.ts'
import { printDuration } from './syntax.ts'

/** Compiles a model of kind window: WINDOW TUMBLING, or an unwindowed table by the shop's day. */
export function compileWindow(job: DialectJob): readonly Relation[] {
  const { model, select } = job.input
  const { from } = select
  const { window } = model
  if (from.is !== 'table' || window === undefined) {
    job.fault(undefined, 'A model of kind window must read one model.', 'Name one model in FROM.')
    return []
  }
  const columns = job.input.findColumns(from.name)
  const bucket = readBucket(job)
  const plain = job.printer(columns)
  const groups = select.groupBy
    .filter((one) => one !== bucket)
    .map((expr, index) => makeGroup(job, { expr, index, columns, printer: plain }))
  const start = bucket === undefined ? [] : [{ expr: bucket, sql: 'FROM_UNIXTIME(WINDOWSTART)' }]
  const printer = job.printer(columns, [...start, ...groups])
  const keys = groups.length > 0 ? groups.map((one) => one.key) : [WHOLE]
  const time = quoteName(model.time ?? 'event_time')
  const restMs =
    window.unit === 'ms'
      ? `${window.sizeMs} - UNIX_TIMESTAMP(${time}) % ${window.sizeMs}`
      : `${printShopDayEndMs(job, time)} - UNIX_TIMESTAMP(${time})`
  const where = [
    ...printWhere(select, plain),
    ...printLatenessFilter(job, columns, `${model.latenessMs ?? 0} + ${restMs}`),
  ]
  const outputs = printOutputs(job, select.items, columns, printer)
  const groupBy = keys.map((one) => one.sql)
  if (window.unit !== 'ms') {
    const body = { from: flattenName(from.name), where, groupBy }
    return [
      makeTable(job, { name: job.name, topic: model.name, memory: 'table', keys, outputs, body }),
    ]
  }
  const timed = declareTimedStream(job, from.name, columns)
  const table = makeTable(job, {
    name: job.name,
    topic: model.name,
    memory: 'window',
    keeps: { of: 'windows', retentionMs: chooseRetentionMs(window.sizeMs, model.latenessMs) },
    keys,
    outputs,
    body: {
      from: timed.name,
      window: printWindow(
        `TUMBLING (SIZE ${printDuration(window.sizeMs)}`,
        window.sizeMs,
        model.latenessMs,
      ),
      where,
      groupBy,
    },
  })
  return [timed, table]
}

/** Compiles a model of kind session. */
export function compileSession(job: DialectJob): readonly Relation[] {
  const { model, select } = job.input
  const { from } = select
  if (from.is !== 'sessions' || model.session === undefined) {
    job.fault(
      undefined,
      'A model of kind session must read session_rows(…).',
      "Write FROM session_rows('model', pause, cap).",
    )
    return []
  }
  const { pauseMs, capMs } = model.session
  const columns = listSessionColumns(job, from.name)
  const printer = job.printer(columns, [{ expr: SESSION_START, sql: 'FROM_UNIXTIME(WINDOWSTART)' }])
  const groups = select.groupBy.filter((one) => !isSameExpr(one, SESSION_START))
  const keys = groups.map((one) => {
    const sql = printer.print(one)
    return makeKey(sql, sql.replaceAll('`', ''), inferOrText(one, columns))
  })
  const names = keys.map((one) => one.sql)
  job.note(`Runs longer than ${printDuration(capMs)} are not cut: session windows have no cap.`)
  const timed = declareTimedStream(job, from.name, job.input.findColumns(from.name))
  const table = makeTable(job, {
    name: job.name,
    topic: model.name,
    memory: 'session',
    keeps: { of: 'windows', retentionMs: chooseRetentionMs(pauseMs, model.latenessMs) },
    keys,
    outputs: copyKeys(printOutputs(job, select.items, columns, printer), names),
    body: {
      from: timed.name,
      window: printWindow(`SESSION (${printDuration(pauseMs)}`, pauseMs, model.latenessMs),
      where: [
        ...printWhere(select, printer),
        ...printLatenessFilter(job, columns, String(pauseMs + (model.latenessMs ?? 0))),
      ],
      groupBy: names,
    },
  })
  return [timed, table]
}

/** Declares the same topic again with event time as its timestamp, which windows go by. */
function declareTimedStream(job: DialectJob, from: string, columns: readonly Column[]): Relation {
  return declareStream(job, {
    name: `${job.name}_timed`,
    topic: from,
    over: flattenName(from),
    keyFormat: 'AVRO',
    columns,
    time: job.input.model.time ?? 'event_time',
  })
}

/** The condition for rows that arrived before window or visit and the lateness had passed. */
function printLatenessFilter(
  job: DialectJob,
  columns: readonly Column[],
  limitMs: string,
): readonly string[] {
  const isKnown = columns.some((one) => one.name === 'late_ms')
  return isKnown && job.input.project.time !== undefined ? [`\`late_ms\` < ${limitMs}`] : []
}

/** End of the shop's day that a time is in, ms since 1970; days have 23 to 25 hours. */
function printShopDayEndMs(job: DialectJob, time: string): string {
  const { timezone } = job.input.project
  const day = `PARSE_DATE(FORMAT_TIMESTAMP(${time}, 'yyyy-MM-dd', '${timezone}'), 'yyyy-MM-dd')`
  const next = `FORMAT_DATE(DATEADD(DAYS, 1, ${day}), 'yyyy-MM-dd')`
  return `UNIX_TIMESTAMP(PARSE_TIMESTAMP(${next}, 'yyyy-MM-dd', '${timezone}'))`
}

/** How far ksqlDB's stream time may be ahead of an event that the model still counts. */
const GRACE_MS = 7 * DAY_MS

/** Retention is written out: with the default, closed windows disappear before they are read. */
function printWindow(head: string, sizeMs: number, latenessMs = 0): string {
  const keep = printDuration(chooseRetentionMs(sizeMs, latenessMs))
  return `${head}, RETENTION ${keep}, GRACE PERIOD ${printDuration(chooseGraceMs(latenessMs))})`
}

function chooseRetentionMs(sizeMs: number, latenessMs = 0): number {
  return Math.ceil((sizeMs + chooseGraceMs(latenessMs)) / DAY_MS) * DAY_MS
}

function chooseGraceMs(latenessMs: number): number {
  return Math.max(GRACE_MS, latenessMs)
}

/** A GROUP BY expression of a window: its key column, and its SQL among the values. */
interface Group {
  readonly expr: Expr
  readonly key: Output
  readonly sql: string
}

/** Stands for NULL in a key, since ksqlDB ignores rows whose key is NULL; the value has NULL. */
const NO_VALUE = "'␀'"

function makeGroup(
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
  const type = findType(job, expr, columns)
  const printed = printer.print(expr)
  const text = type.is === 'VARCHAR' ? printed : `CAST(${printed} AS STRING)`
  const name = item?.name ?? `group_${index}`
  const key = isNeverNull(expr)
    ? makeKey(printed, name, type)
    : makeKey(`COALESCE(${text}, ${NO_VALUE})`, name, { is: 'VARCHAR' })
  return { expr, key, sql: `LATEST_BY_OFFSET(${printed}, FALSE)` }
}

/** True for the day of the event time, which every event has, and for COALESCE with a literal. */
function isNeverNull(expr: Expr): boolean {
  if (expr.is !== 'call') return false
  return (
    expr.name === 'shop_day' || (expr.name === 'coalesce' && expr.args.at(-1)?.is === 'literal')
  )
}

/** Key of a table with one row per window. */
const WHOLE: Output = makeKey("'all'", 'all', { is: 'VARCHAR' })

/** The type of the model's column with this expression; otherwise the inferred type. */
function findType(job: DialectJob, expr: Expr, columns: readonly Column[]): LogicalType {
  const item = job.input.select.items.find((one) => isSameExpr(one.expr, expr))
  const own = job.input.columns.find((one) => one.name === item?.name)
  return own?.type ?? inferOrText(expr, columns)
}
