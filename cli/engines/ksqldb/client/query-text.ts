/**
 * Rewrites a typed SELECT for ksqlDB: names of models become their sources, and lower-case names
 * get back-ticks, without which ksqlDB reads them in capitals. Only whole tokens are replaced, and
 * their places are kept, so that an error of the server points into the text that was typed.
 */

import { quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import { locateOffset } from '../../../domain/documents/yaml-document.ts'
import { CcsError, type Location } from '../../../domain/kernel/errors.ts'

/** A query as it is sent, with the way back to the text as typed. */
export interface RewrittenQuery {
  readonly sql: string
  /** Whether it is a push query, with EMIT CHANGES or EMIT FINAL: its rows have no end. */
  readonly isUnbounded: boolean
  /** Its LIMIT, after which a push query ends too. */
  readonly limit: number | undefined
  /** The place in the typed text of a place in `sql`; lines and columns count from 1. */
  locate(line: number, column: number): Location
}

interface Token {
  readonly text: string
  readonly at: number
  /** name: plain or `layer.model`; quoted: in back-ticks; sign: all others. */
  readonly is: 'name' | 'quoted' | 'sign'
  /** Number of brackets that are open here. */
  readonly depth: number
}

const TOKEN = new RegExp(
  [
    /--[^\n]*|\/\*[\s\S]*?\*\//, // comments
    /'(?:[^']|'')*'|`(?:[^`]|``)*`|"(?:[^"]|"")*"/, // quoted
    /[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?|\d[\w.]*|->|\S/,
  ]
    .map((one) => one.source)
    .join('|'),
  'g',
)

function tokenize(sql: string): readonly Token[] {
  const tokens: Token[] = []
  let depth = 0
  for (const { 0: text, index: at } of sql.matchAll(TOKEN)) {
    if (text.startsWith('--') || text.startsWith('/*')) continue
    const is = /^[A-Za-z_]/.test(text) ? 'name' : text.startsWith('`') ? 'quoted' : 'sign'
    if (text === ')') depth--
    tokens.push({ text, at, is, depth })
    if (text === '(') depth++
  }
  return tokens
}

/** Names after FROM and JOIN, without back-ticks, each with its offset. */
export function readNames(sql: string): readonly { readonly name: string; readonly at: number }[] {
  const tokens = tokenize(sql)
  return tokens.flatMap((token, index) => {
    const isRead = /^(from|join)$/i.test(tokens[index - 1]?.text ?? '')
    if (!isRead || token.is === 'sign') return []
    return [{ name: unquote(token.text), at: token.at }]
  })
}

/** The names that a query may use. */
export interface KnownNames {
  /** The server's source for a name as typed; undefined: the name stays as it is. */
  source(name: string): string | undefined
  /** Names of columns and fields of the sources, spelled as on the server. */
  readonly columns: readonly string[]
}

/** Rewrites a query. Throws CCS_QUERY_INVALID for anything but one SELECT. */
export function rewriteQuery(given: string, { source, columns }: KnownNames): RewrittenQuery {
  const tokens = tokenize(given)
  const last = tokens.findIndex(({ text }) => text === ';')
  const isOne = last === -1 || last === tokens.length - 1
  if (!isOne || !/^select$/i.test(tokens[0]?.text ?? ''))
    throw new CcsError('CCS_QUERY_INVALID', 'A query must be one SELECT.', {
      hint: 'Streams and tables are created from models: see ccs deploy --help',
    })
  const byCase = groupByLowerCase(columns)
  const from = tokens.findIndex(({ text }) => /^from$/i.test(text))
  const edits = tokens.flatMap((token, index): readonly Edit[] => {
    const { text, at, is, depth } = token
    const [before = '', after = ''] = [tokens[index - 1]?.text, tokens[index + 1]?.text]
    let replacement: string | undefined
    if (is === 'sign') return []
    if (/^(from|join)$/i.test(before)) replacement = source(unquote(text))
    else if (is === 'name') {
      // An alias keeps its case, as on the other targets. AS inside brackets belongs to CAST.
      const isAlias = /^as$/i.test(before) && index < from && depth === 0
      replacement = isAlias ? quoteName(text) : quoteColumn(text, after, byCase)
    }
    return replacement === undefined ? [] : [{ at, length: text.length, text: replacement }]
  })
  const sql = applyEdits(given, edits)
  const limit = tokens.findLastIndex(({ text }) => /^limit$/i.test(text))
  return {
    sql,
    limit: limit < 0 ? undefined : Number(tokens[limit + 1]?.text),
    isUnbounded: tokens.some(
      ({ text }, index) =>
        /^emit$/i.test(text) && /^(changes|final)$/i.test(tokens[index + 1]?.text ?? ''),
    ),
    locate: (line, column) =>
      locateInQuery(given, findOrigin(edits, findOffset(sql, line, column))),
  }
}

/** Names by their lower-case form. */
function groupByLowerCase(columns: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const one of new Set(columns)) {
    const key = one.toLowerCase()
    found.set(key, [...(found.get(key) ?? []), one])
  }
  return found
}

/** Keywords; a column of such a name must be typed with back-ticks. */
const KEYWORD = new RegExp(
  '^(select|as|from|join|on|within|where|and|or|not|window' +
    '|group|by|having|emit|changes|final|limit)$',
  'i',
)

/**
 * Quotes a column, also in `alias.column`. A name before a bracket is a function, and in
 * `PARTITION BY` it is a keyword.
 */
function quoteColumn(
  text: string,
  after: string,
  known: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  if (after === '(' || KEYWORD.test(text) || (/^partition$/i.test(text) && /^by$/i.test(after)))
    return undefined
  const dot = text.indexOf('.')
  const name = text.slice(dot + 1)
  const spelt = known.get(name.toLowerCase()) ?? []
  const meant =
    spelt.find((one) => one === name) ?? spelt.find((one) => one === name.toUpperCase()) ?? spelt[0]
  // Names in capitals need no back-ticks: ksqlDB reads every name without them in capitals.
  if (meant === undefined || meant === name.toUpperCase()) return undefined
  return `${text.slice(0, dot + 1)}${quoteName(meant)}`
}

interface Edit {
  /** Offset in the typed text. */
  readonly at: number
  readonly length: number
  readonly text: string
}

function applyEdits(given: string, edits: readonly Edit[]): string {
  let sql = ''
  let at = 0
  for (const edit of edits) {
    sql += given.slice(at, edit.at) + edit.text
    at = edit.at + edit.length
  }
  return sql + given.slice(at)
}

/**
 * The offset in the typed text of one in the rewritten text; inside a replaced token: its start.
 */
function findOrigin(edits: readonly Edit[], offset: number): number {
  let shift = 0
  for (const { at, length, text } of edits) {
    if (offset < at + shift) break
    if (offset < at + shift + text.length) return at
    shift += text.length - length
  }
  return offset - shift
}

function findOffset(sql: string, line: number, column: number): number {
  const before = sql.split('\n').slice(0, line - 1)
  return before.reduce((sum, one) => sum + one.length + 1, 0) + Math.max(0, column - 1)
}

/** The line and column of an offset in a query. */
export function locateInQuery(sql: string, offset: number): Location {
  return locateOffset({ file: '<query>', text: sql }, offset)
}

function unquote(text: string): string {
  return text.startsWith('`') ? text.slice(1, -1).replaceAll('``', '`') : text
}
