/**
 * Which columns of one table the columns and rows of a SELECT may come from, read from DuckDB's AST. It errs
 * on the side of "may": what it can't follow counts as coming from all that stands there.
 */
import { hasAggregate } from '../sql/aggregate-names.ts'
import {
  type AstNode,
  type AstValue,
  constantText,
  isNode,
  nodes,
  positionOf,
  textOf,
} from '../sql/ast.ts'
import { allOrigins, type Lineage, NONE, type Origins, renamed, union } from './column-sources.ts'

export interface SelectLineage extends Lineage {
  /** Columns of the table itself that are named here, with their place in the SQL text (bytes from 0). */
  readonly reads: ReadonlyMap<string, number | undefined>
}

/** The lineage of a table or model that a SELECT reads, by `schema.name`; undefined: of no interest. */
export type LineageOf = (table: string) => Lineage | undefined

/** Of a statement with its macros put in place. */
export function selectLineage(statement: AstNode, lineageOf: LineageOf): SelectLineage {
  const reads = new Map<string, number | undefined>()
  const node = isNode(statement.node) ? statement.node : {}
  const lineage = ofQuery(node, { lineageOf, reads, ctes: new Map(), outer: undefined })
  return { ...lineage, reads }
}

interface Around {
  readonly lineageOf: LineageOf
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
  readonly own: ReadonlyMap<string, Origins>
  /** Parameters of lambdas. */
  readonly hidden: ReadonlySet<string>
}

function ofQuery(node: AstNode, around: Around): Lineage {
  const inner = { ...around, ctes: withCtes(node, around) }
  if (node.type === 'SELECT_NODE') return ofSelect(node, inner)
  if (node.type !== 'SET_OPERATION_NODE') return opaque(node, inner)
  const sides = [node.left, node.right].map((side) => ofQuery(isNode(side) ? side : {}, inner))
  const [left, right] = sides
  if (left === undefined || right === undefined) return opaque(node, inner)
  const others = [...right.columns.values()]
  const columns = [...left.columns].map(
    ([name, one], index) => [name, union(one, others[index], right.columns.get(name))] as const,
  )
  const [rest, base] = [union(left.rest, right.rest), union(left.base, right.base)]
  return {
    columns: new Map(columns),
    // Without ALL, and in EXCEPT and INTERSECT, every column decides.
    rows: node.setop_all === true ? union(left.rows, right.rows) : union(...sides.map(allOrigins)),
    ...(rest.size === 0 ? {} : { rest }),
    ...(base.size === 0 ? {} : { base }),
  }
}

function withCtes(node: AstNode, around: Around): ReadonlyMap<string, Lineage> {
  const ctes = new Map(around.ctes)
  const map = isNode(node.cte_map) ? nodes(node.cte_map.map) : []
  for (const { key, value } of map) {
    const query = isNode(value) && isNode(value.query) ? value.query.node : null
    const names = isNode(value) ? value.aliases : []
    const lineage = ofQuery(isNode(query) ? query : {}, { ...around, ctes })
    ctes.set(textOf(key).toLowerCase(), renamed(lineage, names))
  }
  return ctes
}

/** A query of a kind that is not followed: anything in it may come from anything it reads. */
function opaque(node: AstNode, around: Around): Lineage {
  const rest = new Set<string>()
  const collect = (value: AstValue): void => {
    if (Array.isArray(value)) value.forEach(collect)
    else if (isNode(value)) {
      if (value.type === 'BASE_TABLE')
        for (const one of allOrigins(ofTable(value, around))) rest.add(one)
      Object.values(value).forEach(collect)
    }
  }
  collect(node)
  return { columns: new Map(), rows: rest, rest }
}

function ofSelect(node: AstNode, around: Around): Lineage {
  const rows = new Set<string>()
  const relations = fromOf(node.from_table ?? null, around, rows)
  const own = new Map<string, Origins>()
  const scope: Scope = { ...around, relations, own, hidden: NONE }
  const items = nodes(node.select_list)
  const origins = items.map((item, index) => {
    const columns =
      item.class === 'STAR'
        ? ofStar(item, scope)
        : [[nameOf(item, index), of(item, scope)] as const]
    for (const [name, one] of columns) own.set(name, one)
    return union(...columns.map(([, one]) => one))
  })
  for (const part of [node.where_clause, node.having, node.qualify, node.modifiers])
    for (const one of of(part ?? null, scope)) rows.add(one)
  for (const group of nodes(node.group_expressions)) {
    const ordinal = isNode(group.value) ? Number(group.value.value) : Number.NaN
    for (const one of origins[ordinal - 1] ?? of(group, scope)) rows.add(one)
  }
  const isDistinct = nodes(node.modifiers).some((one) => one.type === 'DISTINCT_MODIFIER')
  items.forEach((item, index) => {
    // GROUP BY ALL groups by what is no aggregate.
    const isGroup = node.aggregate_handling === 'FORCE_AGGREGATES' && !hasAggregate(item)
    if (isDistinct || isGroup) for (const one of origins[index] ?? NONE) rows.add(one)
  })
  for (const relation of relations) for (const one of relation.rows) rows.add(one)
  const rest = union(...relations.map((one) => one.rest))
  const stars = items.filter((item) => item.class === 'STAR')
  const base = union(...stars.map((star) => passedOn(star, scope)))
  return {
    columns: own,
    rows,
    ...(stars.length > 0 && rest.size > 0 ? { rest } : {}),
    ...(base.size > 0 ? { base } : {}),
  }
}

function nameOf(item: AstNode, index: number): string {
  const alias = textOf(item.alias)
  const path = Array.isArray(item.column_names) ? item.column_names : []
  return (alias || String(path.at(-1) ?? `#${index}`)).toLowerCase()
}

/** The relations of a FROM clause; what joins ask for goes into `rows`. */
function fromOf(from: AstValue, around: Around, rows: Set<string>): readonly Relation[] {
  if (!isNode(from)) return []
  const alias = textOf(from.alias).toLowerCase()
  switch (from.type) {
    case 'EMPTY':
      return []
    case 'BASE_TABLE':
      return [
        {
          ...renamed(ofTable(from, around), from.column_name_alias),
          alias: alias || textOf(from.table_name).toLowerCase(),
        },
      ]
    case 'SUBQUERY': {
      const query = isNode(from.subquery) ? from.subquery.node : null
      const lineage = ofQuery(isNode(query) ? query : {}, around)
      return [{ ...renamed(lineage, from.column_name_alias), alias }]
    }
    case 'JOIN':
      return ofJoin(from, around, rows)
    default: {
      // unnest(…), VALUES, and whatever else: any column of it may come from any of its arguments.
      const scope = around.outer ?? { ...around, relations: [], own: new Map(), hidden: NONE }
      const rest = union(of({ ...from, class: '', alias: '' }, scope), namedTables(from, around))
      const name = alias || (isNode(from.function) ? textOf(from.function.function_name) : '')
      return [{ columns: new Map(), rows: rest, rest, alias: name }]
    }
  }
}

function ofJoin(from: AstNode, around: Around, rows: Set<string>): readonly Relation[] {
  const left = fromOf(from.left ?? null, around, rows)
  // The right side of a join may refer to the left one (LATERAL, unnest).
  const beside: Scope = { ...around, relations: left, own: new Map(), hidden: NONE }
  const right = fromOf(from.right ?? null, { ...around, outer: beside }, rows)
  const relations = [...left, ...right]
  const scope: Scope = { ...beside, relations }
  const using = Array.isArray(from.using_columns) ? from.using_columns : []
  for (const one of of(from.condition ?? null, scope)) rows.add(one)
  for (const name of using)
    for (const one of resolve([String(name)], scope, undefined)) rows.add(one)
  return relations
}

/** Tables that a table function is told by their names, as session_rows('silver.people', …) is. */
function namedTables(from: AstNode, around: Around): Origins {
  const names = isNode(from.function) ? nodes(from.function.children).map(constantText) : []
  return union(
    ...names.map((name) => {
      const lineage = name === undefined ? undefined : around.lineageOf(name.toLowerCase())
      return lineage && allOrigins(lineage)
    }),
  )
}

function ofTable(table: AstNode, around: Around): Lineage {
  const schema = textOf(table.schema_name).toLowerCase()
  const name = textOf(table.table_name).toLowerCase()
  const cte = schema === '' ? around.ctes.get(name) : undefined
  const known = cte ?? around.lineageOf(schema === '' ? name : `${schema}.${name}`)
  return known ?? { columns: new Map(), rows: NONE }
}

/** The table's own columns that a star passes on as they are. */
function passedOn(star: AstNode, scope: Scope): Origins {
  const only = textOf(star.relation_name).toLowerCase()
  const from = scope.relations.filter((one) => only === '' || one.alias === only)
  const left = new Set(ofStar({ ...star, replace_list: [] }, scope).map(([name]) => name))
  for (const { key } of nodes(star.replace_list)) left.delete(textOf(key).toLowerCase())
  return new Set([...union(...from.map((one) => one.base))].filter((name) => left.has(name)))
}

function ofStar(star: AstNode, scope: Scope): readonly (readonly [string, Origins])[] {
  const only = textOf(star.relation_name).toLowerCase()
  const excluded = new Set(
    (Array.isArray(star.exclude_list) ? star.exclude_list : []).map((one) =>
      (isNode(one) ? String(Object.values(one).at(-1)) : String(one)).toLowerCase(),
    ),
  )
  const replaced = nodes(star.replace_list).map(
    ({ key, value }) => [textOf(key).toLowerCase(), of(value ?? null, scope)] as const,
  )
  const columns = new Map<string, Origins>()
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
function of(value: AstValue, scope: Scope): Origins {
  if (Array.isArray(value)) return union(...value.map((one) => of(one, scope)))
  if (!isNode(value)) return NONE
  if (value.class === 'COLUMN_REF') return resolve(pathOf(value), scope, positionOf(value))
  if (value.class === 'STAR') return union(...ofStar(value, scope).map(([, one]) => one))
  if (value.class === 'LAMBDA') {
    const hidden = new Set([...scope.hidden, ...parameters(value.lhs ?? null)])
    return of(value.expr ?? null, { ...scope, hidden })
  }
  if (value.class === 'SUBQUERY') {
    const query = isNode(value.subquery) ? value.subquery.node : null
    const lineage = ofQuery(isNode(query) ? query : {}, { ...scope, outer: scope })
    return union(allOrigins(lineage), of(value.child ?? null, scope))
  }
  return union(...Object.values(value).map((one) => of(one, scope)))
}

function parameters(value: AstValue): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(parameters)
  if (!isNode(value)) return []
  if (value.class === 'COLUMN_REF') return pathOf(value).slice(0, 1)
  return Object.values(value).flatMap(parameters)
}

function pathOf(ref: AstNode): readonly string[] {
  const names = Array.isArray(ref.column_names) ? ref.column_names : []
  return names.map((one) => String(one).toLowerCase())
}

/** A name as its relations, this SELECT's own columns or a SELECT around it have it; of several, all. */
function resolve(path: readonly string[], scope: Scope, at: number | undefined): Origins {
  const [first = '', second, third] = path.map((one) => one.toLowerCase())
  if (scope.hidden.has(first)) return NONE
  const found: Origins[] = []
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
  if (whole.length > 0) return union(...whole.map(allOrigins))
  const rest = union(...scope.relations.map((one) => one.rest))
  return scope.outer === undefined ? rest : union(rest, resolve(path, scope.outer, at))
}

function noteRead(relation: Relation, name: string, at: number | undefined, scope: Scope): void {
  if (relation.base?.has(name) && !scope.reads.has(name)) scope.reads.set(name, at)
}
