/**
 * Compares the compiled plan of a job with that of the next version: whether the job's state can be
 * restored, and into which nodes. Flink restores by ids alone and does not ask what the numbers in
 * a state mean, so state is only restored into a node that is proven to mean the same.
 */
import { asObject, sortKeys } from '../../../domain/kernel/json.ts'
import {
  type CompiledPlan,
  findModelName,
  isSink,
  type PlanNode,
  readTable,
  renumber,
  STATE_TTL,
} from './compiled-plan.ts'
import { describeChange } from './describe-change.ts'
import { hashOf } from './expression-meaning.ts'
import { findStatesBefore, hashOutput, hashRows, type NodeMeaning } from './meaning.ts'
import { findOwners } from './owners.ts'
import { readMeanings } from './read-meanings.ts'

/** Why a plan is what it is compared with another. */
export interface PlanReason {
  /** Such as `gold.sessions`; undefined: of the whole job. */
  readonly model: string | undefined
  /** One sentence. */
  readonly text: string
}

/** What becomes of a job's state in its next version. */
export interface PlanComparison {
  /**
   * same: nothing has changed · restorable: every state goes on where it was · rebuild: a state
   * would give wrong numbers, so the job must begin anew, from the first event.
   */
  readonly kind: 'same' | 'restorable' | 'rebuild'
  /** What to run: `next` with the ids under which the savepoint has the state. */
  readonly plan: CompiledPlan
  readonly reasons: readonly PlanReason[]
  /** Models that are new, or compute otherwise: if restored, from the next event on. */
  readonly fromNow: readonly string[]
  /**
   * Whether the savepoint has state that no node takes: Flink then refuses it, unless
   * `execution.state-recovery.ignore-unclaimed-state` is true.
   */
  readonly dropsState: boolean
}

/** What a comparison may allow. */
export interface ComparePlansOptions {
  /**
   * Whether a new model that aggregates may begin in the middle of a window; otherwise it is a
   * reason to rebuild.
   */
  readonly mayBeginNow?: boolean
}

/** Compares the plan that runs with the one that shall. Pure. */
export function comparePlans(
  stored: CompiledPlan,
  next: CompiledPlan,
  { mayBeginNow = false }: ComparePlansOptions = {},
): PlanComparison {
  const [before, after] = [readMeanings(stored), readMeanings(next)]
  const states = matchBy(
    before,
    after,
    (one) => one.state && hashOf(one.node.type, one.state.parts),
  )
  const rest = matchBy(before, after, (one) =>
    one.state === undefined ? hashOf(one.node.type, hashOutput(one)) : undefined,
  )
  const plan = renumber(next, assignIds(stored, next, new Map([...states, ...rest])))
  if (isSamePlan(stored, plan))
    return { kind: 'same', plan: stored, reasons: [], fromNow: [], dropsState: false }
  const pair = { before, after, states }
  const unreadable = findUnreadable(stored, next, [...before, ...after])
  const faults = unreadable.length > 0 ? unreadable : findChangedStates(pair, mayBeginNow)
  const { reasons: outputs, fromNow } = describeOutputs(pair)
  const reasons = [...outputs, ...describeSettings(stored, plan)]
  const dropped = before.filter((one) => one.state && ![...states.values()].includes(one.node.id))
  return faults.length > 0
    ? { kind: 'rebuild', plan: next, reasons: faults, fromNow, dropsState: false }
    : { kind: 'restorable', plan, reasons, fromNow, dropsState: dropped.length > 0 }
}

interface Pair {
  readonly before: readonly NodeMeaning[]
  readonly after: readonly NodeMeaning[]
  /** Ids of nodes of `after` that take the state of nodes of `before`. */
  readonly states: ReadonlyMap<number, number>
}

/** Ids of nodes of `after` by those of `before` that have the same key, each once, in order. */
function matchBy(
  before: readonly NodeMeaning[],
  after: readonly NodeMeaning[],
  toKey: (one: NodeMeaning) => string | undefined,
): ReadonlyMap<number, number> {
  const free = new Map<string, number[]>()
  for (const one of before) {
    const key = toKey(one)
    if (key !== undefined) free.set(key, [...(free.get(key) ?? []), one.node.id])
  }
  const found = new Map<number, number>()
  for (const one of after) {
    const key = toKey(one)
    const id = key === undefined ? undefined : free.get(key)?.shift()
    if (id !== undefined) found.set(one.node.id, id)
  }
  return found
}

/** New nodes get ids above all that the stored plan has: no state can be theirs. */
function assignIds(
  stored: CompiledPlan,
  next: CompiledPlan,
  matched: ReadonlyMap<number, number>,
): ReadonlyMap<number, number> {
  let last = Math.max(0, ...stored.nodes.map((one) => one.id))
  return new Map(next.nodes.map(({ id }) => [id, matched.get(id) ?? ++last] as const))
}

/** Whether both do the same in the same nodes, but for texts for people and names of counters. */
function isSamePlan(one: CompiledPlan, other: CompiledPlan): boolean {
  return printComparable(one) === printComparable(other)
}

function printComparable({ flinkVersion, nodes, edges }: CompiledPlan): string {
  const byId = [...nodes].sort((a, b) => a.id - b.id)
  const flows = edges.map(({ source, target }) => `${source} ${target}`).sort()
  const own = byId.map(({ id, json }) => ({ ...json, id, description: undefined }))
  return JSON.stringify(sortKeys([flinkVersion, own, flows])).replace(/\$cor\d+/g, '$cor')
}

function findUnreadable(
  stored: CompiledPlan,
  next: CompiledPlan,
  all: readonly NodeMeaning[],
): readonly PlanReason[] {
  if (stored.flinkVersion !== next.flinkVersion)
    return [
      {
        model: undefined,
        text:
          `The job was compiled by Flink ${stored.flinkVersion}, this plan by ` +
          `${next.flinkVersion}: that both keep the same state is not proven.`,
      },
    ]
  const unknown = all.filter((one) => !one.isKnown && one.inputs.every((input) => input.isKnown))
  return [...new Set(unknown.map((one) => one.node.type))].map((type) => ({
    model: undefined,
    text: `ccs can't tell what ${type} does in this form: nothing is proven of its state.`,
  }))
}

/** A reason for each state of the next plan that no state of the stored plan can fill. */
function findChangedStates(pair: Pair, mayBeginNow: boolean): readonly PlanReason[] {
  const { before, after, states } = pair
  const taken = new Set(states.values())
  const lost = before.filter((one) => hasOwnState(one) && !taken.has(one.node.id))
  const open = after.filter((one) => hasOwnState(one) && !states.has(one.node.id))
  const [ownersBefore, ownersAfter] = [findOwners(before), findOwners(after)]
  const known = new Set([...before].flatMap(({ node }) => readModel(node) ?? []))
  const reasons = new Map<string, PlanReason>()
  for (const one of open) {
    const isDerived = [...findStatesBefore(one)].some((other) => open.includes(other))
    const model = ownersAfter.get(one)
    const isNew = model !== undefined && !known.has(model)
    if (isNew && mayBeginNow && !readsUpdates(one)) continue
    // What follows from another change is not said twice; it still is a change.
    if (isDerived && reasons.size > 0) continue
    const same = lost.filter((old) => old.node.type === one.node.type)
    const own = same.filter((old) => ownersBefore.get(old) === model)
    const text = isNew
      ? 'It is new and aggregates: in a running job it would begin in the middle of a window.'
      : describeChange(own, one)
    reasons.set(`${model} ${text}`, { model, text })
  }
  return [...reasons.values()]
}

/** The state of sources and sinks is theirs alone; a source is told by what it reads. */
function hasOwnState({ node, state }: NodeMeaning): boolean {
  return state !== undefined && !isSink(node)
}

/** Whether rows that it reads replace others: one that never saw those can't take them back. */
function readsUpdates(one: NodeMeaning): boolean {
  return [...findStatesBefore(one)].some(({ node }) => /group-aggregate/.test(node.type))
}

function readModel(node: PlanNode): string | undefined {
  const table = isSink(node) ? readTable(node) : undefined
  return table && findModelName(table.name)
}

/** What happens to the rows of each model, if the state is restored. */
function describeOutputs({ before, after, states }: Pair): {
  readonly reasons: readonly PlanReason[]
  readonly fromNow: readonly string[]
} {
  const reasons: PlanReason[] = []
  const fromNow: string[] = []
  const sinks = before.filter((one) => isSink(one.node))
  for (const one of after.filter(({ node }) => isSink(node))) {
    const model = readModel(one.node)
    const old = sinks.find((other) => other.node.id === states.get(one.node.id))
    if (model === undefined || (old && hashOutput(old) === hashOutput(one))) continue
    fromNow.push(model)
    reasons.push({ model, text: describeOutput(old, one) })
  }
  const kept = new Set(after.flatMap(({ node }) => readModel(node) ?? []))
  for (const { node } of sinks) {
    const model = readModel(node)
    if (model === undefined || kept.has(model)) continue
    reasons.push({ model, text: 'It is removed, and its state with it; its topic stays.' })
  }
  return { reasons, fromNow }
}

/** What changes in a job besides its rows. */
function describeSettings(stored: CompiledPlan, plan: CompiledPlan): readonly PlanReason[] {
  const old = new Map(stored.nodes.map((one) => [one.id, one] as const))
  const pairs = plan.nodes.flatMap((node) => {
    const before = old.get(node.id)
    return before === undefined ? [] : [{ before, node }]
  })
  const isRead = pairs.some(
    ({ before, node }) => !isSink(node) && readOptions(before) !== readOptions(node),
  )
  const isKept = pairs.some(({ before, node }) => printTtl(before) !== printTtl(node))
  return [
    ...(isRead
      ? ['Events are read by another schema or other settings, from the next one on.']
      : []),
    ...(isKept ? ['State is kept for another time.'] : []),
  ].map((text) => ({ model: undefined, text }))
}

function readOptions(node: PlanNode): string {
  return JSON.stringify(sortKeys(readTable(node)?.options ?? {}))
}

function printTtl({ json: { state, configuration } }: PlanNode): string {
  return JSON.stringify([state, asObject(configuration)[STATE_TTL]])
}

function describeOutput(old: NodeMeaning | undefined, next: NodeMeaning): string {
  if (old === undefined)
    return 'It is new: its topic gets the rows of events that come from now on.'
  const added = next.columns.names.filter((name) => !old.columns.names.includes(name))
  const gone = old.columns.names.filter((name) => !next.columns.names.includes(name))
  const otherwise = next.columns.names.filter((name, index) => {
    const at = old.columns.names.indexOf(name)
    return at >= 0 && old.columns.meanings[at] !== next.columns.meanings[index]
  })
  const said = [
    hashRows(old) === hashRows(next) ? [] : ['selects other rows'],
    otherwise.length === 0 ? [] : [`computes ${otherwise.join(', ')} otherwise`],
    added.length === 0 ? [] : [`has the new ${added.join(', ')}`],
    gone.length === 0 ? [] : [`loses ${gone.join(', ')}`],
  ].flat()
  const what = said.length === 0 ? 'has its columns in another order' : said.join(', ')
  return `It ${what}, from the next event on; rows that are written already stay as they are.`
}
