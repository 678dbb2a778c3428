/** Composition of `ccs live`: who answers, again and again. */
import { systemClock } from '../adapters/process/system-clock.ts'
import { getEngineProfile } from '../domain/config/engines.ts'
import type { LiveData } from '../domain/live/live-lines.ts'
import { describeEngine, readLive } from '../domain/live/read-live.ts'
import type { Project } from '../project.ts'
import { openAnswers, openLastingQueries } from './query.ts'

/** Reads what `ccs live` shows: once for each picture of the terminal. */
export interface OpenLive {
  read(): Promise<LiveData>
  close(): Promise<void>
}

/** Asks the target where it answers such queries; otherwise the engine or the last commit. */
export async function openLive(project: Project): Promise<OpenLive> {
  const { nowMs } = systemClock()
  if (getEngineProfile(project.target.engine).answersLive) return openTargetLive(project, nowMs)
  return {
    read: async () => {
      const answers = await openAnswers(project)
      const query = (sql: string) => answers.query(sql)
      const health = async () => describeEngine(await answers.status())
      return readLive({ query, health, nowMs }).finally(() => answers.close())
    },
    close: async () => {},
  }
}

async function openTargetLive(project: Project, nowMs: () => number): Promise<OpenLive> {
  const { collectRows } = await import('../domain/query/query-service.ts')
  const queries = await openLastingQueries(project)
  return {
    read: () => {
      let newestMs = Number.NEGATIVE_INFINITY
      let place = ''
      const query = async (sql: string) => {
        const answer = await queries.query(sql)
        place = answer.from
        if (answer.asOf !== null) newestMs = Math.max(newestMs, Date.parse(answer.asOf))
        return { columns: answer.columns, rows: await collectRows(answer) }
      }
      const health = async () => {
        const age = Number.isFinite(newestMs) ? Math.max(0, nowMs() - newestMs) : null
        return { from: place, newestAgeMs: age }
      }
      return readLive({ query, health, nowMs })
    },
    close: () => queries.close(),
  }
}
