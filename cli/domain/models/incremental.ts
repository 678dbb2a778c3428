/**
 * Makes an aggregating SELECT incremental. The SELECT is split, on DuckDB's own AST, into a *partial*
 * aggregation that runs over new rows only, a *merge* of partial rows (associative and commutative, so the
 * order of arrival cannot matter), and a *final* projection that gives the model's columns. The engine keeps
 * partial rows; it never reads old events again.
 */
import { CcsError, EXIT } from '../kernel/errors.ts'
import {
  type AstNode,
  type AstValue,
  asNodes,
  asText,
  dropPositions,
  isNode,
  type Macro,
  readTextConstant,
  walk,
} from '../sql/ast.ts'
import type { Model } from './model.ts'

/** How a column of partial rows merges: the SQL of the merged value, given the column's name. */
export type Merge = 'count' | 'sum' | 'min' | 'max' | 'list' | 'distinct'

export interface PartialColumn {
  /** `a0`, `a1` … */
  readonly name: string
  readonly merge: Merge
}

export interface IncrementalModel {
  readonly model: Model
  /** The relation whose new rows are aggregated, e.g. `silver.people`. */
  readonly source: string
  readonly keys: readonly string[]
  readonly columns: readonly PartialColumn[]
  /** Partial aggregation over a relation named `_source` (for sessions with a column `_bucket`). */
  readonly partial: AstNode
  /** The model's columns over a relation named `_merged` with the keys and merged columns. */
  readonly final: AstNode
  /** The same with the keys as further columns `_k0`, `_k1` … */
  readonly finalWithKeys: AstNode
  readonly outputs: OutputColumns
}

/** Names of the model's columns that say of a finished row which events belong to it. */
export interface OutputColumns {
  /** The column that is `k0`, `k1` …; undefined where none is. */
  readonly keys: readonly (string | undefined)[]
  /** The column that is the greatest event time. */
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

/** Width of the buckets that a session's partial rows are cut into: no pause fits inside, midnights are edges. */
export function sessionBucketMs(pauseMs: number): number {
  const dayMs = 86_400_000
  let bucket = Math.min(pauseMs, dayMs)
  while (dayMs % bucket !== 0) bucket--
  return bucket
}

/**
 * Splits a model of kind window or session. `select` is the model's SELECT as AST with macros that aggregate
 * expanded. Throws CCS_SQL_UNSUPPORTED for what does not merge.
 */
export function makeIncremental(model: Model, select: AstNode): IncrementalModel {
  const node = select.node as AstNode // json_serialize_sql puts the SELECT here
  for (const part of ['having', 'qualify', 'sample'] as const)
    if (node[part]) throw unsupported(model, `${part.toUpperCase()} in a model that aggregates`)
  const groups = (node.group_expressions as readonly AstNode[]).map(normalize) // always an array
  if (groups.length === 0) throw unsupported(model, 'an aggregation without GROUP BY')
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
    return column(found.column.name)
  }
  const rewrite = (value: AstValue): AstValue => {
    if (Array.isArray(value)) return value.map(rewrite)
    if (!isNode(value)) return value
    const one = value
    const mayBeKey = groups.some((group) => isAlike(group, one))
    const key = mayBeKey ? groupTexts.indexOf(JSON.stringify(normalize(one))) : -1
    if (key >= 0) return { ...column(`k${key}`), alias: one.alias ?? '' }
    if (one.class === 'FUNCTION' && AGGREGATES.has(String(one.function_name)))
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
  const partialGroups = groups.map((group) =>
    isSession && isColumn(group, 'session_start') ? column('_bucket') : group,
  )
  const extremes = isSession
    ? [eventTimeAggregate('min', '_first'), eventTimeAggregate('max', '_last')]
    : []
  const from_table = table('_merged', node.from_table as AstNode)
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
        from_table: table('_source', node.from_table as AstNode),
        group_expressions: partialGroups,
      },
    },
    final: final(finals),
    finalWithKeys: final([...finals, ...keys.map((key) => ({ ...column(key), alias: `_${key}` }))]),
    outputs,
  }
}

/** SQL of the merged value of a column over the rows of one key. */
export function mergeSql({ name, merge }: PartialColumn): string {
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

/** SQL of what the final projection sees of a merged column. */
export function finalColumnSql({ name, merge }: PartialColumn): string {
  return merge === 'distinct' ? `coalesce(len(${name}), 0) AS ${name}` : name
}

const AGGREGATES = new Set([
  ...Object.keys(MERGES),
  ...['avg', 'first', 'last', 'any_value', 'arg_min', 'arg_max', 'string_agg', 'median', 'mode'],
  ...[
    'quantile_cont',
    'approx_count_distinct',
    'stddev',
    'variance',
    'array_agg',
    'bool_and',
    'bool_or',
  ],
])

function chooseMerge(model: Model, call: AstNode): Merge {
  const name = String(call.function_name)
  const merge = MERGES[name]
  if (!merge) throw unsupported(model, `${name}()`)
  if (call.distinct !== true) return merge
  if (merge === 'count') return 'distinct'
  if (merge === 'min' || merge === 'max') return merge
  throw unsupported(model, `${name}(DISTINCT …)`)
}

function readSource(model: Model, from: AstNode): string {
  if (from.type === 'BASE_TABLE') return `${from.schema_name}.${from.table_name}`
  const call = from.function as AstNode | undefined // present on TABLE_FUNCTION nodes
  if (call?.function_name === 'session_rows') {
    const name = asNodes(call.children).map(readTextConstant)[0]
    if (name !== undefined) return name
  }
  throw unsupported(model, 'anything but one model in FROM')
}

function unsupported(model: Model, what: string): CcsError {
  return new CcsError(
    'CCS_SQL_UNSUPPORTED',
    `${model.name} uses ${what}, which cannot be kept up to date.`,
    {
      exit: EXIT.usage,
      location: { file: model.file, line: model.sqlLine },
      hint: 'Use count, sum, min, max, list or count(DISTINCT …) over one model, or make it kind: view.',
    },
  )
}

function column(name: string): AstNode {
  return {
    class: 'COLUMN_REF',
    type: 'COLUMN_REF',
    alias: '',
    query_location: 0,
    column_names: [name],
  }
}

function isColumn(node: AstNode, name: string): boolean {
  return node.class === 'COLUMN_REF' && String((node.column_names as string[]).at(-1)) === name
}

function isLastEventTime(node: AstNode): boolean {
  const [child] = asNodes(node.children)
  const isPlain = !node.filter && node.distinct !== true
  return node.function_name === 'max' && isPlain && !!child && isColumn(child, 'event_time')
}

function eventTimeAggregate(name: 'min' | 'max', alias: string): AstNode {
  return {
    class: 'FUNCTION',
    type: 'FUNCTION',
    alias,
    query_location: 0,
    function_name: name,
    schema: '',
    children: [column('event_time')],
    filter: null,
    order_bys: { type: 'ORDER_MODIFIER', orders: [] },
    distinct: false,
    is_operator: false,
    export_state: false,
    catalog: '',
  }
}

function table(name: string, like: AstNode): AstNode {
  return {
    type: 'BASE_TABLE',
    alias: '',
    sample: null,
    query_location: like.query_location ?? 0,
    schema_name: '',
    table_name: name,
    column_name_alias: [],
    catalog_name: '',
    at_clause: null,
  }
}

/** Keeps the output's name: what was a bare column or call must not be renamed by the rewrite. */
function keepName(item: AstNode, original: AstNode): AstNode {
  if (item.alias) return item
  const names = original.column_names
  return Array.isArray(names) ? { ...item, alias: String(names.at(-1)) } : item
}

/** Whether two expressions may be equal, as far as that is seen at a glance. */
function isAlike(a: AstNode, b: AstNode): boolean {
  if (a.type !== b.type) return false
  return ['function_name', 'column_names'].every((key) => String(a[key]) === String(b[key]))
}

/** Without positions and outer alias, so that equal expressions compare equal. */
function normalize(node: AstNode): AstNode {
  return { ...(dropPositions(node) as AstNode), alias: '' } // a node stays a node
}

/** Whether a macro aggregates, so that it must be written out before the split. */
export function isAggregateMacro(macro: Macro): boolean {
  const isCall = (node: AstNode) =>
    node.class === 'FUNCTION' && AGGREGATES.has(asText(node.function_name))
  return !macro.isTable && [...walk(macro.body)].some(isCall)
}
