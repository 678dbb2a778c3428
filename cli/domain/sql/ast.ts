/**
 * DuckDB's own AST of a SELECT, as json_serialize_sql gives it: reading and walking it. Trees are never changed in place. Parsing itself is DuckDB's and comes in as `ParseSql`.
 */
import { CcsError, type ErrorCode, EXIT, type Location } from '../kernel/errors.ts'

export type AstValue = string | number | boolean | null | AstNode | readonly AstValue[]
export type AstNode = { readonly [key: string]: AstValue }

/** The JSON text that `json_serialize_sql(sql)` returns; for text that is no SELECT it says so inside. */
export type ParseSql = (sql: string) => Promise<string>

/** Where SQL text stands in a user's file. */
export interface SqlSource {
  readonly file: string
  /** Line of the file (from 1) that `sql` begins on. */
  readonly line: number
  readonly sql: string
}

/**
 * Parses one SELECT. The result is the statement `{node, named_param_map}`; DuckDB's mark for "no position"
 * (2^64-1, which a JSON number can't keep) is left out, and json_deserialize_sql takes it so.
 * Throws `code` with the place for a syntax error.
 */
export async function parseSelect(
  origin: SqlSource,
  parseSql: ParseSql,
  code: ErrorCode = 'CCS_MODEL_INVALID',
): Promise<AstNode> {
  const json = await parseSql(origin.sql)
  // The text is DuckDB's own output: an object of plain JSON values.
  const result = JSON.parse(json.replace(ABSENT_POSITION, '')) as AstNode
  if (result.error === true) {
    const message = String(result.error_message)
    const at = Number(result.position)
    throw new CcsError(code, `${message.charAt(0).toUpperCase()}${message.slice(1)}.`, {
      exit: EXIT.usage,
      location: locate(origin, Number.isFinite(at) ? at : undefined),
      hint: 'A model is one SELECT of DuckDB after its header.',
    })
  }
  const statements = asNodes(result.statements)
  const [statement, second] = statements
  if (statement === undefined || second !== undefined)
    throw new CcsError(code, `There are ${statements.length} statements here; a model has one.`, {
      exit: EXIT.usage,
      location: locate(origin, undefined),
      hint: 'Keep one SELECT; put the others into models of their own.',
    })
  return statement
}

/** With the comma before or after it; a quote inside a text of JSON would have a backslash before it. */
const ABSENT_POSITION =
  /,"query_location":18446744073709551615(?=[,}])|"query_location":18446744073709551615,/g

/** The JSON that json_deserialize_sql turns into SQL text. */
export function renderAst(statement: AstNode): string {
  return JSON.stringify({ error: false, statements: [statement] })
}

/** The place in the file of a byte offset into the SQL text (DuckDB counts UTF-8 bytes). */
export function locate(origin: SqlSource, at: number | undefined): Location {
  const bytes = Buffer.from(origin.sql)
  const before = bytes.subarray(0, at ?? 0).toString()
  const line = before.split('\n').length - 1
  return {
    file: origin.file,
    line: origin.line + line,
    column: before.length - (before.lastIndexOf('\n') + 1) + 1,
    text: origin.sql.split('\n')[line] ?? '',
  }
}

export function isNode(value: AstValue | undefined): value is AstNode {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** The objects of a list; [] for anything else. */
export function asNodes(value: AstValue | undefined): readonly AstNode[] {
  return Array.isArray(value) ? value.filter(isNode) : []
}

export function asText(value: AstValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

export function readPosition(node: AstNode): number | undefined {
  const at = node.query_location
  return typeof at === 'number' ? at : undefined
}

/** The same tree with each node, children first, replaced by what `change` makes of it. */
export function mapAst(value: AstValue, change: (node: AstNode) => AstNode): AstValue {
  if (Array.isArray(value)) return value.map((one) => mapAst(one, change))
  if (!isNode(value)) return value
  const node: Record<string, AstValue> = {}
  for (const key of Object.keys(value)) node[key] = mapAst(value[key] ?? null, change)
  return change(node)
}

/** Every object of the tree, outer before inner. */
export function* walk(value: AstValue): Generator<AstNode> {
  if (Array.isArray(value)) for (const one of value) yield* walk(one)
  else if (isNode(value)) {
    yield value
    for (const key of Object.keys(value)) yield* walk(value[key] ?? null)
  }
}

/** Calls `see` with every object of the tree, outer before inner; several times as fast as `walk`. */
export function visit(value: AstValue, see: (node: AstNode) => void): void {
  if (value === null || typeof value !== 'object') return
  if (Array.isArray(value)) {
    for (const one of value) visit(one, see)
    return
  }
  const node = value as AstNode // what is left of AstValue
  see(node)
  for (const key in node) visit(node[key] ?? null, see)
}

/** The same tree without positions: equal for texts that differ in blanks and comments alone. */
export function dropPositions(value: AstValue): AstValue {
  if (Array.isArray(value)) return value.map(dropPositions)
  if (!isNode(value)) return value
  const node: Record<string, AstValue> = {}
  for (const key in value)
    if (key !== 'query_location') node[key] = dropPositions(value[key] ?? null)
  return node
}

/** The text of a text constant; undefined for any other node. */
export function readTextConstant(node: AstNode): string | undefined {
  const value = node.class === 'CONSTANT' ? node.value : null
  if (!isNode(value ?? null)) return undefined
  const inner = (value as AstNode).value // just seen to be an object
  return typeof inner === 'string' ? inner : undefined
}

export interface Macro {
  readonly name: string
  readonly params: readonly string[]
  readonly isTable: boolean
  /** The statement of an `AS TABLE` macro; of a scalar one `SELECT <expression>`. */
  readonly body: AstNode
}

/** Macros by their names in lower case. */
export type MacroSet = ReadonlyMap<string, Macro>

/**
 * Puts the bodies of macros in place of their calls, macros in macros too. `isExpanded` says which; without
 * it calls of table macros stay, since engines know session_rows by its name. The call's alias and position
 * stay, so that columns keep their names and errors their place.
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
    const call = isTable ? value.function : value
    const macro = isNode(call ?? null) ? findCalledMacro(call as AstNode, macros) : undefined // just seen
    const wanted = macro !== undefined && macro.isTable === isTable && isExpanded(macro)
    if (macro === undefined || !wanted) return expandChildren(value, active)
    if (active.includes(macro.name))
      throw new CcsError('CCS_MODEL_CYCLE', `The macro '${macro.name}' calls itself.`, {
        exit: EXIT.usage,
        hint: 'Write what it means without itself.',
      })
    const body = expand(applyMacro(macro, value, call as AstNode), [...active, macro.name]) // just seen
    return body
  }
  // What holds no call stays the same object.
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

/** Most models call none; seeing that takes a fraction of a walk that could change something. */
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
      `${macro.name}() takes ${macro.params.length} arguments (${macro.params.join(', ')}), not ${args.length}.`,
      { exit: EXIT.usage },
    )
  const values = new Map(macro.params.map((name, index) => [name, args[index]]))
  const alias = asText(site.alias)
  if (macro.isTable) {
    return {
      type: 'SUBQUERY',
      alias,
      sample: null,
      subquery: substituteParameters(macro.body, values) as AstNode, // an object stays one
      column_name_alias: site.column_name_alias ?? [],
    }
  }
  const body = isNode(macro.body.node ?? null) ? (macro.body.node as AstNode) : {} // just seen
  const [expression] = asNodes(body.select_list)
  const at = site.query_location
  return {
    ...(substituteParameters(expression ?? null, values) as AstNode), // an object stays one
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
    // A lambda's own parameter hides the macro's of the same name.
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
  if (!isNode(value ?? null)) return []
  const node = value as AstNode // just seen
  const names = node.class === 'COLUMN_REF' ? node.column_names : []
  return Array.isArray(names) ? names.map((one) => String(one).toLowerCase()) : []
}

/** query_table('silver.people') as the plain table it stands for. */
function resolveQueryTable(node: AstNode): AstNode {
  const call = node.type === 'TABLE_FUNCTION' ? (node.function ?? null) : null
  if (!isNode(call) || call.function_name !== 'query_table') return node
  const [argument] = asNodes(call.children)
  const name = argument === undefined ? undefined : readTextConstant(argument)
  if (name === undefined) return node
  const [table = '', schema = ''] = name.split('.').reverse()
  return {
    type: 'BASE_TABLE',
    alias: node.alias ?? '',
    sample: null,
    schema_name: schema,
    table_name: table,
    column_name_alias: [],
    catalog_name: '',
    at_clause: null,
  }
}
