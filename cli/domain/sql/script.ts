/**
 * What is typed or piped into `ccs sql`, line by line, as statements and commands: a statement goes on until its
 * semicolon, wherever it does not stand in text or a comment; a command is a line that begins with a backslash.
 */
export interface ScriptItem {
  readonly is: 'sql' | 'command'
  /** Of a statement without its semicolon, of a command without its backslash. */
  readonly text: string
  /** Where it begins, from 1. */
  readonly line: number
  readonly column: number
}

export interface ScriptState {
  /** What no semicolon has ended yet. */
  readonly pending: string
  /** Place of its first character, from 1. */
  readonly line: number
  readonly column: number
}

export const EMPTY_SCRIPT: ScriptState = { pending: '', line: 1, column: 1 }

/** The items that end with this line, and what is open after it. */
export function takeLine(
  state: ScriptState,
  line: string,
): { readonly state: ScriptState; readonly items: readonly ScriptItem[] } {
  const items: ScriptItem[] = []
  let rest = { ...state, pending: `${state.pending}${line}\n` }
  for (;;) {
    const command = findCommand(rest)
    if (command) {
      items.push(command)
      return { state: { pending: '', line: command.line + 1, column: 1 }, items }
    }
    const end = findSemicolon(rest.pending)
    if (end === undefined) return { state: rest, items }
    const text = rest.pending.slice(0, end)
    if (!isBlank(text)) items.push(statement({ ...rest, pending: text }))
    rest = { pending: rest.pending.slice(end + 1), ...placeAfter(rest, end + 1) }
  }
}

/** A command, where nothing but blanks and comments stands before its backslash: it takes the rest of the line. */
function findCommand(state: ScriptState): ScriptItem | undefined {
  const at = state.pending.lastIndexOf('\n', state.pending.length - 2) + 1
  const last = state.pending.slice(at)
  const begin = at + last.length - last.trimStart().length
  if (state.pending[begin] !== '\\' || !isBlank(state.pending.slice(0, begin))) return undefined
  const text = state.pending
    .slice(begin + 1)
    .replace(/;?\s*$/, '')
    .trim()
  return { is: 'command', text, ...placeAfter(state, begin) }
}

/** What is left at the end of the input, without a semicolon. */
export function endScript(state: ScriptState): readonly ScriptItem[] {
  return hasPendingStatement(state) ? [statement(state)] : []
}

/** Whether a statement has begun: the next line goes on with it. */
export function hasPendingStatement({ pending }: ScriptState): boolean {
  return !isBlank(pending)
}

const PARTS =
  /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|;/g

function findSemicolon(text: string): number | undefined {
  for (const { 0: part, index } of text.matchAll(PARTS)) if (part === ';') return index
  return undefined
}

/** Nothing but blanks and whole comments. */
function isBlank(text: string): boolean {
  return text.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, '').trim() === ''
}

function statement(state: ScriptState): ScriptItem {
  const before = state.pending.length - state.pending.trimStart().length
  return { is: 'sql', text: state.pending.trim(), ...placeAfter(state, before) }
}

function placeAfter(state: ScriptState, length: number): { line: number; column: number } {
  const passed = state.pending.slice(0, length).split('\n')
  const last = passed.at(-1) ?? ''
  return {
    line: state.line + passed.length - 1,
    column: passed.length === 1 ? state.column + last.length : last.length + 1,
  }
}
