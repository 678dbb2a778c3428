/**
 * How long each operator of a job keeps its state. A state that is forgotten too early gives wrong
 * numbers, one that is never forgotten fills the disk: each operator has a time to live from the
 * needs of its model, or something else that bounds it, or is a fault.
 */
import { asList, asObject, type JsonObject } from '../../../domain/kernel/json.ts'
import type { Model } from '../../../domain/models/model.ts'
import type { JobSummary } from '../client/job-answers.ts'
import {
  type CompiledPlan,
  isSink,
  nameOperator,
  type PlanNode,
  STATE_TTL,
} from './compiled-plan.ts'
import { isTimed } from './expression-meaning.ts'
import type { NodeMeaning } from './meaning.ts'
import { findOwners } from './owners.ts'
import { readMeanings } from './read-meanings.ts'

/**
 * A job may stand still for so long, ms: Flink counts the time to live by the clock, also while no
 * job runs. A savepoint that is older gives wrong numbers, and the job must be rebuilt.
 */
const STANDSTILL_MS = 24 * 3_600_000

/** The state of one operator, and what ends it. */
export interface OperatorState {
  /** Id of its node in the plan. */
  readonly id: number
  /** Of the model, such as `gold.sessions`. */
  readonly model: string
  /** Such as `group aggregate`. */
  readonly operator: string
  /** Columns by which it is kept. */
  readonly keys: readonly string[]
  /** Since it was last written; 0: Flink does not forget it by time. */
  readonly ttlMs: number
  /** What bounds it, in words; undefined: nothing, so it grows without end. */
  readonly bound: string | undefined
  /** Whether it grows with the number of keys, since no time ends what it keeps of each. */
  readonly isEndless: boolean
}

/** A plan with times to live, and what bounds the state of each operator. */
export interface PlanWithTtl {
  /** Needs a session whose own `table.exec.state.ttl` is 0. */
  readonly plan: CompiledPlan
  readonly states: readonly OperatorState[]
}

/** Sets the times to live. Ids and meanings of nodes stay. Pure. */
export function setStateTtl(plan: CompiledPlan, models: readonly Model[]): PlanWithTtl {
  const meanings = readMeanings(plan)
  const owners = findOwners(meanings)
  const needs = measureNeeds(models)
  const states = new Map<number, OperatorState>()
  for (const one of meanings) {
    const model = models.find(({ name }) => name === owners.get(one))
    if (one.state === undefined || isSink(one.node)) continue
    states.set(one.node.id, describeState(one, model, needs))
  }
  const nodes = plan.nodes.map((node) => {
    const state = states.get(node.id)
    return state === undefined ? node : { ...node, json: withTtl(node, state.ttlMs) }
  })
  return { plan: { ...plan, nodes }, states: [...states.values()] }
}

/** Times that all models share, ms. */
interface Needs {
  readonly horizonMs: number
  readonly watermarkMs: number
  /** From the first event of a session to the last moment at which it may still show. */
  readonly sessionMs: number
}

function measureNeeds(models: readonly Model[]): Needs {
  const longest = (of: (model: Model) => number): number => Math.max(0, ...models.map(of))
  return {
    horizonMs: longest((one) => one.dedupe?.horizonMs ?? 0),
    watermarkMs: longest((one) => one.watermarkMs ?? 0),
    sessionMs: longest(({ session, latenessMs = 0 }) =>
      session === undefined ? 0 : session.capMs + 2 * session.pauseMs + latenessMs,
    ),
  }
}

function describeState(one: NodeMeaning, model: Model | undefined, needs: Needs): OperatorState {
  const operator = nameOperator(one.node)
  const keys = one.state?.words.keys ?? []
  const shared = { id: one.node.id, model: model?.name ?? 'the job', operator, keys }
  const last = (needMs: number, what: string): OperatorState => {
    const ttlMs = needMs + STANDSTILL_MS
    return { ...shared, ttlMs, bound: `${what}, then it is forgotten`, isEndless: false }
  }
  const none = (bound: string | undefined, isEndless = false): OperatorState => ({
    ...shared,
    ...{ ttlMs: 0, bound, isEndless },
  })
  switch (operator) {
    case 'table source scan':
      return none('an offset for each partition')
    case 'deduplicate':
      return last(needs.horizonMs, 'the ids of the horizon')
    case 'over aggregate':
      return isByPartition(one)
        ? none('a row for each partition of the topic')
        : last(needs.horizonMs, 'the keys of the horizon')
    case 'window table function':
      // Flink counts the rows of each key, and clears neither that number nor takes a time for it.
      return none('visits under way, and a number for each visitor, for ever', true)
    case 'window aggregate':
      return none('visits under way: the watermark ends them')
    case 'group aggregate':
      return describeAggregate(one, model, needs, { last, none })
    default:
      return none(undefined, true)
  }
}

function describeAggregate(
  one: NodeMeaning,
  model: Model | undefined,
  { watermarkMs, sessionMs }: Needs,
  say: {
    readonly last: (needMs: number, what: string) => OperatorState
    readonly none: (bound: string | undefined, isEndless?: boolean) => OperatorState
  },
): OperatorState {
  if (model?.kind === 'window') {
    const { latenessMs = 0 } = model
    const sizeMs = model.window?.unit === 'ms' ? model.window.sizeMs : DAY_MS
    return say.last(
      sizeMs + latenessMs + watermarkMs,
      'a window, and as long as events may be late',
    )
  }
  if (model?.kind === 'session') return say.last(sessionMs, 'the parts of a visit that is cut')
  if (hasTimeKey(one)) return say.last(DAY_MS + sessionMs, 'a day, and the visits that began on it')
  // Without a time it may never forget: then only what each key holds can be small.
  const isSmall = !asList(one.node.json.aggCalls).some((call) => asObject(call).distinct === true)
  return say.none(isSmall ? 'a row for each key, for ever' : undefined, true)
}

/** The longest day of a shop, on which clocks are put back. */
const DAY_MS = 25 * 3_600_000

function hasTimeKey({ node, inputs: [input] }: NodeMeaning): boolean {
  return asList(node.json.grouping).some((index) => {
    const key = typeof index === 'number' ? input?.columns.meanings[index] : undefined
    return key !== undefined && isTimed(key)
  })
}

/** Whether the key is the partition of the topic alone. */
function isByPartition({ node, inputs: [input] }: NodeMeaning): boolean {
  const { fields } = asObject(asObject(node.json.overSpec).partition)
  const [key, ...more] = asList(fields)
  return more.length === 0 && findSourceColumn(input, key) === 'partition'
}

/** The column of the source that another is, unchanged but for its type; else undefined. */
function findSourceColumn(one: NodeMeaning | undefined, index: unknown): string | undefined {
  if (one === undefined || typeof index !== 'number') return undefined
  const [input] = one.inputs
  if (input === undefined) return one.columns.names[index]
  if (one.node.type.startsWith('stream-exec-exchange')) return findSourceColumn(input, index)
  const column = asObject(asList(one.node.json.projection)[index])
  const [inner] = asList(column.operands)
  const read = column.internalName === '$CAST$1' ? asObject(inner) : column
  return findSourceColumn(input, read.inputIndex)
}

/** Nodes with entries for it have it there; an OVER takes it from its configuration. */
function withTtl({ json, type }: PlanNode, ttlMs: number): JsonObject {
  const ttl = `${ttlMs} ms`
  if (Array.isArray(json.state))
    return { ...json, state: json.state.map((entry) => ({ ...asObject(entry), ttl })) }
  if (!type.startsWith('stream-exec-over-aggregate')) return json
  return { ...json, configuration: { ...asObject(json.configuration), [STATE_TTL]: ttl } }
}

/** Whether a job ended so long ago that Flink would forget what its own times still need. */
export function hasForgotten({ endMs }: Pick<JobSummary, 'endMs'>, nowMs: number): boolean {
  return endMs !== null && nowMs - endMs > STANDSTILL_MS
}
