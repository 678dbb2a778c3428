/** Reads sql/macros.sql: scalar and table macros, their bodies parsed by DuckDB. */
import { CcsError, throwAll } from '../kernel/errors.ts'
import { findForbidden } from './allowed-sql.ts'
import { type AstNode, locate, type ParseSql, parseSelect, type SqlSource } from './ast.ts'
import type { Macro, MacroSet } from './expand-macros.ts'

/**
 * Reads a file of CREATE [OR REPLACE] MACRO statements. Throws CCS_MODEL_INVALID with the place of
 * the fault; also for a call that no SELECT may make.
 */
export async function parseMacros(
  file: string,
  text: string,
  parseSql: ParseSql,
): Promise<MacroSet> {
  const macros = new Map<string, Macro>()
  const parsed: { readonly source: SqlSource; readonly body: AstNode }[] = []
  for (const { start, end } of splitStatements(text)) {
    const statement = text.slice(start, end)
    const head = HEAD.exec(blankComments(statement))
    const line = text.slice(0, start).split('\n').length
    if (head === null)
      throw new CcsError('CCS_MODEL_INVALID', 'This is not a macro.', {
        location: locate({ file, line, sql: statement }, 0),
        hint: 'Write CREATE MACRO name(parameters) AS expression; or AS TABLE SELECT …;',
      })
    const [whole, name = '', params = '', table] = head
    const isTable = table !== undefined
    // 'SELECT ' is shorter than the head it replaces; blanks make up for the rest, so that
    // positions still fit the file.
    const prefix = isTable ? '' : 'SELECT '
    const padding = whole.replace(/[^\n]/g, ' ').slice(prefix.length)
    const source = { file, line, sql: prefix + padding + statement.slice(whole.length) }
    const body = await parseSelect(source, parseSql)
    parsed.push({ source, body })
    macros.set(name.toLowerCase(), {
      name: name.toLowerCase(),
      params: params
        .split(',')
        .map((one) => one.trim().toLowerCase())
        .filter((one) => one !== ''),
      isTable,
      body,
    })
  }
  const rules = { code: 'CCS_MODEL_INVALID', macros, isMacro: true } as const
  throwAll(parsed.flatMap(({ source, body }) => findForbidden(body, { ...rules, source })))
  return macros
}

/** The beginning of a macro definition, up to its body. */
const HEAD = new RegExp(
  String.raw`^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMP(?:ORARY)?\s+)?(?:MACRO|FUNCTION)\s+` +
    String.raw`(\w+)\s*\(([^()]*)\)\s*AS\s+(TABLE\s+)?`,
  'i',
)

/** Start and end of each statement; a `;` in quotes or comments does not end one. */
function splitStatements(text: string): { start: number; end: number }[] {
  const bare = blankComments(text, true)
  const found: { start: number; end: number }[] = []
  let start = 0
  for (const part of bare.split(';')) {
    if (part.trim() !== '')
      found.push({
        start: start + part.search(/\S/),
        end: start + part.length,
      })
    start += part.length + 1
  }
  return found
}

/**
 * Replaces comments, and on request quoted text, by filler of the same length, so that offsets stay
 * valid.
 */
function blankComments(text: string, quotesToo = false): string {
  const tokens = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"/g
  return text.replace(tokens, (token) => {
    const isQuote = token.startsWith("'") || token.startsWith('"')
    return isQuote && !quotesToo ? token : token.replace(/[^\n]/g, isQuote ? 'x' : ' ')
  })
}
