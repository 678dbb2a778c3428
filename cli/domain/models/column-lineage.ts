/**
 * Column lineage: which columns of one table can influence each column and the rows of a SELECT,
 * read from DuckDB's AST. It never misses a source: an expression that it can't follow counts as
 * using all that it contains.
 */
import { callsAggregate } from '../sql/aggregate-names.ts'
import {
  type AstNode,
  type AstValue,
  asNode,
  asNodes,
  asText,
  asTexts,
  isNode,
  readPosition,
  readTextConstant,
} from '../sql/ast.ts'
import {
  type ColumnSources,
  collectSources,
  type Lineage,
  NO_SOURCES,
  renameColumns,
  unite,
} from './column-sources.ts'

/** The lineage of a SELECT's output, and the columns that it names. */
export interface SelectLineage extends Lineage {
  /** Columns of the table that the SELECT names, with the byte offset in its text. */
  readonly reads: ReadonlyMap<string, number | undefined>
}

/** Lineage of a table, by `schema.name`; undefined if it has nothing of the source table. */
export type LineageLookup = (table: string) => Lineage | undefined

/** `statement` has its macros expanded. */
export function traceSelect(statement: AstNode, lineageOf: LineageLookup): SelectLineage {
  const reads = new Map<string, number | undefined>()
  const lineage = traceQuery(asNode(statement.node), {
    lineageOf,
    reads,
    ctes: new Map(),
    outer: undefined,
  })
  return { ...lineage, reads }
}

interface QueryContext {
  readonly lineageOf: LineageLookup
  readonly reads: Map<string, number | undefined>
  readonly ctes: ReadonlyMap<string, Lineage>
  readonly outer: Scope | undefined
}

interface Relation extends Lineage {
  readonly alias: string
}

/** What names refer to inside one SELECT. */
interface Scope extends QueryContext {
  readonly relations: readonly Relation[]
  /** Output columns so far: DuckDB lets later expressions refer to them. */
  readonly own: ReadonlyMap<string, ColumnSources>
  /** Lambda parameters, which hide columns of the same name. */
  readonly hidden: ReadonlySet<string>
}

function traceQuery(node: AstNode, context: QueryContext): Lineage {
  const inner = { ...context, ctes: traceCtes(node, context) }
  if (node.type === 'SELECT_NODE') return traceSelectNode(node, inner)
  if (node.type !== 'SET_OPERATION_NODE') return traceUnknownQuery(node, inner)
  const left = traceQuery(asNode(node.left), inner)
  const right = traceQuery(asNode(node.right), inner)
  const others = [...right.columns.values()]
  const columns = [...left.columns].map(
    ([name, one], index) => [name, unite(one, others[index], right.columns.get(name))] as const,
  )
  const unlisted = unite(left.unlisted, right.unlisted)
  const ownColumns = unite(left.ownColumns, right.ownColumns)
  return {
    columns: new Map(columns),
    // Without ALL, rows are compared as a whole, so that every column decides which ones there are.
    rows: unite(...[left, right].map((one) => (node.setop_all ? one.rows : collectSources(one)))),
    ...(unlisted.size === 0 ? {} : { unlisted }),
    ...(ownColumns.size === 0 ? {} : { ownColumns }),
  }
}

function traceCtes(node: AstNode, context: QueryContext): ReadonlyMap<string, Lineage> {
  const ctes = new Map(context.ctes)
  for (const { key, value } of asNodes(asNode(node.cte_map).map)) {
    const { query, aliases } = asNode(value)
    const lineage = traceQuery(asNode(asNode(query).node), { ...context, ctes })
    ctes.set(asText(key).toLowerCase(), renameColumns(lineage, aliases))
  }
  return ctes
}

/** For other kinds of query: any of its columns may come from any table that it reads. */
function traceUnknownQuery(node: AstNode, context: QueryContext): Lineage {
  const rest = new Set<string>()
  const collect = (value: AstValue): void => {
    if (Array.isArray(value)) value.forEach(collect)
    else if (isNode(value)) {
      if (value.type === 'BASE_TABLE')
        for (const one of collectSources(traceTable(value, context))) rest.add(one)
      Object.values(value).forEach(collect)
    }
  }
  collect(node)
  return { columns: new Map(), rows: rest, unlisted: rest }
}

function traceSelectNode(node: AstNode, context: QueryContext): Lineage {
  const rows = new Set<string>()
  const relations = traceFrom(node.from_table ?? null, context, rows)
  const own = new Map<string, ColumnSources>()
  const scope: Scope = { ...context, relations, own, hidden: NO_SOURCES }
  const items = asNodes(node.select_list)
  const sources = items.map((item, index) => {
    const columns =
      item.class === 'STAR'
        ? traceStar(item, scope)
        : [[chooseName(item, index), traceExpression(item, scope)] as const]
    for (const [name, one] of columns) own.set(name, one)
    return unite(...columns.map(([, one]) => one))
  })
  for (const part of [node.where_clause, node.having, node.qualify, node.modifiers])
    for (const one of traceExpression(part ?? null, scope)) rows.add(one)
  for (const group of asNodes(node.group_expressions)) {
    const ordinal = Number(asNode(group.value).value)
    for (const one of sources[ordinal - 1] ?? traceExpression(group, scope)) rows.add(one)
  }
  const isDistinct = asNodes(node.modifiers).some((one) => one.type === 'DISTINCT_MODIFIER')
  items.forEach((item, index) => {
    // GROUP BY ALL groups by the items without an aggregate.
    const isGroup = node.aggregate_handling === 'FORCE_AGGREGATES' && !callsAggregate(item)
    if (isDistinct || isGroup) for (const one of sources[index] ?? NO_SOURCES) rows.add(one)
  })
  for (const relation of relations) for (const one of relation.rows) rows.add(one)
  const unlisted = unite(...relations.map((one) => one.unlisted))
  const stars = items.filter((item) => item.class === 'STAR')
  const ownColumns = unite(...stars.map((star) => starOwnColumns(star, scope)))
  return {
    columns: own,
    rows,
    ...(stars.length > 0 && unlisted.size > 0 ? { unlisted } : {}),
    ...(ownColumns.size > 0 ? { ownColumns } : {}),
  }
}

function chooseName(item: AstNode, index: number): string {
  const alias = asText(item.alias)
  return (alias || (asTexts(item.column_names).at(-1) ?? `#${index}`)).toLowerCase()
}

/** The relations of a FROM clause. Sources of join conditions are added to `rows`. */
function traceFrom(from: AstValue, context: QueryContext, rows: Set<string>): readonly Relation[] {
  if (!isNode(from)) return []
  const alias = asText(from.alias).toLowerCase()
  switch (from.type) {
    case 'EMPTY':
      return []
    case 'BASE_TABLE': {
      const lineage = renameColumns(traceTable(from, context), from.column_name_alias)
      return [{ ...lineage, alias: alias || asText(from.table_name).toLowerCase() }]
    }
    case 'SUBQUERY': {
      const lineage = traceQuery(asNode(asNode(from.subquery).node), context)
      return [{ ...renameColumns(lineage, from.column_name_alias), alias }]
    }
    case 'JOIN':
      return traceJoin(from, context, rows)
    default: {
      // unnest(…), VALUES and the like: any column may come from any argument.
      const scope = context.outer ?? {
        ...context,
        relations: [],
        own: new Map(),
        hidden: NO_SOURCES,
      }
      const rest = unite(
        traceExpression({ ...from, class: '', alias: '' }, scope),
        traceTableArguments(from, context),
      )
      const name = alias || asText(asNode(from.function).function_name)
      return [{ columns: new Map(), rows: rest, unlisted: rest, alias: name }]
    }
  }
}

function traceJoin(from: AstNode, context: QueryContext, rows: Set<string>): readonly Relation[] {
  const left = traceFrom(from.left ?? null, context, rows)
  // The right side of a join may refer to the left side (LATERAL, unnest).
  const beside: Scope = { ...context, relations: left, own: new Map(), hidden: NO_SOURCES }
  const right = traceFrom(from.right ?? null, { ...context, outer: beside }, rows)
  const relations = [...left, ...right]
  const scope: Scope = { ...beside, relations }
  for (const one of traceExpression(from.condition ?? null, scope)) rows.add(one)
  for (const name of asTexts(from.using_columns))
    for (const one of resolve([name], scope, undefined)) rows.add(one)
  return relations
}

/** Tables whose names a table function takes as text, as session_rows('silver.people', …) does. */
function traceTableArguments(from: AstNode, context: QueryContext): ColumnSources {
  const names = asNodes(asNode(from.function).children).map(readTextConstant)
  const lineages = names.map((name) => name && context.lineageOf(name.toLowerCase()))
  return unite(...lineages.map((one) => (one ? collectSources(one) : undefined)))
}

function traceTable(table: AstNode, context: QueryContext): Lineage {
  const schema = asText(table.schema_name).toLowerCase()
  const name = asText(table.table_name).toLowerCase()
  const cte = schema === '' ? context.ctes.get(name) : undefined
  const lineage = cte ?? context.lineageOf(schema === '' ? name : `${schema}.${name}`)
  return lineage ?? { columns: new Map(), rows: NO_SOURCES }
}

/** The table's own columns that a star passes on unchanged. */
function starOwnColumns(star: AstNode, scope: Scope): ColumnSources {
  const only = asText(star.relation_name).toLowerCase()
  const from = scope.relations.filter((one) => only === '' || one.alias === only)
  const left = new Set(traceStar({ ...star, replace_list: [] }, scope).map(([name]) => name))
  for (const { key } of asNodes(star.replace_list)) left.delete(asText(key).toLowerCase())
  return new Set([...unite(...from.map((one) => one.ownColumns))].filter((name) => left.has(name)))
}

function traceStar(star: AstNode, scope: Scope): readonly (readonly [string, ColumnSources])[] {
  const only = asText(star.relation_name).toLowerCase()
  const excluded = new Set(
    (Array.isArray(star.exclude_list) ? star.exclude_list : []).map((one) =>
      (isNode(one) ? String(Object.values(one).at(-1)) : String(one)).toLowerCase(),
    ),
  )
  const columns = new Map<string, ColumnSources>()
  for (const relation of scope.relations) {
    if (only !== '' && relation.alias !== only) continue
    for (const [name, one] of relation.columns)
      if (!excluded.has(name)) columns.set(name, unite(columns.get(name), one))
  }
  for (const { key, value } of asNodes(star.replace_list))
    columns.set(asText(key).toLowerCase(), traceExpression(value ?? null, scope))
  return [...columns]
}

/** The sources of an expression or any other part of the tree. */
function traceExpression(value: AstValue, scope: Scope): ColumnSources {
  if (Array.isArray(value)) return unite(...value.map((one) => traceExpression(one, scope)))
  if (!isNode(value)) return NO_SOURCES
  if (value.class === 'COLUMN_REF') return resolve(readPath(value), scope, readPosition(value))
  if (value.class === 'STAR') return unite(...traceStar(value, scope).map(([, one]) => one))
  if (value.class === 'LAMBDA') {
    const hidden = new Set([...scope.hidden, ...lambdaParameters(value.lhs ?? null)])
    return traceExpression(value.expr ?? null, { ...scope, hidden })
  }
  if (value.class === 'SUBQUERY') {
    const query = asNode(asNode(value.subquery).node)
    const lineage = traceQuery(query, { ...scope, outer: scope })
    return unite(collectSources(lineage), traceExpression(value.child ?? null, scope))
  }
  return unite(...Object.values(value).map((one) => traceExpression(one, scope)))
}

function lambdaParameters(value: AstValue): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(lambdaParameters)
  if (!isNode(value)) return []
  if (value.class === 'COLUMN_REF') return readPath(value).slice(0, 1)
  return Object.values(value).flatMap(lambdaParameters)
}

function readPath(ref: AstNode): readonly string[] {
  return asTexts(ref.column_names).map((one) => one.toLowerCase())
}

/** A name may be a column of a relation, an output column or one of the outer SELECT; all count. */
function resolve(path: readonly string[], scope: Scope, at: number | undefined): ColumnSources {
  const [first = '', second, third] = path.map((one) => one.toLowerCase())
  if (scope.hidden.has(first)) return NO_SOURCES
  const found: ColumnSources[] = []
  const collect = (relation: Relation, name: string): void => {
    const sources = relation.columns.get(name)
    if (sources === undefined) return
    if (relation.ownColumns?.has(name) && !scope.reads.has(name)) scope.reads.set(name, at)
    found.push(sources)
  }
  for (const relation of scope.relations) {
    collect(relation, first)
    if (second !== undefined && relation.alias === first) collect(relation, second)
    if (third !== undefined && relation.alias === second) collect(relation, third)
  }
  const own = scope.own.get(first)
  if (found.length === 0 && own !== undefined) found.push(own)
  if (found.length > 0) return unite(...found)
  const whole = scope.relations.filter((one) => one.alias === first)
  if (whole.length > 0) return unite(...whole.map(collectSources))
  const rest = unite(...scope.relations.map((one) => one.unlisted))
  return scope.outer === undefined ? rest : unite(rest, resolve(path, scope.outer, at))
}
