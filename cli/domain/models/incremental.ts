/**
 * Makes an aggregating SELECT incremental. The SELECT is split, on DuckDB's AST, into a *partial*
 * aggregation over new rows only, a *merge* of partial rows (associative and commutative, so the
 * order of arrival can't matter), and a *final* projection to the model's columns. The engine keeps
 * partial rows and never reads old events again.
 */
import { CcsError } from '../kernel/errors.ts'
import { callsAggregate, isAggregate } from '../sql/aggregate-names.ts'
import {
  type AstNode,
  type AstValue,
  asNodes,
  asText,
  dropPositions,
  isNode,
  readTextConstant,
} from '../sql/ast.ts'
import { makeCallNode, makeColumnNode, makeTableNode } from '../sql/build-ast.ts'
import type { Macro } from '../sql/expand-macros.ts'
import type { Model } from './model.ts'

/** How a column of partial rows merges; `printMergeSql` prints the SQL. */
export type Merge = 'count' | 'sum' | 'min' | 'max' | 'list' | 'distinct'

/** One aggregate of the SELECT as a column of partial rows. */
export interface PartialColumn {
  /** `a0`, `a1` … */
  readonly name: string
  readonly merge: Merge
}

/** The parts of a split SELECT. */
export interface IncrementalModel {
  readonly model: Model
  /** The relation whose new rows are aggregated, e.g. `silver.people`. */
  readonly source: string
  readonly keys: readonly string[]
  readonly columns: readonly PartialColumn[]
  /** Aggregates a relation `_source` (for sessions with a column `_bucket`) into partial rows. */
  readonly partial: AstNode
  /** Computes the model's columns from a relation `_merged` with the keys and merged columns. */
  readonly final: AstNode
  /** `final` with the keys as further columns `_k0`, `_k1` … */
  readonly finalWithKeys: AstNode
  readonly outputs: OutputColumns
}

/** Which of the model's columns tell the events that belong to a finished row. */
export interface OutputColumns {
  /** Name of the column that equals `k0`, `k1` …; undefined if there is none. */
  readonly keys: readonly (string | undefined)[]
  /** Name of the column with the greatest event time; undefined if there is none. */
  readonly last: string | undefined
}

const MERGES: Readonly<Record<string, Merge>> = {
  count_star: 'count',
  count: 'count',
  sum: 'sum',
  min: 'min',
  max: 'max',
  list: 'list',
}

/**
 * Width of the time buckets of a session's partial rows. It is at most a pause long, so that no
 * bucket contains a gap between sessions, and divides a day, so that midnights are bucket edges.
 */
export function computeSessionBucketMs(pauseMs: number): number {
  const dayMs = 86_400_000
  let bucket = Math.min(pauseMs, dayMs)
  while (dayMs % bucket !== 0) bucket--
  return bucket
}

/**
 * Splits a model of kind window or session. `select` has aggregating macros expanded. Throws
 * CCS_SQL_UNSUPPORTED for what can't be merged.
 */
export function makeIncremental(model: Model, select: AstNode): IncrementalModel {
  const node = select.node as AstNode // json_serialize_sql puts the SELECT here
  for (const part of ['having', 'qualify', 'sample'] as const)
    if (node[part])
      throw unsupportedError(model, `${part.toUpperCase()} in a model that aggregates`)
  const groups = (node.group_expressions as readonly AstNode[]).map(normalize) // always an array
  if (groups.length === 0) throw unsupportedError(model, 'an aggregation without GROUP BY')
  const groupTexts = groups.map((group) => JSON.stringify(group))
  const keys = groups.map((_, index) => `k${index}`)
  const collected: { column: PartialColumn; call: AstNode; text: string }[] = []

  const aggregate = (call: AstNode): AstNode => {
    const text = JSON.stringify(normalize(call))
    let found = collected.find((one) => one.text === text)
    if (!found) {
      const merge = chooseMerge(model, call)
      const name = `a${collected.length}`
      const partial = merge === 'distinct' ? { ...call, function_name: 'list', alias: name } : call
      found = { column: { name, merge }, call: { ...partial, alias: name }, text }
      collected.push(found)
    }
    return makeColumnNode(found.column.name)
  }
  const rewrite = (value: AstValue): AstValue => {
    if (Array.isArray(value)) return value.map(rewrite)
    if (!isNode(value)) return value
    const one = value
    const mayBeKey = groups.some((group) => isAlike(group, one))
    const key = mayBeKey ? groupTexts.indexOf(JSON.stringify(normalize(one))) : -1
    if (key >= 0) return { ...makeColumnNode(`k${key}`), alias: one.alias ?? '' }
    if (one.class === 'FUNCTION' && isAggregate(asText(one.function_name)))
      return { ...aggregate(one), alias: one.alias ?? '' }
    const changed: Record<string, AstValue> = {}
    for (const name in one) changed[name] = rewrite(one[name] ?? null)
    return changed
  }
  const items = node.select_list as readonly AstNode[]
  const finals = items.map((item) => keepName(rewrite(item) as AstNode, item))
  const itemTexts = items.map((item) => JSON.stringify(normalize(item)))
  const nameOf = (at: number) => asText(finals[at]?.alias) || undefined
  const outputs = {
    keys: groupTexts.map((text) => nameOf(itemTexts.indexOf(text))),
    last: nameOf(items.findIndex(isLastEventTime)),
  }

  const isSession = model.kind === 'session'
  const eventTime = [makeColumnNode('event_time')]
  const partialGroups = groups.map((group) =>
    isSession && isColumn(group, 'session_start') ? makeColumnNode('_bucket') : group,
  )
  const extremes = isSession
    ? [makeCallNode('min', eventTime, '_first'), makeCallNode('max', eventTime, '_last')]
    : []
  const from_table = makeTableNode('', '_merged')
  const plain = { where_clause: null, group_expressions: [], group_sets: [] }
  const final = (select_list: readonly AstNode[]): AstNode => ({
    ...select,
    node: { ...node, ...plain, select_list, from_table },
  })
  return {
    model,
    source: readSource(model, node.from_table as AstNode),
    keys,
    columns: collected.map((one) => one.column),
    partial: {
      ...select,
      node: {
        ...node,
        select_list: [
          ...partialGroups.map((group, index) => ({ ...group, alias: `k${index}` })),
          ...extremes,
          ...collected.map((one) => one.call),
        ],
        from_table: makeTableNode('', '_source'),
        group_expressions: partialGroups,
      },
    },
    final: final(finals),
    finalWithKeys: final([
      ...finals,
      ...keys.map((key) => ({ ...makeColumnNode(key), alias: `_${key}` })),
    ]),
    outputs,
  }
}

/** SQL of the merged value of a column over the rows of one key. */
export function printMergeSql({ name, merge }: PartialColumn): string {
  switch (merge) {
    case 'count':
      return `CAST(sum(${name}) AS BIGINT) AS ${name}`
    case 'sum':
    case 'min':
    case 'max':
      return `${merge}(${name}) AS ${name}`
    case 'list':
      return `flatten(list(${name}) FILTER (WHERE ${name} IS NOT NULL)) AS ${name}`
    case 'distinct':
      return `list_distinct(flatten(list(${name}) FILTER (WHERE ${name} IS NOT NULL))) AS ${name}`
    default:
      return merge satisfies never
  }
}

/** SQL of a merged column as the final projection expects it. */
export function printFinalColumnSql({ name, merge }: PartialColumn): string {
  return merge === 'distinct' ? `coalesce(len(${name}), 0) AS ${name}` : name
}

function chooseMerge(model: Model, call: AstNode): Merge {
  const name = String(call.function_name)
  const merge = MERGES[name]
  if (!merge) throw unsupportedError(model, `${name}()`)
  if (call.distinct !== true) return merge
  if (merge === 'count') return 'distinct'
  if (merge === 'min' || merge === 'max') return merge
  throw unsupportedError(model, `${name}(DISTINCT …)`)
}

function readSource(model: Model, from: AstNode): string {
  if (from.type === 'BASE_TABLE') return `${from.schema_name}.${from.table_name}`
  const call = from.function as AstNode | undefined // present on TABLE_FUNCTION nodes
  if (call?.function_name === 'session_rows') {
    const name = asNodes(call.children).map(readTextConstant)[0]
    if (name !== undefined) return name
  }
  throw unsupportedError(model, 'anything but one model in FROM')
}

function unsupportedError(model: Model, what: string): CcsError {
  return new CcsError(
    'CCS_SQL_UNSUPPORTED',
    `${model.name} uses ${what}, which can't be updated incrementally.`,
    {
      location: { file: model.file, line: model.sqlLine },
      hint:
        'Use count, sum, min, max, list or count(DISTINCT …) over one model, ' +
        'or make it kind: view.',
    },
  )
}

function isColumn(node: AstNode, name: string): boolean {
  return node.class === 'COLUMN_REF' && String((node.column_names as string[]).at(-1)) === name
}

function isLastEventTime(node: AstNode): boolean {
  const [child] = asNodes(node.children)
  const isPlain = !node.filter && node.distinct !== true
  return node.function_name === 'max' && isPlain && !!child && isColumn(child, 'event_time')
}

/** Keeps the output name: a bare column must not be renamed by the rewrite. */
function keepName(item: AstNode, original: AstNode): AstNode {
  if (item.alias) return item
  const names = original.column_names
  return Array.isArray(names) ? { ...item, alias: String(names.at(-1)) } : item
}

/** A cheap test whether two expressions may be equal. */
function isAlike(a: AstNode, b: AstNode): boolean {
  if (a.type !== b.type) return false
  return ['function_name', 'column_names'].every((key) => String(a[key]) === String(b[key]))
}

/** Drops positions and the outer alias, so that equal expressions compare equal. */
function normalize(node: AstNode): AstNode {
  return { ...(dropPositions(node) as AstNode), alias: '' } // a node in gives a node out
}

/** Whether a macro aggregates, so that it must be expanded before the split. */
export function isAggregateMacro(macro: Macro): boolean {
  return !macro.isTable && callsAggregate(macro.body)
}
