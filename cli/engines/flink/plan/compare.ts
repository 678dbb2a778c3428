/** Compares the compiled plan of the deployed job with a new one. */
import { asObject } from '../../../domain/kernel/json.ts'
import type { PlanComparison } from './plan.ts'

/** Equal plans keep the state; any other difference is a reason to build the job again. */
export function comparePlanTexts(stored: string, next: string): PlanComparison {
  if (normalize(stored) === normalize(next)) return { kind: 'same', plan: stored, reasons: [] }
  return { kind: 'rebuild', plan: next, reasons: ['its operators changed'] }
}

/** Ids come from a counter of the gateway, so they are replaced by positions. */
function normalize(text: string): string {
  const { nodes, edges, ...rest } = asObject(JSON.parse(text))
  const all = Array.isArray(nodes) ? nodes.map(asObject) : []
  const index = new Map(all.map((one, at) => [one.id, at] as const))
  const flows = Array.isArray(edges) ? edges.map(asObject) : []
  return JSON.stringify({
    ...rest,
    nodes: all.map((one, at) => ({ ...one, id: at, description: undefined })),
    edges: flows.map((one) => ({
      ...one,
      source: index.get(one.source as number),
      target: index.get(one.target as number),
    })),
  })
}
