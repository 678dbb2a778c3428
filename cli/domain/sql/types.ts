/** The types of columns. Times are UTC without a zone everywhere; DECIMAL(18, 2) holds money. */
import { type AstNode, asNode, asNodes, asText } from './ast.ts'

/** A column type, independent of the engine. */
export type LogicalType =
  | { readonly is: 'BOOLEAN' | 'INTEGER' | 'BIGINT' | 'DOUBLE' | 'VARCHAR' | 'DATE' | 'TIMESTAMP' }
  | { readonly is: 'HUGEINT' | 'INTERVAL' | 'NULL' }
  | { readonly is: 'DECIMAL'; readonly width: number; readonly scale: number }
  | { readonly is: 'LIST'; readonly of: LogicalType }
  | { readonly is: 'STRUCT'; readonly fields: readonly Column[] }

/** A column by name and type. */
export interface Column {
  readonly name: string
  readonly type: LogicalType
}

const SIMPLE: Readonly<Record<string, LogicalType>> = {
  BOOLEAN: { is: 'BOOLEAN' },
  TINYINT: { is: 'INTEGER' },
  SMALLINT: { is: 'INTEGER' },
  INTEGER: { is: 'INTEGER' },
  BIGINT: { is: 'BIGINT' },
  HUGEINT: { is: 'HUGEINT' },
  FLOAT: { is: 'DOUBLE' },
  DOUBLE: { is: 'DOUBLE' },
  VARCHAR: { is: 'VARCHAR' },
  DATE: { is: 'DATE' },
  TIMESTAMP: { is: 'TIMESTAMP' },
  TIMESTAMP_MS: { is: 'TIMESTAMP' },
  INTERVAL: { is: 'INTERVAL' },
  NULL: { is: 'NULL' },
}

/** DuckDB's name of a type, for messages. */
export function displayType(type: LogicalType): string {
  if (type.is === 'DECIMAL') return `DECIMAL(${type.width},${type.scale})`
  return type.is === 'LIST' ? `${displayType(type.of)}[]` : type.is
}

/** Reads a type from DuckDB's AST; undefined for one that models may not use. */
export function readType(node: AstNode): LogicalType | undefined {
  const id = asText(node.id)
  const info = asNode(node.type_info)
  if (id === 'DECIMAL')
    return { is: 'DECIMAL', width: Number(info.width ?? 18), scale: Number(info.scale ?? 3) }
  if (id === 'LIST') {
    const of = readType(asNode(info.child_type))
    return of === undefined ? undefined : { is: 'LIST', of }
  }
  if (id === 'STRUCT') {
    const fields = asNodes(info.child_types).map((one) => ({
      name: asText(one.first),
      type: readType(asNode(one.second)),
    }))
    const whole = fields.filter((one): one is Column => one.type !== undefined)
    return whole.length === fields.length ? { is: 'STRUCT', fields: whole } : undefined
  }
  return SIMPLE[id]
}

/** Parses a type as DESCRIBE prints it, such as `STRUCT(sku VARCHAR, n INTEGER)[]`. */
export function parseType(text: string): LogicalType | undefined {
  const trimmed = text.trim()
  if (trimmed.endsWith('[]')) {
    const of = parseType(trimmed.slice(0, -2))
    return of === undefined ? undefined : { is: 'LIST', of }
  }
  if (trimmed.startsWith('DECIMAL(')) {
    const [width = 18, scale = 0] = trimmed.slice(8, -1).split(',').map(Number)
    return { is: 'DECIMAL', width, scale }
  }
  if (trimmed.startsWith('STRUCT(')) {
    const fields = splitTopLevel(trimmed.slice(7, -1)).map((part) => {
      const space = part.startsWith('"') ? part.indexOf('"', 1) + 1 : part.indexOf(' ')
      const name = part.slice(0, space).replaceAll('"', '')
      return { name, type: parseType(part.slice(space)) }
    })
    const whole = fields.filter((one): one is Column => one.type !== undefined)
    return whole.length === fields.length ? { is: 'STRUCT', fields: whole } : undefined
  }
  return SIMPLE[trimmed]
}

function splitTopLevel(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (const [index, letter] of [...text].entries()) {
    if (letter === '(') depth++
    if (letter === ')') depth--
    if (letter === ',' && depth === 0) {
      parts.push(text.slice(start, index).trim())
      start = index + 1
    }
  }
  return [...parts, text.slice(start).trim()]
}
