/** What a run says of events that came late: how many, what lacks them, and what can be done. */
import { printTooLateSql } from '../models/finality.ts'
import type { GraphModel } from '../models/graph.ts'
import type { QueryResult } from '../sql/query-result.ts'

/** Sentences for the user; `late` is the number of late events of this run, more than 0. */
export async function describeLateEvents(
  late: number,
  graph: readonly GraphModel[],
  query: (sql: string) => Promise<QueryResult>,
): Promise<readonly string[]> {
  const missing: string[] = []
  for (const { model, reads } of graph) {
    const tooLate = printTooLateSql(model)
    if (tooLate === 'FALSE' || reads[0] === undefined) continue
    const { rows } = await query(`SELECT count(*) AS n FROM ${reads[0]} WHERE ${tooLate}`)
    const count = Number(rows[0]?.n ?? 0)
    if (count > 0) missing.push(`${model.name} ${count}`)
  }
  const [events, were] = late === 1 ? ['event', 'was'] : ['events', 'were']
  const first = `${late} ${events} ${were} late: newer ones of the same partition came before.`
  if (missing.length === 0) return [`${first} No Gold model lacks any.`]
  return [
    first,
    `Too late for Gold, of all rows so far: ${missing.join(', ')}.`,
    'Silver and the marts have them: see ccs reconcile. Those of a file can be in Gold too:',
    'import it sorted by time, into a new data directory (--data DIR).',
  ]
}
