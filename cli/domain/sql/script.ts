/**
 * Splits the input of `ccs sql`, line by line, into SQL statements and commands. A statement ends
 * with a semicolon outside of quotes and comments; a command is a line that begins with a
 * backslash.
 */

/** One statement or command, with its place in the input (line and column from 1). */
export interface ScriptItem {
  readonly is: 'sql' | 'command'
  /** A statement without its semicolon, or a command without its backslash. */
  readonly text: string
  readonly line: number
  readonly column: number
}

/** The input that is not complete yet. */
export interface ScriptState {
  /** Text after the last complete item. */
  readonly pending: string
  /** Place of the first character of `pending`, from 1. */
  readonly line: number
  readonly column: number
}

/** The state before the first line. */
export const EMPTY_SCRIPT: ScriptState = { pending: '', line: 1, column: 1 }

/** Adds a line; returns the items that it completes and the new state. */
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
    rest = { pending: rest.pending.slice(end + 1), ...locateAfter(rest, end + 1) }
  }
}

/**
 * A command if only blanks and comments stand before the backslash; it takes the rest of the line.
 */
function findCommand(state: ScriptState): ScriptItem | undefined {
  const at = state.pending.lastIndexOf('\n', state.pending.length - 2) + 1
  const last = state.pending.slice(at)
  const begin = at + last.length - last.trimStart().length
  if (state.pending[begin] !== '\\' || !isBlank(state.pending.slice(0, begin))) return undefined
  const text = state.pending
    .slice(begin + 1)
    .replace(/;?\s*$/, '')
    .trim()
  return { is: 'command', text, ...locateAfter(state, begin) }
}

/** Ends the input: an unfinished statement counts as complete, without a semicolon. */
export function endScript(state: ScriptState): readonly ScriptItem[] {
  return hasPendingStatement(state) ? [statement(state)] : []
}

/** Whether a statement has begun that the next line continues. */
export function hasPendingStatement({ pending }: ScriptState): boolean {
  return !isBlank(pending)
}

/** Quoted text, comments, and the semicolons between them. */
const PARTS = new RegExp(
  `'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\`(?:[^\`]|\`\`)*(?:\`|$)|` +
    String.raw`--[^\n]*|/\*[\s\S]*?(?:\*/|$)|;`,
  'g',
)

function findSemicolon(text: string): number | undefined {
  for (const { 0: part, index } of text.matchAll(PARTS)) if (part === ';') return index
  return undefined
}

/** Whether the text consists of blanks and comments only. */
function isBlank(text: string): boolean {
  return text.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, '').trim() === ''
}

function statement(state: ScriptState): ScriptItem {
  const before = state.pending.length - state.pending.trimStart().length
  return { is: 'sql', text: state.pending.trim(), ...locateAfter(state, before) }
}

function locateAfter(state: ScriptState, length: number): { line: number; column: number } {
  const passed = state.pending.slice(0, length).split('\n')
  const last = passed.at(-1) ?? ''
  return {
    line: state.line + passed.length - 1,
    column: passed.length === 1 ? state.column + last.length : last.length + 1,
  }
}
