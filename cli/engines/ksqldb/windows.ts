/**
 * Windows and sessions in ksqlDB: tables that are corrected with every event until grace has passed. Keys in
 * Kafka are binary for windows, so the window's start stands in the value too.
 */
import { clauses, flatName, type Statement } from '../../core/dialect.ts'
import {
  type DialectJob,
  readBucket,
  SESSION_START,
  sessionColumns,
  whereOf,
} from '../../core/dialect-job.ts'
import { quoted, type Substitute } from '../../core/sql-speech.ts'
import { type Expr, sameExpr } from '../../core/sql-tree.ts'
import type { Column } from '../../core/sql-types.ts'
import { createStream, createTable, DAY_MS, keyItems, printedItems } from './ddl.ts'
import { durationText } from './speech.ts'

/** A model of kind window: WINDOW TUMBLING, or an unwindowed table by the shop's day. */
export function windowTable(job: DialectJob): readonly Statement[] {
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
  const body = clauses({
    items: [...keyItems(input.keys), ...printedItems(select.items, printer, input.keys)],
    from: quoted(input.name),
    ...(window.unit === 'ms'
      ? {
          window: windowClause(
            `TUMBLING (SIZE ${durationText(window.sizeMs)}`,
            window.sizeMs,
            model.latenessMs,
          ),
        }
      : {}),
    where: input.statements.length > 0 ? [] : whereOf(select, printer),
    groupBy: input.keys,
    end: 'EMIT CHANGES',
  })
  return [...input.statements, createTable(job.name, body, model.name)]
}

/** A model of kind session. */
export function sessionTable(job: DialectJob): readonly Statement[] {
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
  const keys = select.groupBy
    .filter((one) => !sameExpr(one, SESSION_START))
    .map((one) => printer.print(one))
  job.note(`Runs longer than ${durationText(capMs)} are not cut: session windows have no cap.`)
  const body = clauses({
    items: [...keyItems(keys), ...printedItems(select.items, printer, keys)],
    from: quoted(flatName(from.name)),
    window: windowClause(`SESSION (${durationText(pauseMs)}`, pauseMs, model.latenessMs),
    where: whereOf(select, printer),
    groupBy: keys,
    end: 'EMIT CHANGES',
  })
  return [createTable(job.name, body, model.name)]
}

/** Retention is always written: with the default, closed windows vanish before they are read. */
function windowClause(head: string, sizeMs: number, latenessMs = 0): string {
  const retentionMs = Math.max(7 * DAY_MS, Math.ceil((sizeMs + latenessMs) / DAY_MS) * DAY_MS)
  return `${head}, RETENTION ${durationText(retentionMs)}, GRACE PERIOD ${durationText(latenessMs)})`
}

interface GroupInput {
  readonly name: string
  /** Columns to group by, quoted. */
  readonly keys: readonly string[]
  readonly stands: readonly Substitute[]
  /** The stream that makes the keys and filters, where one is needed. */
  readonly statements: readonly Statement[]
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
    return [{ expr, sql: quoted(item?.name ?? `_group_${index}`), made: printer.print(expr) }]
  })
  const keyOf = (expr: Expr): string =>
    made.find((one) => one.expr === expr)?.sql ?? printer.print(expr)
  if (groups.length > 0 && made.length === 0)
    return { name: table.name, keys: groups.map(keyOf), stands: [], statements: [] }
  const extra = groups.length === 0 ? [{ sql: '`_all`', made: '1' }] : made
  const name = `${job.name}_input`
  const body = clauses({
    items: ['*', ...extra.map((one) => `${one.made} AS ${one.sql}`)],
    from: quoted(table.name),
    where: whereOf(select, printer),
    end: 'EMIT CHANGES',
  })
  return {
    name,
    keys: groups.length === 0 ? ['`_all`'] : groups.map(keyOf),
    stands: made,
    statements: [createStream(job, name, body, `${model.name}.input`)],
  }
}
