/** DuckDB's parser and printer of SQL: text to syntax tree and back. */
import { type AstNode, parseSelect, renderAst } from '../../domain/sql/ast.ts'
import type { DuckConnection } from './duckdb.ts'

/** The syntax tree of a SELECT as JSON text; a syntax error is part of that text. */
export async function serializeSql(connection: DuckConnection, sql: string): Promise<string> {
  const { rows } = await connection.all('SELECT json_serialize_sql($1::VARCHAR) AS ast', [sql])
  return String(rows[0]?.ast)
}

/** The SELECT of such a JSON text. */
export async function deserializeSql(connection: DuckConnection, json: string): Promise<string> {
  const { rows } = await connection.all('SELECT json_deserialize_sql($1::JSON) AS sql', [json])
  return String(rows[0]?.sql)
}

/** Parses and prints SELECTs; `file` stands in errors. */
export function createAstConverter(connection: DuckConnection, file: string) {
  return {
    parse: (sql: string): Promise<AstNode> =>
      parseSelect({ file, line: 1, sql }, (text) => serializeSql(connection, text)),
    print: (statement: AstNode) => deserializeSql(connection, renderAst(statement)),
  }
}
