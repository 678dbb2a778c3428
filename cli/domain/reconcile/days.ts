/**
 * Decides which shop days are closed. A day is closed once no event that a Gold model would still
 * accept can change it: the watermark must have passed the end of the day by the longest lateness,
 * and the end of each of its sessions by pause and lateness, as in the engine.
 */
import type { OpenDay } from './accounts.ts'
import { datesSql, findTimedModels, type ReconcileInput } from './input.ts'

/** A shop day and when it closes. */
export interface CalendarDay {
  readonly date: string
  /** The watermark that closes it, ms, given the sessions known so far. */
  readonly closesMs: number
}

/** All days that the stream or the marts have, or the one requested; oldest first. */
export async function readCalendar(input: ReconcileInput): Promise<readonly CalendarDay[]> {
  const { plain, stream, marts, logic, day } = input
  const models = findTimedModels(logic.graph)
  const windowMs = Math.max(
    0,
    ...models.flatMap(({ session, latenessMs }) => (session ? [] : [latenessMs ?? 0])),
  )
  const sessionMs = Math.max(
    0,
    ...models.flatMap(({ session, latenessMs }) =>
      session ? [2 * session.pauseMs + (latenessMs ?? 0)] : [],
    ),
  )
  const [visits, money, built] = await Promise.all([
    stream(`SELECT CAST(shop_date AS VARCHAR) AS date, max(epoch_ms(session_end)) AS last_ms
      FROM gold.sessions GROUP BY shop_date`),
    stream('SELECT DISTINCT CAST(shop_date AS VARCHAR) AS date FROM gold.revenue_daily'),
    marts(`SELECT CAST(shop_date AS VARCHAR) AS date
      FROM (SELECT shop_date FROM fct_revenue_daily UNION SELECT shop_date FROM daily_funnel)`),
  ])
  const last = new Map(visits.rows.map((row) => [String(row.date), Number(row.last_ms)]))
  const dates = [...visits.rows, ...money.rows, ...built.rows].map((row) => String(row.date))
  const all = [...new Set(day === undefined ? dates : [day])].filter((one) => one !== 'null').sort()
  if (all.length === 0) return []
  const { rows } = await plain.all(`SELECT CAST(day AS VARCHAR) AS date,
      epoch_ms(shop_day_end(day)) AS end_ms
    FROM (SELECT unnest([${datesSql(all)}]) AS day) ORDER BY day`)
  return rows.map((row) => {
    const date = String(row.date)
    const sessions = (last.get(date) ?? Number.NEGATIVE_INFINITY) + sessionMs
    return { date, closesMs: Math.max(Number(row.end_ms) + windowMs, sessions) }
  })
}

/** The days to compare, and those that can't be compared yet. */
export interface SplitDays {
  readonly compared: readonly (CalendarDay & { readonly isClosed: boolean })[]
  readonly open: readonly OpenDay[]
}

/** Separates days that can be compared from the others, which get a reason. */
export function splitDays(
  { built, now, withOpen }: Pick<ReconcileInput, 'built' | 'now' | 'withOpen'>,
  calendar: readonly CalendarDay[],
): SplitDays {
  const isSame = withOpen && now.serial === built.serial && !now.isRunning
  const isPast = (ms: number, watermarkMs: number | null) =>
    watermarkMs !== null && ms <= watermarkMs
  const compared: (CalendarDay & { readonly isClosed: boolean })[] = []
  const open: OpenDay[] = []
  for (const day of calendar) {
    const closesAt = new Date(day.closesMs).toISOString()
    const isClosed = isPast(day.closesMs, built.watermarkMs)
    if (isClosed || isSame) compared.push({ ...day, isClosed })
    else if (isPast(day.closesMs, now.watermarkMs))
      open.push({
        date: day.date,
        reason: `closed after the marts were built (commit ${built.serial}): ccs dbt build`,
        closesAt: null,
      })
    else {
      const seen =
        now.watermarkMs === null ? 'none yet' : `now ${new Date(now.watermarkMs).toISOString()}`
      const reason = `open until the watermark reaches ${closesAt} (${seen})`
      open.push({ date: day.date, reason, closesAt })
    }
  }
  return { compared, open }
}
