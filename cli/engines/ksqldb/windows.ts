/**
 * Windows and sessions in ksqlDB: tables that are corrected with every event until grace has passed. Keys in
 * Kafka are binary for windows, so the window's start stands in the value too.
 */
import { flatName } from '../../core/dialect.ts'
import {
  type DialectJob,
  readBucket,
  SESSION_START,
  sessionColumns,
  whereOf,
} from '../../core/dialect-job.ts'
import { quoted, type Substitute } from '../../core/sql-speech.ts'
import { type Expr, sameExpr } from '../../core/sql-tree.ts'
import type { Column, LogicalType } from '../../core/sql-types.ts'
import {
  DAY_MS,
  inferred,
  keyOutput,
  makeStream,
  makeTable,
  type Output,
  outputsOf,
  passed,
  withCopiedKeys,
} from './ddl.ts'
import type { Relation } from './relation.ts'
import { durationText } from './speech.ts'

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
  const groups = select.groupBy.filter((one) => one !== bucket)
  const input = groupInput(job, groups, { columns, name: flatName(from.name) })
  const start = bucket === undefined ? [] : [{ expr: bucket, sql: 'FROM_UNIXTIME(WINDOWSTART)' }]
  const printer = job.printer(columns, [...start, ...input.stands])
  if (window.unit !== 'ms')
    job.note(
      "Days of the shop are an unwindowed table: events later than the model's lateness still count.",
    )
  const keys = input.keys.map((one) => one.sql)
  const table = makeTable(job, {
    name: job.name,
    topic: model.name,
    memory: window.unit === 'ms' ? 'window' : 'table',
    keys: input.keys,
    outputs: withCopiedKeys(outputsOf(job, select.items, columns, printer), keys),
    body: {
      from: input.name,
      ...(window.unit === 'ms'
        ? {
            window: windowClause(
              `TUMBLING (SIZE ${durationText(window.sizeMs)}`,
              window.sizeMs,
              model.latenessMs,
            ),
          }
        : {}),
      where: input.relations.length > 0 ? [] : whereOf(select, printer),
      groupBy: keys,
    },
  })
  return [...input.relations, table]
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
  const printer = job.printer(sessionColumns(job, from.name), [
    { expr: SESSION_START, sql: 'FROM_UNIXTIME(WINDOWSTART)' },
  ])
  const columns = sessionColumns(job, from.name)
  const groups = select.groupBy.filter((one) => !sameExpr(one, SESSION_START))
  const keys = groups.map((one) => keyOutput(printer.print(one), inferred(one, columns)))
  const names = keys.map((one) => one.sql)
  job.note(`Runs longer than ${durationText(capMs)} are not cut: session windows have no cap.`)
  const table = makeTable(job, {
    name: job.name,
    topic: model.name,
    memory: 'session',
    keys,
    outputs: withCopiedKeys(outputsOf(job, select.items, columns, printer), names),
    body: {
      from: flatName(from.name),
      window: windowClause(`SESSION (${durationText(pauseMs)}`, pauseMs, model.latenessMs),
      where: whereOf(select, printer),
      groupBy: names,
    },
  })
  return [table]
}

/** Retention is always written: with the default, closed windows vanish before they are read. */
function windowClause(head: string, sizeMs: number, latenessMs = 0): string {
  const retentionMs = Math.max(7 * DAY_MS, Math.ceil((sizeMs + latenessMs) / DAY_MS) * DAY_MS)
  return `${head}, RETENTION ${durationText(retentionMs)}, GRACE PERIOD ${durationText(latenessMs)})`
}

interface GroupInput {
  readonly name: string
  /** Columns to group by. */
  readonly keys: readonly Output[]
  readonly stands: readonly Substitute[]
  /** The stream that makes the keys and filters, where one is needed. */
  readonly relations: readonly Relation[]
}

/** GROUP BY takes columns: a stream before it makes those that are expressions, or one for all rows. */
function groupInput(
  job: DialectJob,
  groups: readonly Expr[],
  table: { readonly name: string; readonly columns: readonly Column[] },
): GroupInput {
  const { select, model } = job.input
  const printer = job.printer(table.columns)
  const made = groups.flatMap((expr, index) => {
    if (expr.is === 'column') return []
    const item = select.items.find((one) => sameExpr(one.expr, expr))
    const name = item?.name ?? `_group_${index}`
    return [{ expr, name, sql: quoted(name), made: printer.print(expr) }]
  })
  const keyOf = (expr: Expr): Output => {
    const sql = made.find((one) => one.expr === expr)?.sql ?? printer.print(expr)
    return keyOutput(sql, typeIn(job, expr, table.columns))
  }
  if (groups.length > 0 && made.length === 0)
    return { name: table.name, keys: groups.map(keyOf), stands: [], relations: [] }
  const whole: Output = { sql: '1', name: ALL, type: { is: 'INTEGER' } }
  const extra: readonly Output[] =
    groups.length === 0
      ? [whole]
      : made.map((one) => ({
          sql: one.made,
          name: one.name,
          type: typeIn(job, one.expr, table.columns),
        }))
  const name = `${job.name}_input`
  const input = makeStream(job, {
    name,
    topic: `${model.name}.input`,
    outputs: [...passed(table.columns), ...extra],
    from: table.name,
    where: whereOf(select, printer),
  })
  const keys = groups.length === 0 ? [keyOutput(quoted(ALL), whole.type)] : groups.map(keyOf)
  return { name, keys, stands: made, relations: [input] }
}

/** Column that is the same for all rows. */
const ALL = '_all'

/** The model's own column where it shows the expression, else what can be told of it. */
function typeIn(job: DialectJob, expr: Expr, columns: readonly Column[]): LogicalType {
  const item = job.input.select.items.find((one) => sameExpr(one.expr, expr))
  const own = job.input.columns.find((one) => one.name === item?.name)
  return own?.type ?? inferred(expr, columns)
}
