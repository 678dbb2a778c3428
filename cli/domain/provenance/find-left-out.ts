/** What `ccs why ID` and `ccs why --left-out KIND` explain. */
import type { RejectPlace } from '../dlq/count-rejects.ts'
import { CcsError } from '../kernel/errors.ts'
import { requireDay } from '../kernel/time-argument.ts'
import {
  type EventReport,
  type EventReportPorts,
  reportEvent,
  reportReject,
} from './event-report.ts'
import { type LeftOutKind, readDaySpan } from './left-out.ts'
import { printDay, printFindSql } from './left-out-sql.ts'

/** As for a report; `findReject` returns the newest reject of a span of time. */
export interface FindLeftOutPorts extends EventReportPorts {
  readonly findReject: (
    sinceMs: number,
    untilMs: number,
    ofImport: boolean,
  ) => Promise<RejectPlace | undefined>
}

/** An event or order by its id, or the newest one that a day leaves out for a reason. */
export type EventQuestion =
  | { readonly id: string }
  | { readonly kind: LeftOutKind; readonly day: string | undefined }

/** Throws CCS_USAGE_INVALID if there is none. */
export function explainEvent(
  ports: FindLeftOutPorts,
  question: EventQuestion,
): Promise<EventReport> {
  return 'id' in question
    ? reportEvent(ports, question.id)
    : findLeftOut(ports, question.kind, question.day)
}

async function findLeftOut(
  ports: FindLeftOutPorts,
  kind: LeftOutKind,
  day: string | undefined,
): Promise<EventReport> {
  const sql = printDay(day === undefined ? undefined : requireDay(day))
  if (kind === 'rejected' || kind === 'rejected-import') {
    const { rows } = await ports.query(`SELECT epoch_ms(shop_day_end(${sql} - 1)) AS since_ms,
      epoch_ms(shop_day_end(${sql})) AS until_ms`)
    const { sinceMs, untilMs } = readDaySpan(rows[0] ?? {})
    const place = await ports.findReject(sinceMs, untilMs, kind === 'rejected-import')
    if (place) return reportReject(ports, place)
  } else {
    const { rows } = await ports.query(printFindSql(ports.models, kind, sql))
    if (rows[0]) return reportEvent(ports, String(rows[0].event_id))
  }
  const option = day === undefined ? '' : ` --day ${day}`
  throw new CcsError('CCS_USAGE_INVALID', `${day ?? 'Today'} leaves nothing out as "${kind}".`, {
    hint: `How many of each kind: ccs status${option}`,
  })
}
