/** What a run says of events that came late: how many, what lacks them, and what can be done. */
import type { GraphModel } from '../models/graph.ts'
import { listLateModels } from '../models/late-models.ts'
import type { QueryResult } from '../sql/query-result.ts'

/** Sentences for the user; `late` is the number of late events of this run, more than 0. */
export async function describeLateEvents(
  late: number,
  graph: readonly GraphModel[],
  query: (sql: string) => Promise<QueryResult>,
): Promise<readonly string[]> {
  const missing: string[] = []
  for (const { name, source, condition } of listLateModels(graph)) {
    const { rows } = await query(`SELECT count(*) AS n FROM ${source} WHERE ${condition}`)
    const count = Number(rows[0]?.n ?? 0)
    if (count > 0) missing.push(`${name} ${count}`)
  }
  const [events, were] = late === 1 ? ['event', 'was'] : ['events', 'were']
  const first = `${late} ${events} ${were} late: newer ones of the same partition came before.`
  if (missing.length === 0) return [`${first} No Gold model lacks any.`]
  return [
    first,
    `Too late for Gold, of all rows so far: ${missing.join(', ')}.`,
    'Silver and the daily marts have them: ccs dbt build, ccs reconcile. For Gold to wait longer,',
    'raise lateness in the header of the model, then: ccs deploy',
    'One of them and why: ccs why --left-out late --day YYYY-MM-DD',
  ]
}
