/**
 * A SELECT as a person writes it, made into one that ksqlDB takes: names of models become their sources, and names
 * that are lower case on the server get the back-ticks without which it would look for them in capitals. Only whole
 * words change, and each knows where it stood, so that a refusal points into what was written.
 */

import { quoted } from '../../../domain/dialects/dialect-syntax.ts'
import { CcsError, type Location } from '../../../domain/kernel/errors.ts'

export interface QueryText {
  readonly sql: string
  /** As ksqlDB wants it: EMIT CHANGES or EMIT FINAL, rows without end. */
  readonly isUnbounded: boolean
  /** Its own LIMIT, after which rows without end do end. */
  readonly limit: number | undefined
  /** Place in the text that was given, of a place in `sql`; both count from 1. */
  locate(line: number, column: number): Location
}

interface Word {
  readonly text: string
  readonly at: number
  /** A plain name, `layer.model`, or a name in back-ticks; else a sign. */
  readonly is: 'name' | 'quoted' | 'sign'
  /** Brackets that are open here. */
  readonly depth: number
}

const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|`(?:[^`]|``)*`|"(?:[^"]|"")*"|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?|\d[\w.]*|->|\S/g

function wordsOf(sql: string): readonly Word[] {
  const words: Word[] = []
  let depth = 0
  for (const { 0: text, index: at } of sql.matchAll(TOKEN)) {
    if (text.startsWith('--') || text.startsWith('/*')) continue
    const is = /^[A-Za-z_]/.test(text) ? 'name' : text.startsWith('`') ? 'quoted' : 'sign'
    if (text === ')') depth--
    words.push({ text, at, is, depth })
    if (text === '(') depth++
  }
  return words
}

/** Names that the SELECT reads, as written, each with its place; without back-ticks. */
export function readNames(sql: string): readonly { readonly name: string; readonly at: number }[] {
  const words = wordsOf(sql)
  return words.flatMap((word, index) => {
    const isRead = /^(from|join)$/i.test(words[index - 1]?.text ?? '')
    if (!isRead || word.is === 'sign') return []
    return [{ name: unquoted(word.text), at: word.at }]
  })
}

export interface Known {
  /** Source of the server for a name as written; undefined: it stays as it is. */
  source(name: string): string | undefined
  /** Names of columns and fields of what is read, as the server has them. */
  readonly columns: readonly string[]
}

/** CCS_QUERY_INVALID for anything but one SELECT. */
export function queryText(given: string, { source, columns }: Known): QueryText {
  const words = wordsOf(given)
  const last = words.findIndex(({ text }) => text === ';')
  const isOne = last === -1 || last === words.length - 1
  if (!isOne || !/^select$/i.test(words[0]?.text ?? ''))
    throw new CcsError('CCS_QUERY_INVALID', 'A query must be one SELECT.', {
      hint: 'Streams and tables are made of models: see ccs deploy --help',
    })
  const byCase = columnsByCase(columns)
  const from = words.findIndex(({ text }) => /^from$/i.test(text))
  const edits = words.flatMap((word, index): readonly Edit[] => {
    const { text, at, is, depth } = word
    const [before = '', after = ''] = [words[index - 1]?.text, words[index + 1]?.text]
    let made: string | undefined
    if (is === 'sign') return []
    if (/^(from|join)$/i.test(before)) made = source(unquoted(text))
    else if (is === 'name') {
      // In its own spelling, as everywhere else; AS in brackets is CAST's.
      const isAlias = /^as$/i.test(before) && index < from && depth === 0
      made = isAlias ? quoted(text) : columnName(text, after, byCase)
    }
    return made === undefined ? [] : [{ at, length: text.length, text: made }]
  })
  const sql = edited(given, edits)
  const limit = words.findLastIndex(({ text }) => /^limit$/i.test(text))
  return {
    sql,
    limit: limit < 0 ? undefined : Number(words[limit + 1]?.text),
    isUnbounded: words.some(
      ({ text }, index) =>
        /^emit$/i.test(text) && /^(changes|final)$/i.test(words[index + 1]?.text ?? ''),
    ),
    locate: (line, column) => placeIn(given, originOf(edits, offsetOf(sql, line, column))),
  }
}

/** Lower-case letters of a name → names that are spelt so. */
function columnsByCase(columns: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const one of new Set(columns)) {
    const key = one.toLowerCase()
    found.set(key, [...(found.get(key) ?? []), one])
  }
  return found
}

/** A column of such a name needs its back-ticks. */
const STRUCTURE =
  /^(select|as|from|join|on|within|where|and|or|not|window|group|by|having|emit|changes|final|limit)$/i

/** `alias.column` too; a word before a bracket is a function, and `partition by` no column. */
function columnName(
  text: string,
  after: string,
  known: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  if (after === '(' || STRUCTURE.test(text) || (/^partition$/i.test(text) && /^by$/i.test(after)))
    return undefined
  const dot = text.indexOf('.')
  const name = text.slice(dot + 1)
  const spelt = known.get(name.toLowerCase()) ?? []
  const meant =
    spelt.find((one) => one === name) ?? spelt.find((one) => one === name.toUpperCase()) ?? spelt[0]
  // Capitals need no back-ticks: that is how ksqlDB reads any name without them.
  if (meant === undefined || meant === name.toUpperCase()) return undefined
  return `${text.slice(0, dot + 1)}${quoted(meant)}`
}

interface Edit {
  /** Where in the text as given. */
  readonly at: number
  readonly length: number
  readonly text: string
}

function edited(given: string, edits: readonly Edit[]): string {
  let sql = ''
  let at = 0
  for (const edit of edits) {
    sql += given.slice(at, edit.at) + edit.text
    at = edit.at + edit.length
  }
  return sql + given.slice(at)
}

/** Offset in the text as given, of one in the text as edited; within a changed word: its start. */
function originOf(edits: readonly Edit[], offset: number): number {
  let shift = 0
  for (const { at, length, text } of edits) {
    if (offset < at + shift) break
    if (offset < at + shift + text.length) return at
    shift += text.length - length
  }
  return offset - shift
}

function offsetOf(sql: string, line: number, column: number): number {
  const before = sql.split('\n').slice(0, line - 1)
  return before.reduce((sum, one) => sum + one.length + 1, 0) + Math.max(0, column - 1)
}

/** The place of an offset, with its line. */
export function placeIn(sql: string, offset: number): Location {
  const before = sql.slice(0, offset).split('\n')
  return {
    file: '<query>',
    line: before.length,
    column: (before.at(-1)?.length ?? 0) + 1,
    text: sql.split('\n')[before.length - 1] ?? '',
  }
}

function unquoted(text: string): string {
  return text.startsWith('`') ? text.slice(1, -1).replaceAll('``', '`') : text
}
