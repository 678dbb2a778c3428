/**
 * Reads sql/macros.sql: CREATE MACRO statements of any kind, their bodies parsed by DuckDB.
 */
import { CcsError, EXIT } from '../kernel/errors.ts'
import { locate, type Macro, type MacroSet, type ParseSql, parseSelect } from './ast.ts'

/** Reads a file of CREATE [OR REPLACE] MACRO statements. Faults carry their place: CCS_MODEL_INVALID. */
export async function parseMacros(
  file: string,
  text: string,
  parseSql: ParseSql,
): Promise<MacroSet> {
  const macros = new Map<string, Macro>()
  for (const { start, end } of statements(text)) {
    const statement = text.slice(start, end)
    const head = HEAD.exec(blankComments(statement))
    const line = text.slice(0, start).split('\n').length
    if (head === null)
      throw new CcsError('CCS_MODEL_INVALID', 'This is no macro.', {
        exit: EXIT.usage,
        location: locate({ file, line, sql: statement }, 0),
        hint: 'Write CREATE MACRO name(parameters) AS expression; or AS TABLE SELECT …;',
      })
    const [whole, name = '', params = '', table] = head
    const isTable = table !== undefined
    // 'SELECT ' takes the place of 'CREATE ', so that positions stay right.
    const prefix = isTable ? '' : 'SELECT '
    const padding = whole.replace(/[^\n]/g, ' ').slice(prefix.length)
    const sql = prefix + padding + statement.slice(whole.length)
    macros.set(name.toLowerCase(), {
      name: name.toLowerCase(),
      params: params
        .split(',')
        .map((one) => one.trim().toLowerCase())
        .filter((one) => one !== ''),
      isTable,
      body: await parseSelect({ file, line, sql }, parseSql),
    })
  }
  return macros
}

/** The head of a macro's definition: everything up to its body. */
const HEAD =
  /^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMP(?:ORARY)?\s+)?(?:MACRO|FUNCTION)\s+(\w+)\s*\(([^()]*)\)\s*AS\s+(TABLE\s+)?/i

/** Ranges of the statements of a SQL text; `;` in quotes and comments divides nothing. */
function statements(text: string): { start: number; end: number }[] {
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

/** The text with comments (and, on demand, quoted text) blanked; nothing moves. */
function blankComments(text: string, quotesToo = false): string {
  const tokens = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"/g
  return text.replace(tokens, (token) => {
    const isQuote = token.startsWith("'") || token.startsWith('"')
    return isQuote && !quotesToo ? token : token.replace(/[^\n]/g, isQuote ? 'x' : ' ')
  })
}
