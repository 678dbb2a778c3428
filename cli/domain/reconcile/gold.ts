/** Recomputes Gold from Silver by running the models' SELECTs as ordinary queries. */

import { type AuditSql, findStoredModels, runWithoutTooLate } from '../audit/catalog.ts'
import type { GraphModel } from '../models/graph.ts'
import { reconciledModels } from './tables.ts'

/**
 * Fills catalog `memory` with Gold over all of Silver, and `on_time` with Gold without the rows
 * that were too late.
 */
export async function recomputeGold(plain: AuditSql, graph: readonly GraphModel[]): Promise<void> {
  const wanted = neededModels(graph)
  const stored = findStoredModels(graph)
  for (const { model, reads } of graph) {
    if (!wanted.has(model.name) || stored.has(model.name)) continue
    const what = model.kind === 'view' ? 'VIEW' : 'TABLE'
    const make = () => plain.run(`CREATE ${what} ${model.name} AS ${model.sql}`)
    await runWithoutTooLate(plain, model, reads[0] ?? '', make)
    await make()
  }
}

function neededModels(graph: readonly GraphModel[]): ReadonlySet<string> {
  const wanted = new Set(reconciledModels())
  for (const { model, reads } of graph.toReversed())
    if (wanted.has(model.name)) for (const name of reads) wanted.add(name)
  return wanted
}
