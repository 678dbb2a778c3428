/**
 * DuckDB's syntax tree (AST) of a SELECT, as json_serialize_sql returns it: parsing, walking and
 * macro expansion. Trees are never changed in place. The parser itself is DuckDB's and comes in as
 * `ParseSql`.
 */
import { CcsError, type ErrorCode, type Location } from '../kernel/errors.ts'

/** A value in the tree, as JSON has it. */
export type AstValue = string | number | boolean | null | AstNode | readonly AstValue[]
/** An object in the tree; DuckDB's `class` and `type` fields say what it is. */
export type AstNode = { readonly [key: string]: AstValue }

/**
 * Returns the JSON text of `json_serialize_sql(sql)`. A syntax error is part of that JSON, not an
 * exception.
 */
export type ParseSql = (sql: string) => Promise<string>

/** A SQL text and where it begins in a user's file. */
export interface SqlSource {
  readonly file: string
  /** The line of the file on which `sql` begins, from 1. */
  readonly line: number
  readonly sql: string
}

/**
 * Parses one SELECT into the statement `{node, named_param_map}`. A syntax error, or more than one
 * statement, throws `code` with the place in the file.
 * DuckDB writes 2^64-1 for "no position", which a JSON number can't hold exactly; the field is left
 * out instead, which json_deserialize_sql accepts.
 */
export async function parseSelect(
  source: SqlSource,
  parseSql: ParseSql,
  code: ErrorCode = 'CCS_MODEL_INVALID',
): Promise<AstNode> {
  const json = await parseSql(source.sql)
  // json_serialize_sql returns a JSON object.
  const result = JSON.parse(json.replace(ABSENT_POSITION, '')) as AstNode
  if (result.error === true) {
    const message = String(result.error_message)
    const at = Number(result.position)
    throw new CcsError(code, `${message.charAt(0).toUpperCase()}${message.slice(1)}.`, {
      location: locate(source, Number.isFinite(at) ? at : undefined),
      hint: 'A model is one SELECT of DuckDB after its header.',
    })
  }
  const statements = asNodes(result.statements)
  const [statement, second] = statements
  if (statement === undefined || second !== undefined)
    throw new CcsError(code, `There are ${statements.length} statements here; a model has one.`, {
      location: locate(source, undefined),
      hint: 'Keep one SELECT; put the others into models of their own.',
    })
  return statement
}

/**
 * The field with the comma before or after it. In a JSON string the quotes would be escaped, so
 * user text never matches.
 */
const ABSENT_POSITION =
  /,"query_location":18446744073709551615(?=[,}])|"query_location":18446744073709551615,/g

/** The JSON that json_deserialize_sql turns back into SQL text. */
export function renderAst(statement: AstNode): string {
  return JSON.stringify({ error: false, statements: [statement] })
}

/**
 * The place in the file of a byte offset into the SQL text (DuckDB counts UTF-8 bytes); without an
 * offset, the start of the text.
 */
export function locate(source: SqlSource, at: number | undefined): Location {
  const bytes = Buffer.from(source.sql)
  const before = bytes.subarray(0, at ?? 0).toString()
  const line = before.split('\n').length - 1
  return {
    file: source.file,
    line: source.line + line,
    column: before.length - (before.lastIndexOf('\n') + 1) + 1,
    text: source.sql.split('\n')[line] ?? '',
  }
}

/** Whether a value is an object of the tree, not a list or a plain value. */
export function isNode(value: AstValue | undefined): value is AstNode {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** The object itself; {} for anything else. */
export function asNode(value: AstValue | undefined): AstNode {
  return isNode(value) ? value : {}
}

/** The objects of a list; [] for anything that is not a list. */
export function asNodes(value: AstValue | undefined): readonly AstNode[] {
  return Array.isArray(value) ? value.filter(isNode) : []
}

/** The string itself; '' for anything else. */
export function asText(value: AstValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

/** The values of a list as strings; [] for anything that is not a list. */
export function asTexts(value: AstValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

/** Byte offset of a node in its SQL text; undefined where DuckDB recorded none. */
export function readPosition(node: AstNode): number | undefined {
  const at = node.query_location
  return typeof at === 'number' ? at : undefined
}

/** Returns a copy of the tree in which `change` has replaced each node, children before parents. */
export function mapAst(value: AstValue, change: (node: AstNode) => AstNode): AstValue {
  if (Array.isArray(value)) return value.map((one) => mapAst(one, change))
  if (!isNode(value)) return value
  const node: Record<string, AstValue> = {}
  for (const key of Object.keys(value)) node[key] = mapAst(value[key] ?? null, change)
  return change(node)
}

/** Calls `see` with every object of the tree, parents before children. */
export function visit(value: AstValue, see: (node: AstNode) => void): void {
  if (value === null || typeof value !== 'object') return
  if (Array.isArray(value)) {
    for (const one of value) visit(one, see)
    return
  }
  const node = value as AstNode // neither a plain value nor a list
  see(node)
  for (const key in node) visit(node[key] ?? null, see)
}

/**
 * A copy of the tree without positions, so that SQL texts that differ only in whitespace and
 * comments compare equal.
 */
export function dropPositions(value: AstValue): AstValue {
  if (Array.isArray(value)) return value.map(dropPositions)
  if (!isNode(value)) return value
  const node: Record<string, AstValue> = {}
  for (const key in value)
    if (key !== 'query_location') node[key] = dropPositions(value[key] ?? null)
  return node
}

/** The value of a string constant; undefined for any other node. */
export function readTextConstant(node: AstNode): string | undefined {
  const { value } = node.class === 'CONSTANT' ? asNode(node.value) : {}
  return typeof value === 'string' ? value : undefined
}
