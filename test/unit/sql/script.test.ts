/** Splitting the input of `ccs sql` into statements and commands. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  EMPTY_SCRIPT,
  endScript,
  hasPendingStatement,
  type ScriptItem,
  takeLine,
} from '../../../cli/domain/sql/script.ts'

function itemsOf(text: string): readonly ScriptItem[] {
  let state = EMPTY_SCRIPT
  const items: ScriptItem[] = []
  for (const line of text.split('\n')) {
    const taken = takeLine(state, line)
    state = taken.state
    items.push(...taken.items)
  }
  return [...items, ...endScript(state)]
}

const said = (text: string) => itemsOf(text).map(({ is, text }) => `${is} ${text}`)

test('a statement ends at its semicolon, not at one in quotes or comments', () => {
  expect(said("SELECT 'a;''b' -- c;\n  , \"d;\", `e;` /* f;\n; */ FROM x; SELECT 2;")).toEqual([
    "sql SELECT 'a;''b' -- c;\n  , \"d;\", `e;` /* f;\n; */ FROM x",
    'sql SELECT 2',
  ])
  expect(said(';;\n-- nothing\n/* here */ ;\n\n')).toEqual([])
})

test('items have line and column, and the last one needs no semicolon', () => {
  expect(itemsOf('SELECT 1;\n\n  SELECT\n2; SELECT 3;\n\\d x;\nSELECT 4')).toEqual([
    { is: 'sql', text: 'SELECT 1', line: 1, column: 1 },
    { is: 'sql', text: 'SELECT\n2', line: 3, column: 3 },
    { is: 'sql', text: 'SELECT 3', line: 4, column: 4 },
    { is: 'command', text: 'd x', line: 5, column: 1 },
    { is: 'sql', text: 'SELECT 4', line: 6, column: 1 },
  ])
})

test('a backslash begins a command only where a statement could begin', () => {
  expect(said('SELECT 1; \\d a\n  \\q ;\n-- a comment\n\\json')).toEqual([
    'sql SELECT 1',
    'command d a',
    'command q',
    'command json',
  ])
  expect(said("SELECT '\n\\q\n';")).toEqual(["sql SELECT '\n\\q\n'"])
  expect(said('SELECT\n\\q;')).toEqual(['sql SELECT\n\\q'])
})

test('a statement is pending from its first word to its semicolon', () => {
  const after = (line: string) => hasPendingStatement(takeLine(EMPTY_SCRIPT, line).state)
  expect([';', '', '-- x', 'SELECT 1;'].map(after)).toEqual([false, false, false, false])
  expect(['SELECT', "SELECT ';", 'SELECT 1; SELECT', 'SELECT 1 -- ;'].map(after)).toEqual([
    true,
    true,
    true,
    true,
  ])
})

test('line breaks in a script do not change its statements', () => {
  const word = fc.constantFrom('SELECT', "'a;b'", '1', 'FROM', '`x;y`', '"z"')
  const statements = fc.array(fc.array(word, { minLength: 1, maxLength: 5 }), { maxLength: 6 })
  fc.assert(
    fc.property(statements, fc.constantFrom(' ', '\n', '\n  '), (all, gap) => {
      const text = all.map((words) => `${words.join(gap)};`).join(gap)
      expect(said(text)).toEqual(all.map((words) => `sql ${words.join(gap)}`))
    }),
  )
})
