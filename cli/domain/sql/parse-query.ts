/** Parses a query of a user: one SELECT that calls and reads only what queries may. */
import { CcsError, throwAll } from '../kernel/errors.ts'
import { findForbidden } from './allowed-sql.ts'
import { type AstNode, type ParseSql, parseSelect, type SqlSource } from './ast.ts'
import type { MacroSet } from './expand-macros.ts'

/** CCS_QUERY_INVALID, with the place in the query. `macros` are those that it may call. */
export async function parseQuery(
  sql: string,
  parseSql: ParseSql,
  macros: MacroSet,
): Promise<AstNode> {
  const source = { file: '<query>', line: 1, sql }
  const ast = await parseOneSelect(source, parseSql)
  throwAll(findForbidden(ast, { source, code: 'CCS_QUERY_INVALID', macros }))
  return ast
}

async function parseOneSelect(source: SqlSource, parseSql: ParseSql): Promise<AstNode> {
  try {
    return await parseSelect(source, parseSql, 'CCS_QUERY_INVALID')
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    const { location, message, cause } = error
    if (!/^(Only SELECT|There are )/.test(message))
      throw new CcsError('CCS_QUERY_INVALID', message, { location, cause })
    throw new CcsError('CCS_QUERY_INVALID', 'A query must be one SELECT.', {
      hint: 'Only events and models change tables: see ccs deploy --help',
    })
  }
}
