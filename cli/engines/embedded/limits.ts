/**
 * Runs the check of limits for models that are about to be deployed: all of them if a schema
 * changes, otherwise those that change and what they read.
 */
import { parseRecordSchema } from '../../domain/avro/schema.ts'
import { requireNewest } from '../../domain/avro/schema-registry.ts'
import type { Step } from '../../domain/deploy/plan/step.ts'
import { type CcsError, throwAll } from '../../domain/kernel/errors.ts'
import { RAW_TOPIC } from '../../domain/log/topics.ts'
import { checkLimits } from '../../domain/model-tests/limit-check.ts'
import { type GraphModel, keepUpstream } from '../../domain/models/graph.ts'
import type { Logic } from '../../domain/models/logic.ts'
import { PlainModels } from './query/plain-models.ts'

/** What the check needs of a project. */
export type LimitLogic = Pick<Logic, 'graph' | 'macrosSql' | 'rawSchemas'>

/** Throws CCS_MODEL_INVALID with every model that could not carry an event of the contract. */
export async function requireLimits(
  logic: LimitLogic,
  steps: readonly Step[],
  timezone: string,
): Promise<void> {
  throwAll(await findLimitFaults(logic, pickChanged(logic.graph, steps), timezone))
}

/** The faults of these models, in topological order; all that they read must be among them. */
export async function findLimitFaults(
  logic: LimitLogic,
  graph: readonly GraphModel[],
  timezone: string,
): Promise<readonly CcsError[]> {
  if (graph.length === 0) return []
  const { schema } = requireNewest(logic.rawSchemas, RAW_TOPIC)
  const plain = await PlainModels.open({ graph: [], macrosSql: logic.macrosSql, rawSchema: schema })
  try {
    return await checkLimits({ record: parseRecordSchema(schema), graph, timezone }, plain)
  } finally {
    plain.close()
  }
}

function pickChanged(graph: readonly GraphModel[], steps: readonly Step[]): readonly GraphModel[] {
  if (steps.some(({ kind }) => kind === 'schema')) return graph
  const changed = steps.filter(({ kind, action }) => kind === 'model' && action !== 'remove')
  return keepUpstream(
    graph,
    changed.map(({ name }) => name),
  )
}
