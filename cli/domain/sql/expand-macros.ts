/** Replaces calls of the project's macros by the macros' bodies. */
import { CcsError } from '../kernel/errors.ts'
import {
  type AstNode,
  type AstValue,
  asNode,
  asNodes,
  asText,
  asTexts,
  isNode,
  readTextConstant,
  visit,
} from './ast.ts'
import { makeTableNode } from './build-ast.ts'

/** A macro of sql/macros.sql. */
export interface Macro {
  readonly name: string
  readonly params: readonly string[]
  readonly isTable: boolean
  /** The parsed SELECT of an `AS TABLE` macro, or `SELECT <expression>` for a scalar macro. */
  readonly body: AstNode
}

/** Macros by name in lower case. */
export type MacroSet = ReadonlyMap<string, Macro>

/**
 * Replaces macro calls by the macros' bodies, also inside other macros. `isExpanded` chooses the
 * macros; by default only scalar ones, since the engines' dialects recognize session_rows by its
 * name. Alias and position of a call are kept, so that columns keep their names and errors their
 * place. Throws CCS_MODEL_CYCLE for a macro that calls itself.
 */
export function expandMacros(
  statement: AstNode,
  macros: MacroSet,
  isExpanded: (macro: Macro) => boolean = (macro) => !macro.isTable,
): AstNode {
  const expand = (value: AstValue, active: readonly string[]): AstValue => {
    if (Array.isArray(value)) {
      const items = value.map((one) => expand(one, active))
      return items.some((one, index) => one !== value[index]) ? items : value
    }
    if (!isNode(value)) return value
    const isTable = value.type === 'TABLE_FUNCTION'
    const call = isTable ? asNode(value.function) : value
    const macro = findCalledMacro(call, macros)
    const wanted = macro !== undefined && macro.isTable === isTable && isExpanded(macro)
    if (macro === undefined || !wanted) return expandChildren(value, active)
    if (active.includes(macro.name))
      throw new CcsError('CCS_MODEL_CYCLE', `The macro '${macro.name}' calls itself.`, {
        hint: 'Define the macro without a call to itself.',
      })
    return expand(applyMacro(macro, value, call), [...active, macro.name])
  }
  // Returns the same object where nothing below it changed.
  const expandChildren = (node: AstNode, active: readonly string[]): AstNode => {
    let copy: Record<string, AstValue> | undefined
    for (const key of Object.keys(node)) {
      const before = node[key] ?? null
      const after = before === null || typeof before !== 'object' ? before : expand(before, active)
      if (after === before) continue
      copy ??= { ...node }
      copy[key] = after
    }
    return copy ?? node
  }
  return callsAny(statement, macros) ? expandChildren(statement, []) : statement
}

/**
 * Most models call no macro; checking that first is much cheaper than a walk that may copy nodes.
 */
function callsAny(statement: AstNode, macros: MacroSet): boolean {
  let isFound = false
  visit(statement, (node) => {
    isFound ||= findCalledMacro(node, macros) !== undefined
  })
  return isFound
}

function findCalledMacro(call: AstNode, macros: MacroSet): Macro | undefined {
  return call.class === 'FUNCTION'
    ? macros.get(asText(call.function_name).toLowerCase())
    : undefined
}

/** A macro's body with the call's arguments in place of its parameters. */
function applyMacro(macro: Macro, site: AstNode, call: AstNode): AstNode {
  const args = asNodes(call.children)
  if (args.length !== macro.params.length)
    throw new CcsError(
      'CCS_MODEL_INVALID',
      `${macro.name}() takes ${macro.params.length} arguments (${macro.params.join(', ')}), ` +
        `not ${args.length}.`,
    )
  const values = new Map(macro.params.map((name, index) => [name, args[index]]))
  const alias = asText(site.alias)
  if (macro.isTable) {
    return {
      type: 'SUBQUERY',
      alias,
      sample: null,
      subquery: substituteParameters(macro.body, values) as AstNode, // a node in gives a node out
      column_name_alias: site.column_name_alias ?? [],
    }
  }
  const [expression] = asNodes(asNode(macro.body.node).select_list)
  const at = site.query_location
  return {
    ...(substituteParameters(expression ?? null, values) as AstNode), // a node in gives a node out
    alias,
    ...(at === undefined ? {} : { query_location: at }),
  }
}

function substituteParameters(
  value: AstValue,
  values: ReadonlyMap<string, AstNode | undefined>,
): AstValue {
  if (Array.isArray(value)) return value.map((one) => substituteParameters(one, values))
  if (!isNode(value)) return value
  if (value.class === 'LAMBDA') {
    // A lambda's parameter hides a macro parameter of the same name.
    const [own] = readColumnPath(value.lhs)
    const inner = new Map([...values].filter(([name]) => name !== own))
    return { ...value, expr: substituteParameters(value.expr ?? null, inner) }
  }
  const path = readColumnPath(value)
  const argument = path.length === 1 ? values.get(path[0] ?? '') : undefined
  if (argument !== undefined) return { ...argument, alias: value.alias ?? '' }
  const children = Object.entries(value).map(
    ([key, one]) => [key, substituteParameters(one, values)] as const,
  )
  return resolveQueryTable(Object.fromEntries(children))
}

function readColumnPath(value: AstValue | undefined): string[] {
  const { class: kind, column_names } = asNode(value)
  return kind === 'COLUMN_REF' ? asTexts(column_names).map((one) => one.toLowerCase()) : []
}

/** Replaces query_table('silver.people') by the plain table that it names. */
function resolveQueryTable(node: AstNode): AstNode {
  const call = node.type === 'TABLE_FUNCTION' ? (node.function ?? null) : null
  if (!isNode(call) || call.function_name !== 'query_table') return node
  const [argument] = asNodes(call.children)
  const name = argument === undefined ? undefined : readTextConstant(argument)
  if (name === undefined) return node
  const [table = '', schema = ''] = name.split('.').reverse()
  return makeTableNode(schema, table, asText(node.alias))
}
