/**
 * What is computed once for each event as it arrives, before any model: how late it is, by its own
 * partition alone (docs/adr/0003 and 0020). Rows keep that order, because the window is by
 * partition and in the order of processing.
 */
import { printClauses } from '../../../domain/dialects/dialect.ts'
import type { DialectJob } from '../../../domain/dialects/dialect-job.ts'
import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import { printItem, printMarkedWhere, printTableName, RAW } from './ddl.ts'
import { markPlace } from './places.ts'
import { printEpochMs } from './syntax.ts'

/** The rows of a window from its first to the one that arrives. */
export const SO_FAR = 'ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW'

/** Prints the model that reads raw.events. */
export function printBronzeSelect(job: DialectJob): string {
  const { select, project } = job.input
  const columns = job.input.findColumns(RAW)
  const printer = job.printer(columns)
  const { time } = project
  const source = printTableName(RAW)
  const hasTime = job.input.columns.some((one) => one.name === time?.column)
  const items = select.items.map((item) => {
    if (item.name !== 'late_ms') return printItem(item, printer)
    return markPlace(item.expr, `${printLateMs(job)} AS ${quoteName(item.name)}`)
  })
  if (time !== undefined && !hasTime) items.push(quoteName(time.column))
  return printClauses({
    items,
    from: time === undefined ? source : printArrivals(source, time.column),
    where: printMarkedWhere(select, printer),
  })
}

/** No event is judged by a time after its own: the log's clock may have been ahead. */
function printLateMs(job: DialectJob): string {
  const { time } = job.input.project
  if (time === undefined) return 'CAST(0 AS BIGINT)'
  const newest = 'LEAST(`_newest_ms`, `_appended_ms`)'
  return `GREATEST(${newest} - ${time.watermarkMs} - \`_ms\`, CAST(0 AS BIGINT))`
}

/** An event moves its partition's newest time at most to the time at which it was appended. */
function printArrivals(source: string, time: string): string {
  const newest =
    `MAX(LEAST(\`_ms\`, \`_appended_ms\`)) OVER (\n    ` +
    `PARTITION BY \`partition\` ORDER BY \`_arrival\` ${SO_FAR}\n  ) AS \`_newest_ms\``
  return `(
  SELECT *, ${newest}
  FROM (
    SELECT *, PROCTIME() AS \`_arrival\`,
    ${printEpochMs(quoteName(time))} AS \`_ms\`,
    ${printEpochMs('`ingest_time`')} AS \`_appended_ms\`
    FROM ${source}
  )
)`
}
