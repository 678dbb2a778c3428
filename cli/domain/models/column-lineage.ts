/**
 * Which columns of one table the columns and rows of a SELECT may come from, read from DuckDB's AST. It errs
 * on the side of "may": what it can't follow counts as coming from all that stands there.
 */
import { callsAggregate } from '../sql/aggregate-names.ts'
import {
  type AstNode,
  type AstValue,
  asNodes,
  asText,
  isNode,
  readPosition,
  readTextConstant,
} from '../sql/ast.ts'
import {
  allSources,
  type ColumnSources,
  type Lineage,
  NO_SOURCES,
  renameColumns,
  union,
} from './column-sources.ts'

export interface SelectLineage extends Lineage {
  /** Columns of the table itself that are named here, with their place in the SQL text (bytes from 0). */
  readonly reads: ReadonlyMap<string, number | undefined>
}

/** The lineage of a table or model that a SELECT reads, by `schema.name`; undefined: of no interest. */
export type LineageLookup = (table: string) => Lineage | undefined

/** Of a statement with its macros put in place. */
export function traceSelect(statement: AstNode, lineageOf: LineageLookup): SelectLineage {
  const reads = new Map<string, number | undefined>()
  const node = isNode(statement.node) ? statement.node : {}
  const lineage = traceQuery(node, { lineageOf, reads, ctes: new Map(), outer: undefined })
  return { ...lineage, reads }
}

interface Around {
  readonly lineageOf: LineageLookup
  readonly reads: Map<string, number | undefined>
  readonly ctes: ReadonlyMap<string, Lineage>
  readonly outer: Scope | undefined
}

interface Relation extends Lineage {
  readonly alias: string
}

/** What names mean inside one SELECT. */
interface Scope extends Around {
  readonly relations: readonly Relation[]
  /** Columns of this SELECT so far: DuckDB lets later ones refer to them. */
  readonly own: ReadonlyMap<string, ColumnSources>
  /** Parameters of lambdas. */
  readonly hidden: ReadonlySet<string>
}

function traceQuery(node: AstNode, around: Around): Lineage {
  const inner = { ...around, ctes: traceCtes(node, around) }
  if (node.type === 'SELECT_NODE') return traceSelectNode(node, inner)
  if (node.type !== 'SET_OPERATION_NODE') return traceUnknownQuery(node, inner)
  const sides = [node.left, node.right].map((side) => traceQuery(isNode(side) ? side : {}, inner))
  const [left, right] = sides
  if (left === undefined || right === undefined) return traceUnknownQuery(node, inner)
  const others = [...right.columns.values()]
  const columns = [...left.columns].map(
    ([name, one], index) => [name, union(one, others[index], right.columns.get(name))] as const,
  )
  const [rest, base] = [
    union(left.unlisted, right.unlisted),
    union(left.ownColumns, right.ownColumns),
  ]
  return {
    columns: new Map(columns),
    // Without ALL, and in EXCEPT and INTERSECT, every column decides.
    rows: node.setop_all === true ? union(left.rows, right.rows) : union(...sides.map(allSources)),
    ...(rest.size === 0 ? {} : { unlisted: rest }),
    ...(base.size === 0 ? {} : { ownColumns: base }),
  }
}

function traceCtes(node: AstNode, around: Around): ReadonlyMap<string, Lineage> {
  const ctes = new Map(around.ctes)
  const map = isNode(node.cte_map) ? asNodes(node.cte_map.map) : []
  for (const { key, value } of map) {
    const query = isNode(value) && isNode(value.query) ? value.query.node : null
    const names = isNode(value) ? value.aliases : []
    const lineage = traceQuery(isNode(query) ? query : {}, { ...around, ctes })
    ctes.set(asText(key).toLowerCase(), renameColumns(lineage, names))
  }
  return ctes
}

/** A query of a kind that is not followed: anything in it may come from anything it reads. */
function traceUnknownQuery(node: AstNode, around: Around): Lineage {
  const rest = new Set<string>()
  const collect = (value: AstValue): void => {
    if (Array.isArray(value)) value.forEach(collect)
    else if (isNode(value)) {
      if (value.type === 'BASE_TABLE')
        for (const one of allSources(traceTable(value, around))) rest.add(one)
      Object.values(value).forEach(collect)
    }
  }
  collect(node)
  return { columns: new Map(), rows: rest, unlisted: rest }
}

function traceSelectNode(node: AstNode, around: Around): Lineage {
  const rows = new Set<string>()
  const relations = traceFrom(node.from_table ?? null, around, rows)
  const own = new Map<string, ColumnSources>()
  const scope: Scope = { ...around, relations, own, hidden: NO_SOURCES }
  const items = asNodes(node.select_list)
  const origins = items.map((item, index) => {
    const columns =
      item.class === 'STAR'
        ? traceStar(item, scope)
        : [[nameOf(item, index), traceExpression(item, scope)] as const]
    for (const [name, one] of columns) own.set(name, one)
    return union(...columns.map(([, one]) => one))
  })
  for (const part of [node.where_clause, node.having, node.qualify, node.modifiers])
    for (const one of traceExpression(part ?? null, scope)) rows.add(one)
  for (const group of asNodes(node.group_expressions)) {
    const ordinal = isNode(group.value) ? Number(group.value.value) : Number.NaN
    for (const one of origins[ordinal - 1] ?? traceExpression(group, scope)) rows.add(one)
  }
  const isDistinct = asNodes(node.modifiers).some((one) => one.type === 'DISTINCT_MODIFIER')
  items.forEach((item, index) => {
    // GROUP BY ALL groups by what is no aggregate.
    const isGroup = node.aggregate_handling === 'FORCE_AGGREGATES' && !callsAggregate(item)
    if (isDistinct || isGroup) for (const one of origins[index] ?? NO_SOURCES) rows.add(one)
  })
  for (const relation of relations) for (const one of relation.rows) rows.add(one)
  const rest = union(...relations.map((one) => one.unlisted))
  const stars = items.filter((item) => item.class === 'STAR')
  const base = union(...stars.map((star) => starOwnColumns(star, scope)))
  return {
    columns: own,
    rows,
    ...(stars.length > 0 && rest.size > 0 ? { unlisted: rest } : {}),
    ...(base.size > 0 ? { ownColumns: base } : {}),
  }
}

function nameOf(item: AstNode, index: number): string {
  const alias = asText(item.alias)
  const path = Array.isArray(item.column_names) ? item.column_names : []
  return (alias || String(path.at(-1) ?? `#${index}`)).toLowerCase()
}

/** The relations of a FROM clause; what joins ask for goes into `rows`. */
function traceFrom(from: AstValue, around: Around, rows: Set<string>): readonly Relation[] {
  if (!isNode(from)) return []
  const alias = asText(from.alias).toLowerCase()
  switch (from.type) {
    case 'EMPTY':
      return []
    case 'BASE_TABLE':
      return [
        {
          ...renameColumns(traceTable(from, around), from.column_name_alias),
          alias: alias || asText(from.table_name).toLowerCase(),
        },
      ]
    case 'SUBQUERY': {
      const query = isNode(from.subquery) ? from.subquery.node : null
      const lineage = traceQuery(isNode(query) ? query : {}, around)
      return [{ ...renameColumns(lineage, from.column_name_alias), alias }]
    }
    case 'JOIN':
      return traceJoin(from, around, rows)
    default: {
      // unnest(…), VALUES, and whatever else: any column of it may come from any of its arguments.
      const scope = around.outer ?? { ...around, relations: [], own: new Map(), hidden: NO_SOURCES }
      const rest = union(
        traceExpression({ ...from, class: '', alias: '' }, scope),
        traceTableArguments(from, around),
      )
      const name = alias || (isNode(from.function) ? asText(from.function.function_name) : '')
      return [{ columns: new Map(), rows: rest, unlisted: rest, alias: name }]
    }
  }
}

function traceJoin(from: AstNode, around: Around, rows: Set<string>): readonly Relation[] {
  const left = traceFrom(from.left ?? null, around, rows)
  // The right side of a join may refer to the left one (LATERAL, unnest).
  const beside: Scope = { ...around, relations: left, own: new Map(), hidden: NO_SOURCES }
  const right = traceFrom(from.right ?? null, { ...around, outer: beside }, rows)
  const relations = [...left, ...right]
  const scope: Scope = { ...beside, relations }
  const using = Array.isArray(from.using_columns) ? from.using_columns : []
  for (const one of traceExpression(from.condition ?? null, scope)) rows.add(one)
  for (const name of using)
    for (const one of resolve([String(name)], scope, undefined)) rows.add(one)
  return relations
}

/** Tables that a table function is told by their names, as session_rows('silver.people', …) is. */
function traceTableArguments(from: AstNode, around: Around): ColumnSources {
  const names = isNode(from.function) ? asNodes(from.function.children).map(readTextConstant) : []
  return union(
    ...names.map((name) => {
      const lineage = name === undefined ? undefined : around.lineageOf(name.toLowerCase())
      return lineage && allSources(lineage)
    }),
  )
}

function traceTable(table: AstNode, around: Around): Lineage {
  const schema = asText(table.schema_name).toLowerCase()
  const name = asText(table.table_name).toLowerCase()
  const cte = schema === '' ? around.ctes.get(name) : undefined
  const known = cte ?? around.lineageOf(schema === '' ? name : `${schema}.${name}`)
  return known ?? { columns: new Map(), rows: NO_SOURCES }
}

/** The table's own columns that a star passes on as they are. */
function starOwnColumns(star: AstNode, scope: Scope): ColumnSources {
  const only = asText(star.relation_name).toLowerCase()
  const from = scope.relations.filter((one) => only === '' || one.alias === only)
  const left = new Set(traceStar({ ...star, replace_list: [] }, scope).map(([name]) => name))
  for (const { key } of asNodes(star.replace_list)) left.delete(asText(key).toLowerCase())
  return new Set([...union(...from.map((one) => one.ownColumns))].filter((name) => left.has(name)))
}

function traceStar(star: AstNode, scope: Scope): readonly (readonly [string, ColumnSources])[] {
  const only = asText(star.relation_name).toLowerCase()
  const excluded = new Set(
    (Array.isArray(star.exclude_list) ? star.exclude_list : []).map((one) =>
      (isNode(one) ? String(Object.values(one).at(-1)) : String(one)).toLowerCase(),
    ),
  )
  const replaced = asNodes(star.replace_list).map(
    ({ key, value }) => [asText(key).toLowerCase(), traceExpression(value ?? null, scope)] as const,
  )
  const columns = new Map<string, ColumnSources>()
  for (const relation of scope.relations) {
    if (only !== '' && relation.alias !== only) continue
    for (const [name, one] of relation.columns) {
      if (excluded.has(name)) continue
      columns.set(name, union(columns.get(name), one))
    }
  }
  for (const [name, one] of replaced) columns.set(name, one)
  return [...columns]
}

/** What an expression, or any part of the tree, may come from. */
function traceExpression(value: AstValue, scope: Scope): ColumnSources {
  if (Array.isArray(value)) return union(...value.map((one) => traceExpression(one, scope)))
  if (!isNode(value)) return NO_SOURCES
  if (value.class === 'COLUMN_REF') return resolve(readPath(value), scope, readPosition(value))
  if (value.class === 'STAR') return union(...traceStar(value, scope).map(([, one]) => one))
  if (value.class === 'LAMBDA') {
    const hidden = new Set([...scope.hidden, ...lambdaParameters(value.lhs ?? null)])
    return traceExpression(value.expr ?? null, { ...scope, hidden })
  }
  if (value.class === 'SUBQUERY') {
    const query = isNode(value.subquery) ? value.subquery.node : null
    const lineage = traceQuery(isNode(query) ? query : {}, { ...scope, outer: scope })
    return union(allSources(lineage), traceExpression(value.child ?? null, scope))
  }
  return union(...Object.values(value).map((one) => traceExpression(one, scope)))
}

function lambdaParameters(value: AstValue): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(lambdaParameters)
  if (!isNode(value)) return []
  if (value.class === 'COLUMN_REF') return readPath(value).slice(0, 1)
  return Object.values(value).flatMap(lambdaParameters)
}

function readPath(ref: AstNode): readonly string[] {
  const names = Array.isArray(ref.column_names) ? ref.column_names : []
  return names.map((one) => String(one).toLowerCase())
}

/** A name as its relations, this SELECT's own columns or a SELECT around it have it; of several, all. */
function resolve(path: readonly string[], scope: Scope, at: number | undefined): ColumnSources {
  const [first = '', second, third] = path.map((one) => one.toLowerCase())
  if (scope.hidden.has(first)) return NO_SOURCES
  const found: ColumnSources[] = []
  const look = (relation: Relation, name: string): void => {
    const origins = relation.columns.get(name)
    if (origins === undefined) return
    noteRead(relation, name, at, scope)
    found.push(origins)
  }
  for (const relation of scope.relations) {
    look(relation, first)
    if (second !== undefined && relation.alias === first) look(relation, second)
    if (third !== undefined && relation.alias === second) look(relation, third)
  }
  const own = scope.own.get(first)
  if (found.length === 0 && own !== undefined) found.push(own)
  if (found.length > 0) return union(...found)
  const whole = scope.relations.filter((one) => one.alias === first)
  if (whole.length > 0) return union(...whole.map(allSources))
  const rest = union(...scope.relations.map((one) => one.unlisted))
  return scope.outer === undefined ? rest : union(rest, resolve(path, scope.outer, at))
}

function noteRead(relation: Relation, name: string, at: number | undefined, scope: Scope): void {
  if (relation.ownColumns?.has(name) && !scope.reads.has(name)) scope.reads.set(name, at)
}
