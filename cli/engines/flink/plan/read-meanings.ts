/** Reads the meanings of the nodes of a compiled plan: known are those that ccs has seen run. */
import { type CompiledPlan, findInputs, isSink, type PlanNode } from './compiled-plan.ts'
import { hashOf, readColumnNames } from './expression-meaning.ts'
import { hashRows, type NodeFacts, type NodeMeaning } from './meaning.ts'
import { NODE_READERS } from './node-readers.ts'

/** The meanings of all nodes of a plan, in its order. */
export function readMeanings(plan: CompiledPlan): readonly NodeMeaning[] {
  const found = new Map<number, NodeMeaning>()
  for (const node of plan.nodes) {
    const inputs = findInputs(plan, node.id).flatMap((one) => found.get(one.id) ?? [])
    found.set(node.id, readMeaning(node, inputs))
  }
  return [...found.values()]
}

function readMeaning(node: PlanNode, inputs: readonly NodeMeaning[]): NodeMeaning {
  const [first] = inputs
  const facts = readFacts(node, inputs)
  const names = isSink(node) ? (first?.columns.names ?? []) : readColumnNames(node.json)
  const columns = facts?.columns ?? first?.columns.meanings ?? []
  const isKnown = facts !== undefined && columns.length === names.length
  const unknown = hashOf('unknown', node.json, inputs.map(hashRows))
  return {
    node,
    inputs,
    rows: (isKnown ? (facts.rows ?? first?.rows) : undefined) ?? { base: unknown, conditions: [] },
    columns: isKnown
      ? { meanings: columns, names }
      : { meanings: names.map((name) => hashOf(unknown, name)), names },
    watermark: facts?.watermark ?? first?.watermark ?? '',
    window: facts?.window ?? first?.window ?? [],
    state: facts?.state,
    isKnown: isKnown && inputs.every((one) => one.isKnown),
  }
}

function readFacts(node: PlanNode, inputs: readonly NodeMeaning[]): NodeFacts | undefined {
  try {
    return NODE_READERS[node.type]?.(node, inputs)
  } catch (error) {
    if (error instanceof RangeError) return undefined // a position that is not there
    throw error
  }
}
