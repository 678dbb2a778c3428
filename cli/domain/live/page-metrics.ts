/** All metrics of a page: those of the project, and what today's numbers leave out. */
import { CcsError } from '../kernel/errors.ts'
import type { GraphModel } from '../models/graph.ts'
import { findLeftOutModels, type LeftOutModels } from '../provenance/left-out-sql.ts'
import { createLeftOutMetric, LEFT_OUT_METRIC } from './left-out-metric.ts'
import { type BrokenMetric, type Metric, parseMetrics } from './metric.ts'

/** The metric of what is left out, or why there is none. */
export type LeftOutPart =
  | { readonly metric: Metric; readonly models: LeftOutModels }
  | { readonly broken: BrokenMetric }

/** Of a project whose models are `graph`, or can't be opened because of an error. */
export function createLeftOutPart(graph: readonly GraphModel[] | CcsError): LeftOutPart {
  const id = LEFT_OUT_METRIC
  try {
    if (graph instanceof CcsError) throw graph
    const models = findLeftOutModels(graph)
    return { models, metric: createLeftOutMetric(models) }
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    return { broken: { id, file: id, error } }
  }
}

/** The metrics that can be queried, by the texts of sql/live. */
export function listPageMetrics(
  files: Parameters<typeof parseMetrics>[0],
  graph: readonly GraphModel[],
): readonly Metric[] {
  const left = createLeftOutPart(graph)
  return [...parseMetrics(files).metrics, ...('metric' in left ? [left.metric] : [])]
}
