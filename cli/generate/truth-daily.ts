/**
 * Expected rows of the daily funnel, campaign and device tables: sums over sessions per shop day.
 */
import { TRUTH_TABLES, type Truth, type TruthRow } from '../domain/audit/truth.ts'
import type { Session } from './truth-sessions.ts'
import { formatMoney } from './truth-values.ts'

/** Returns the three tables whose rows are sums over sessions, keyed by the shop's day. */
export function buildDailyTables(sessions: readonly Session[]): Truth['tables'] {
  return [
    {
      table: TRUTH_TABLES.funnel,
      rows: groupSessions(sessions, (session) => [session.shopDate], computeFunnel),
    },
    {
      table: TRUTH_TABLES.campaigns,
      rows: groupSessions(sessions, campaignKey, (group) => {
        const { sessions, engaged, converted, orders, revenue } = sumSessions(group)
        return [sessions, engaged, converted, orders, revenue]
      }),
    },
    {
      table: TRUTH_TABLES.devices,
      rows: groupSessions(
        sessions,
        ({ shopDate, device }) => [shopDate, device],
        (group) => {
          const { sessions, engaged, orders, revenue } = sumSessions(group)
          return [
            sessions,
            new Set(group.map((one) => one.anonymousId)).size,
            engaged,
            orders,
            revenue,
          ]
        },
      ),
    },
  ]
}

function campaignKey({ shopDate, utm: [source, medium, campaign] }: Session): readonly string[] {
  return [shopDate, source ?? '(direct)', medium ?? '(none)', campaign ?? '(none)']
}

function computeFunnel(group: readonly Session[]): TruthRow {
  const { sessions, engaged, converted } = sumSessions(group)
  const reached = (depth: number) => group.filter((session) => session.depth >= depth).length
  return [
    sessions,
    reached(1),
    reached(2),
    reached(3),
    reached(4),
    converted,
    engaged,
    converted / sessions,
  ]
}

function sumSessions(group: readonly Session[]) {
  return {
    sessions: group.length,
    engaged: group.filter(({ isEngaged }) => isEngaged).length,
    converted: group.filter(({ orders }) => orders > 0).length,
    orders: group.reduce((sum, { orders }) => sum + orders, 0),
    revenue: formatMoney(group.reduce((sum, { revenueMinor }) => sum + revenueMinor, 0)),
  }
}

/** Returns one row per group: the key's values, then the group's. */
function groupSessions(
  sessions: readonly Session[],
  keyOf: (session: Session) => readonly string[],
  valuesOf: (group: readonly Session[]) => TruthRow,
): TruthRow[] {
  const groups = new Map<string, { key: readonly string[]; group: Session[] }>()
  for (const session of sessions) {
    const key = keyOf(session)
    const name = key.join('\n')
    const had = groups.get(name)
    if (had === undefined) groups.set(name, { key, group: [session] })
    else had.group.push(session)
  }
  return [...groups.values()].map(({ key, group }) => [...key, ...valuesOf(group)])
}
