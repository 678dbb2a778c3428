/**
 * The compiled plan of a job: the JSON that `COMPILE PLAN` writes and `EXECUTE PLAN` runs. Flink
 * names the state of an operator by the id of its node, so whoever keeps the ids keeps the state.
 * Attributes that are not read here stay as Flink wrote them.
 */
import { CcsError } from '../../../domain/kernel/errors.ts'
import { asObject, isObject, type JsonObject } from '../../../domain/kernel/json.ts'

/** Flink's setting for how long state is kept; in the `configuration` of a node, for it alone. */
export const STATE_TTL = 'table.exec.state.ttl'

/** One operator, or several that Flink creates together. */
export interface PlanNode {
  readonly id: number
  /** Kind and version, such as `stream-exec-group-aggregate_1`. */
  readonly type: string
  /** For people: no meaning is read from it. */
  readonly description: string
  /** The whole node. */
  readonly json: JsonObject
}

/** Rows flow from one node to another. */
export interface PlanEdge {
  readonly source: number
  readonly target: number
  /** The whole edge. */
  readonly json: JsonObject
}

/** A job; nodes stand after those that they read. */
export interface CompiledPlan {
  /** Such as `2.3`. */
  readonly flinkVersion: string
  readonly nodes: readonly PlanNode[]
  /** Those that end at one node stand in the order of its inputs. */
  readonly edges: readonly PlanEdge[]
}

/** Reads what `COMPILE PLAN` wrote; CCS_ENGINE_REFUSED for anything else. */
export function parseCompiledPlan(text: string): CompiledPlan {
  const { flinkVersion, nodes, edges } = parseExactly(text)
  if (typeof flinkVersion !== 'string' || !isList(nodes) || !isList(edges)) throw notAPlan()
  const plan = { flinkVersion, nodes: nodes.map(readNode), edges: edges.map(readEdge) }
  const ids = new Set(plan.nodes.map((one) => one.id))
  const isWhole = plan.edges.every((one) => ids.has(one.source) && ids.has(one.target))
  if (ids.size !== plan.nodes.length || !isWhole) throw notAPlan()
  return plan
}

/** Prints a plan as `EXECUTE PLAN` reads it. */
export function printCompiledPlan({ flinkVersion, nodes, edges }: CompiledPlan): string {
  const plan = {
    flinkVersion,
    nodes: nodes.map(({ id, json }) => ({ ...json, id })),
    edges: edges.map(({ source, target, json }) => ({ ...json, source, target })),
  }
  return `${JSON.stringify(plan, null, 1).replace(KEPT_NUMBERS, '$1')}\n`
}

/** The nodes that a node reads, in the order of its inputs. */
export function findInputs(plan: CompiledPlan, id: number): readonly PlanNode[] {
  return plan.edges
    .filter((one) => one.target === id)
    .flatMap(({ source }) => plan.nodes.find((one) => one.id === source) ?? [])
}

/** Gives nodes other ids; `newIds` has one for every node. */
export function renumber(plan: CompiledPlan, newIds: ReadonlyMap<number, number>): CompiledPlan {
  const find = (id: number): number => newIds.get(id) ?? id
  return {
    ...plan,
    nodes: plan.nodes.map((one) => ({ ...one, id: find(one.id) })),
    edges: plan.edges.map((one) => ({
      ...one,
      source: find(one.source),
      target: find(one.target),
    })),
  }
}

/** A table that a source or sink reads or writes, and the options of its connector. */
export interface PlanTable {
  /** Without catalog and database. */
  readonly name: string
  readonly options: JsonObject
}

/** The table of a source or sink; undefined for other nodes. */
export function readTable({ json }: PlanNode): PlanTable | undefined {
  const { table } = asObject(json.scanTableSource ?? json.dynamicTableSink)
  const { identifier, resolvedTable } = asObject(table)
  if (typeof identifier !== 'string') return undefined
  const name = /`([^`]*)`$/.exec(identifier)?.[1] ?? identifier
  return { name, options: asObject(asObject(resolvedTable).options) }
}

/** What the node does, in words: `group aggregate`. */
export function nameOperator({ type }: Pick<PlanNode, 'type'>): string {
  return type.replace(/^stream-exec-|_\d+$/g, '').replaceAll('-', ' ')
}

/** Whether the node writes a table. */
export function isSink(node: PlanNode): boolean {
  return node.json.dynamicTableSink !== undefined
}

/** The model whose topic a sink's table is: `gold.activity_1m` for gold_activity_1m_topic. */
export function findModelName(table: string): string {
  return table.replace(/_topic$/, '').replace('_', '.')
}

function readNode(value: unknown): PlanNode {
  const json = asObject(value)
  const { id, type, description } = json
  if (typeof id !== 'number' || typeof type !== 'string') throw notAPlan()
  return { id, type, description: typeof description === 'string' ? description : type, json }
}

function readEdge(value: unknown): PlanEdge {
  const json = asObject(value)
  const { source, target } = json
  if (typeof source !== 'number' || typeof target !== 'number') throw notAPlan()
  return { source, target, json }
}

/** A text, or a number that JavaScript would write otherwise: one with 17 digits, or 1.50. */
const TEXTS_AND_NUMBERS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g

const KEPT = 'ccs-kept-number '

const KEPT_NUMBERS = new RegExp(`"${KEPT}(-?[\\d.eE+-]+)"`, 'g')

function parseExactly(text: string): JsonObject {
  const kept = text.replace(TEXTS_AND_NUMBERS, (one) =>
    one.startsWith('"') || String(Number(one)) === one ? one : `"${KEPT}${one}"`,
  )
  try {
    const plan: unknown = JSON.parse(kept)
    if (isObject(plan)) return plan
  } catch {
    // Said below.
  }
  throw notAPlan()
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}

function notAPlan(): CcsError {
  return new CcsError('CCS_ENGINE_REFUSED', 'The text is not a compiled plan of Flink.', {
    hint: 'A plan is what COMPILE PLAN wrote, unchanged; deploy again to compile a new one.',
  })
}
