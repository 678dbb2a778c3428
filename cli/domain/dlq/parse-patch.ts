/**
 * `--patch "currency = 'EUR', items.quantity = greatest(quantity, 1)"`: assigns DuckDB expressions
 * to fields of an event. The text is split here, at commas and equal signs outside of quotes,
 * comments and brackets; DuckDB checks the expressions.
 */
import { type AvroField, type RecordNode, unwrapOptional } from '../avro/schema.ts'
import { locateOffset } from '../documents/yaml-document.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, type Location, throwAll } from '../kernel/errors.ts'

/** One assignment of a patch. */
export interface Assignment {
  /** A field of the event. */
  readonly column: string
  /**
   * A field of the list's entries: the expression is evaluated per entry, with its fields in scope.
   */
  readonly entryField?: string
  readonly expression: SqlFragment
}

/** A part of the user's text and where it starts; line and column count from 1. */
export interface SqlFragment {
  readonly sql: string
  readonly line: number
  readonly column: number
  /** The user's whole text, for showing the line. */
  readonly whole: string
  /** What errors call it: --patch or --where. */
  readonly file: string
}

/** Throws CCS_QUERY_INVALID with every fault and its place. */
export function parsePatch(text: string, record: RecordNode): readonly Assignment[] {
  const file = '--patch'
  const faults: CcsError[] = []
  const found: Assignment[] = []
  for (const part of splitAtCommas(text, file)) {
    try {
      const one = parseAssignment(text, part, record)
      const before = found.find(
        ({ column, entryField }) =>
          column === one.column &&
          (entryField === one.entryField || !entryField || !one.entryField),
      )
      if (before)
        throw fault(
          `${one.column} is assigned twice.`,
          locate(text, part.from, file),
          'Assign it once.',
        )
      found.push(one)
    } catch (error) {
      if (!(error instanceof CcsError)) throw error
      faults.push(error)
    }
  }
  throwAll(faults)
  return found
}

/** Checks that a text is a single expression with closed brackets and quotes, as for --where. */
export function parseExpression(text: string, file: string): SqlFragment {
  const [first, second] = splitAtCommas(text, file)
  if (!first || second)
    throw fault(
      'This is not a single expression.',
      locate(text, second?.from ?? 0, file),
      'Write one expression.',
    )
  return { ...locate(text, 0, file), sql: text, whole: text, line: 1, column: 1, file }
}

/**
 * Puts brackets around an expression so that it keeps its column, on the line after the caller's.
 */
export function parenthesize({ sql, column }: SqlFragment): string {
  return `(\n${' '.repeat(column - 1)}${sql}\n)`
}

function parseAssignment(text: string, part: PatchPart, record: RecordNode): Assignment {
  const file = '--patch'
  const at = (offset: number) => locate(text, offset, file)
  if (part.equals < 0)
    throw fault('This assignment has no =.', at(part.from), 'Write: field = expression')
  const target = text.slice(part.from, part.equals).trim()
  const sql = text.slice(part.equals + 1, part.to)
  const start = part.equals + 1 + (sql.length - sql.trimStart().length)
  if (sql.trim() === '')
    throw fault(`Nothing is assigned to ${target}.`, at(part.equals), 'Write: field = expression')
  const names = target.split('.').map((name) => /^(?:([A-Za-z_]\w*)|"([^"]+)")$/.exec(name.trim()))
  const [first, second, third] = names.map((match) => match?.[1] ?? match?.[2])
  if (names.length === 0 || names.includes(null) || first === undefined || third !== undefined)
    throw fault(
      `"${target}" is not a field of an event.`,
      at(part.from),
      'Write: field = expression',
    )
  const { line = 1, column = 1 } = at(start)
  const expression = { sql: sql.trim(), line, column, whole: text, file }
  return { ...resolveTarget(record, first, second, () => at(part.from)), expression }
}

function resolveTarget(
  record: RecordNode,
  first: string,
  second: string | undefined,
  where: () => Location,
): { column: string; entryField?: string } {
  const lists = record.fields.filter((field) => listEntryFields(field).length > 0)
  if (second === undefined) {
    if (record.fields.some(({ name }) => name === first)) return { column: first }
    // `quantity` alone means the entries' field if only one list has such a field.
    const having = lists.filter((field) => listEntryFields(field).includes(first))
    if (having.length === 1 && having[0]) return { column: having[0].name, entryField: first }
    const known = [...record.fields.map(({ name }) => name), ...lists.flatMap(listEntryFields)]
    throw fault(`An event has no field ${first}.`, where(), didYouMean(first, known))
  }
  const list = lists.find(({ name }) => name === first)
  if (!list) {
    const names = lists.map(({ name }) => name).join(', ')
    throw fault(`${first} is not a list with fields.`, where(), `Lists of an event: ${names}.`)
  }
  if (!listEntryFields(list).includes(second))
    throw fault(
      `An entry of ${first} has no field ${second}.`,
      where(),
      didYouMean(second, listEntryFields(list)),
    )
  return { column: first, entryField: second }
}

/** Names of the fields of a list's entries; [] for other fields. */
export function listEntryFields(field: AvroField): readonly string[] {
  const { node } = unwrapOptional(field.type)
  if (node.kind !== 'array' || node.items.kind !== 'record') return []
  return node.items.fields.map(({ name }) => name)
}

/** The range [from, to) of the text, and the offset of its first `=`; -1: none. */
interface PatchPart {
  readonly from: number
  readonly to: number
  readonly equals: number
}

const SKIPPED =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?\*\/|[<>!=:]=|=>/y
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/**
 * Splits at top-level commas. Throws for unclosed quotes or brackets and for a second statement.
 */
function splitAtCommas(text: string, file: string): readonly PatchPart[] {
  const parts: PatchPart[] = []
  const open: { readonly at: number; readonly closing: string }[] = []
  let from = 0
  let equals = -1
  for (let at = 0; at < text.length; at++) {
    SKIPPED.lastIndex = at
    const skipped = SKIPPED.exec(text)?.[0]
    if (skipped !== undefined) {
      at += skipped.length - 1
      continue
    }
    const char = text[at] ?? ''
    if (char === "'" || char === '"' || text.startsWith('/*', at))
      throw fault(`${char} is not closed.`, locate(text, at, file), 'Close it.')
    const closing = CLOSING[char]
    if (closing) open.push({ at, closing })
    else if (')]}'.includes(char)) {
      if (open.pop()?.closing !== char)
        throw fault(
          `${char} has no opening bracket.`,
          locate(text, at, file),
          'Check the brackets.',
        )
    } else if (char === ';')
      throw fault('A ; is not allowed here.', locate(text, at, file), 'Write expressions only.')
    else if (open.length > 0) continue
    else if (char === '=' && equals < 0) equals = at
    else if (char === ',') {
      parts.push(trimPart(text, from, at, equals))
      from = at + 1
      equals = -1
    }
  }
  const left = open.at(-1)
  if (left) throw fault(`${text[left.at]} is not closed.`, locate(text, left.at, file), 'Close it.')
  return [...parts, trimPart(text, from, text.length, equals)]
}

function trimPart(text: string, from: number, to: number, equals: number): PatchPart {
  const blanks = text.slice(from, to).length - text.slice(from, to).trimStart().length
  return { from: from + blanks, to, equals }
}

function locate(text: string, offset: number, file: string): Required<Location> {
  return locateOffset({ file, text }, offset)
}

function fault(message: string, location: Location, hint: string): CcsError {
  return new CcsError('CCS_QUERY_INVALID', message, { location, hint })
}
