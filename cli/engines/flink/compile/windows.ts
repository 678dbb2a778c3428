/**
 * Windows and sessions in Flink. Windows are grouped by their start alone, which keeps them open: Flink then
 * corrects rows when late events come, instead of dropping those, and state goes by its time to live. What
 * is too late by the model's own lateness is left out by `late_ms`.
 */
import { clauses } from '../../../domain/dialects/dialect.ts'
import {
  type DialectJob,
  readBucket,
  SESSION_START,
  sessionColumns,
  whereOf,
} from '../../../domain/dialects/dialect-job.ts'
import { quoted } from '../../../domain/dialects/dialect-syntax.ts'
import { isSameExpr } from '../../../domain/sql/tree.ts'
import type { Column } from '../../../domain/sql/types.ts'
import { printedItem, tableName } from './ddl.ts'
import { epochMs, intervalText } from './syntax.ts'

/** A model of kind window: TUMBLE over event time, or groups by the shop's day. */
export function windowSelect(job: DialectJob): string {
  const { model, select } = job.input
  const { from } = select
  if (from.is !== 'table' || model.window === undefined) {
    job.fault(undefined, 'A model of kind window reads one model.', 'Name one model in FROM.')
    return ''
  }
  const columns = job.input.columnsOf(from.name)
  const time = quoted(model.time ?? 'event_time')
  const table = tableName(from.name)
  const bucket = readBucket(job)
  const { window } = model
  const substitutes = bucket === undefined ? [] : [{ expr: bucket, sql: '`window_start`' }]
  const printer = job.printer(columns, substitutes)
  const end = window.unit === 'ms' ? epochMs('`window_end`') : shopDayEndMs(job, time)
  return clauses({
    items: select.items.map((item) => printedItem(item, printer)),
    from:
      window.unit === 'ms'
        ? `TABLE(TUMBLE(TABLE ${table}, DESCRIPTOR(${time}), ${intervalText(window.sizeMs)}))`
        : table,
    where: [
      ...whereOf(select, printer),
      ...notLate(columns, `${model.latenessMs ?? 0} + ${end} - ${epochMs(time)}`),
    ],
    groupBy: select.groupBy.map((one) => printer.print(one)),
  })
}

/** A model of kind session. Runs longer than the cap are cut at midnights UTC, by grouping such windows by day. */
export function sessionSelect(job: DialectJob): string {
  const { model, select } = job.input
  const { from } = select
  if (from.is !== 'sessions' || model.session === undefined) {
    job.fault(
      undefined,
      'A model of kind session reads session_rows(…).',
      "Write FROM session_rows('model', pause, cap).",
    )
    return ''
  }
  const { pauseMs, capMs } = model.session
  const columns = sessionColumns(job, from.name)
  const time = quoted(model.time ?? 'event_time')
  const printer = job.printer(columns, [{ expr: SESSION_START, sql: `MIN(${time})` }])
  const keys = select.groupBy
    .filter((one) => !isSameExpr(one, SESSION_START))
    .map((one) => printer.print(one))
  const lengthMs = `${epochMs('`window_end`')} - ${epochMs('`window_start`')}`
  const cut = `CASE WHEN ${lengthMs} > ${capMs + pauseMs} THEN CAST(${time} AS DATE) END`
  job.note(
    'A session shows once no event can change it any more: pause and lateness after its end.',
  )
  return clauses({
    items: select.items.map((item) => printedItem(item, printer)),
    from: `TABLE(SESSION(TABLE ${tableName(from.name)} PARTITION BY ${keys.join(', ')}, DESCRIPTOR(${time}), ${intervalText(pauseMs)}))`,
    where: [
      ...whereOf(select, printer),
      ...notLate(columns, String(pauseMs + (model.latenessMs ?? 0))),
    ],
    groupBy: [...keys, '`window_start`', '`window_end`', cut],
  })
}

function notLate(columns: readonly Column[], limit: string): readonly string[] {
  return columns.some((one) => one.name === 'late_ms') ? [`\`late_ms\` < ${limit}`] : []
}

/** When the shop's day of a time ends, in ms since 1970; days have 23 to 25 hours. */
function shopDayEndMs(job: DialectJob, time: string): string {
  const { timezone } = job.input.project
  const format = "'yyyy-MM-dd HH:mm:ss'"
  const local = `CONVERT_TZ(DATE_FORMAT(${time}, ${format}), 'UTC', '${timezone}')`
  const next = `CAST(TO_DATE(SUBSTRING(${local}, 1, 10)) + INTERVAL '1' DAY AS TIMESTAMP(3))`
  return `UNIX_TIMESTAMP(CONVERT_TZ(DATE_FORMAT(${next}, ${format}), '${timezone}', 'UTC')) * 1000`
}
