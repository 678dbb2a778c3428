/**
 * Windows and sessions in Flink. Windows are grouped by their start only, which keeps them open:
 * Flink then updates rows when late events come, instead of dropping the events, and removes state
 * by its time to live. Events that are too late by the model's lateness are filtered by `late_ms`.
 */
import { printClauses } from '../../../domain/dialects/dialect.ts'
import {
  type DialectJob,
  listSessionColumns,
  readBucket,
  SESSION_START,
} from '../../../domain/dialects/dialect-job.ts'
import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import { type Expr, isSameExpr } from '../../../domain/sql/tree.ts'
import type { Column } from '../../../domain/sql/types.ts'
import { printGroups, printItem, printMarkedWhere, printTableName } from './ddl.ts'
import { printEpochMs, printInterval } from './syntax.ts'

/** Prints a model of kind window: TUMBLE over event time, or groups by the shop's day. */
export function printWindowSelect(job: DialectJob): string {
  const { model, select } = job.input
  const { from } = select
  if (from.is !== 'table' || model.window === undefined) {
    job.fault(undefined, 'A model of kind window must read one model.', 'Name one model in FROM.')
    return ''
  }
  const columns = job.input.findColumns(from.name)
  const time = quoteName(model.time ?? 'event_time')
  const table = printTableName(from.name)
  const bucket = readBucket(job)
  const { window } = model
  const substitutes = bucket === undefined ? [] : [{ expr: bucket, sql: '`window_start`' }]
  const printer = job.printer(columns, substitutes)
  const end = window.unit === 'ms' ? printEpochMs('`window_end`') : printShopDayEndMs(job, time)
  return printClauses({
    items: select.items.map((item) => printItem(item, printer)),
    from:
      window.unit === 'ms'
        ? `TABLE(TUMBLE(TABLE ${table}, DESCRIPTOR(${time}), ${printInterval(window.sizeMs)}))`
        : table,
    where: [
      ...printMarkedWhere(select, printer),
      ...printLatenessFilter(columns, `${model.latenessMs ?? 0} + ${end} - ${printEpochMs(time)}`),
    ],
    groupBy: printGroups(select.groupBy, printer),
  })
}

/** A view and its SELECT. */
export interface PrintedView {
  /** Without quotes. */
  readonly name: string
  readonly select: string
}

/**
 * Prints a model of kind session. Events that are too late are left out before sessions are found,
 * in a view of their own: they would join sessions otherwise. Sessions longer than the cap are
 * split at midnights UTC by a second SELECT, so that all others are rows that never change.
 */
export function printSessionViews(job: DialectJob): readonly PrintedView[] {
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
  const time = quoteName(model.time ?? 'event_time')
  // Flink's planner mixes up aggregates of the time by which windows are made: they read a copy.
  const column: Expr = { is: 'column', path: [model.time ?? 'event_time'], at: undefined }
  const printer = job.printer(columns, [
    { expr: SESSION_START, sql: 'MIN(`_time`)' },
    { expr: column, sql: '`_time`' },
  ])
  const keys = select.groupBy
    .filter((one) => !isSameExpr(one, SESSION_START))
    .map((one) => printer.print(one))
  const lengthMs = `${printEpochMs('`window_end`')} - ${printEpochMs('`window_start`')}`
  const maxMs = capMs + pauseMs
  job.note(
    'A session shows once no event can change it any more: twice the pause and the lateness ' +
      'after its end.',
  )
  const inTime = `${job.name}_in`
  const where = [
    ...printMarkedWhere(select, job.printer(columns)),
    ...printLatenessFilter(columns, String(pauseMs + (model.latenessMs ?? 0))),
  ]
  const copy = `CAST(${time} AS TIMESTAMP(3)) AS \`_time\``
  const rows = printClauses({ items: ['*', copy], from: printTableName(from.name), where })
  const parts = {
    items: select.items.map((item) => printItem(item, printer)),
    from:
      `TABLE(SESSION(TABLE ${quoteName(inTime)} PARTITION BY ${keys.join(', ')}, ` +
      `DESCRIPTOR(${time}), ${printInterval(pauseMs)}))`,
  }
  const window = ['`window_start`', '`window_end`']
  const whole = printClauses({
    ...parts,
    where: [],
    groupBy: [...keys, ...window],
    end: `HAVING ${lengthMs} <= ${maxMs}`,
  })
  const cut = printClauses({
    ...parts,
    where: [`${lengthMs} > ${maxMs}`],
    groupBy: [...keys, 'CAST(`_time` AS DATE)', ...window],
  })
  return [
    { name: inTime, select: rows },
    { name: job.name, select: `${whole}\nUNION ALL\n${cut}` },
  ]
}

function printLatenessFilter(columns: readonly Column[], limit: string): readonly string[] {
  return columns.some((one) => one.name === 'late_ms') ? [`\`late_ms\` < ${limit}`] : []
}

/** Prints the end of the shop's day of a time, ms since 1970; days have 23 to 25 hours. */
function printShopDayEndMs(job: DialectJob, time: string): string {
  const { timezone } = job.input.project
  const format = "'yyyy-MM-dd HH:mm:ss'"
  const local = `CONVERT_TZ(DATE_FORMAT(${time}, ${format}), 'UTC', '${timezone}')`
  const next = `CAST(TO_DATE(SUBSTRING(${local}, 1, 10)) + INTERVAL '1' DAY AS TIMESTAMP(3))`
  return `UNIX_TIMESTAMP(CONVERT_TZ(DATE_FORMAT(${next}, ${format}), '${timezone}', 'UTC')) * 1000`
}
