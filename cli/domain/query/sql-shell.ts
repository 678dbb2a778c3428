/**
 * `ccs sql`: reads lines and prints results. In a terminal, an error is printed and the next line
 * is read; a script ends at its first error. Queries run one at a time and can be cancelled.
 */

import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError } from '../kernel/errors.ts'
import {
  EMPTY_SCRIPT,
  endScript,
  hasPendingStatement,
  type ScriptItem,
  takeLine,
} from '../sql/script.ts'
import { collectRows, type QueryAnswer, type QueryService } from './query-service.ts'

/** Where results are printed. */
export interface ShellOutput {
  table(columns: readonly { readonly key: string }[], rows: readonly object[]): Promise<void>
  /** Returns a function that prints one row at a time. */
  stream(columns: QueryAnswer['columns']): (row: Readonly<Record<string, unknown>>) => Promise<void>
  /** Prints a JSON document on one line. */
  document(document: unknown): Promise<void>
  /** Prints a line of the result. */
  line(text: string): Promise<void>
  /** Prints a remark outside of the result. */
  note(text: string): void
  fault(error: CcsError): void
}

/** How the shell behaves. */
export interface ShellOptions {
  readonly service: QueryService
  readonly output: ShellOutput
  /** Whether a person types; else the input is a script. */
  readonly isInteractive: boolean
  readonly isJson: boolean
  /** Whether unbounded rows start with those that exist already. */
  readonly isFromStart: boolean
}

const HELP: readonly (readonly [command: string, says: string])[] = [
  ['\\d', 'list tables: models, and other tables of the server'],
  ['\\d NAME', 'list the columns of a table'],
  ['\\json', 'print JSON documents, one per line'],
  ['\\table', 'print tables'],
  ['\\?', 'show this help'],
  ['\\q', 'quit, like Ctrl-D; Ctrl-C cancels the query or discards the input'],
]
const NAMES = ['d', 'json', 'table', '?', 'q']

/** Keeps the unfinished statement and the running query between lines. */
export class SqlShell {
  readonly #options: ShellOptions
  #script = EMPTY_SCRIPT
  #isJson: boolean
  #running: AbortController | undefined
  #isQuit = false

  constructor(options: ShellOptions) {
    this.#options = options
    this.#isJson = options.isJson
  }

  /** Whether a statement has begun that still needs its semicolon. */
  get isContinued(): boolean {
    return hasPendingStatement(this.#script)
  }

  /** Runs the statements that the line completes; false: the user wants to leave. */
  async handleLine(line: string): Promise<boolean> {
    const { state, items } = takeLine(this.#script, line)
    this.#script = state
    for (const item of items) if (!(await this.#run(item))) return false
    return true
  }

  /** Call it at the end of the input: a script's last statement needs no semicolon. */
  async end(): Promise<void> {
    if (this.#options.isInteractive) return
    for (const item of endScript(this.#script)) await this.#run(item)
  }

  /**
   * Cancels the running query or, if there is none, discards what was
   * typed. Returns whether one ran.
   */
  interrupt(): boolean {
    this.#running?.abort()
    if (this.#running === undefined) this.#script = EMPTY_SCRIPT
    return this.#running !== undefined
  }

  /** Cancels the running query and starts no other. */
  quit(): void {
    this.#isQuit = true
    this.#running?.abort()
  }

  async #run(item: ScriptItem): Promise<boolean> {
    const { isInteractive, output } = this.#options
    const running = new AbortController()
    this.#running = running
    try {
      if (item.is === 'command') return await this.#command(item)
      await this.#query(item.text, running.signal)
    } catch (error) {
      if (isInteractive && running.signal.aborted) output.note('Cancelled.')
      else if (!(error instanceof CcsError)) throw error
      else if (isInteractive) output.fault(error)
      else throw locateInScript(item, error)
    } finally {
      this.#running = undefined
    }
    return !this.#isQuit
  }

  async #query(sql: string, signal: AbortSignal): Promise<void> {
    const { service, output, isInteractive, isFromStart } = this.#options
    const answer = await service.query(sql, { signal, isFromStart, door: 'ccs sql' })
    const { from, asOf, columns, isUnbounded } = answer
    if (isUnbounded) {
      const print = this.#isJson ? output.document : output.stream(columns)
      for await (const row of answer.rows) await print(row)
      return
    }
    const rows = await collectRows(answer)
    if (this.#isJson) return output.document({ from, asOf, columns, rows })
    await output.table(
      columns.map(({ name }) => ({ key: name })),
      rows,
    )
    if (isInteractive) output.note(rows.length === 1 ? '1 row' : `${rows.length} rows`)
  }

  async #command({ text }: ScriptItem): Promise<boolean> {
    const { output } = this.#options
    const [name = '', argument] = text.split(/\s+/)
    switch (name) {
      case 'q':
        return false
      case 'json':
      case 'table':
        this.#isJson = name === 'json'
        return true
      case 'd':
        await this.#describe(argument)
        return true
      case '?':
        for (const [command, says] of HELP) await output.line(`${command.padEnd(10)}${says}`)
        return true
      default:
        throw new CcsError('CCS_USAGE_INVALID', `There is no command \\${name}.`, {
          hint: `${didYouMean(name, NAMES).replace(/"/g, '')} \\? explains them.`,
        })
    }
  }

  async #describe(name: string | undefined): Promise<void> {
    const { service, output } = this.#options
    const tables = await service.listTables()
    const found = tables.filter((one) => name === undefined || one.name === name)
    if (name !== undefined && found.length === 0)
      throw new CcsError('CCS_QUERY_INVALID', `There is no table '${name}'.`, {
        hint: didYouMean(
          name,
          tables.map((one) => one.name),
        ),
      })
    if (this.#isJson) return output.document({ tables: found })
    const [only] = found
    if (name !== undefined && only)
      return output.table([{ key: 'name' }, { key: 'type' }], only.columns)
    await output.table(
      [{ key: 'name' }, { key: 'columns' }],
      found.map((one) => ({
        name: one.name,
        columns: one.columns.map((column) => column.name).join(', '),
      })),
    )
  }
}

/** Moves the location of a statement's error to its place in the script. */
function locateInScript({ line, column }: ScriptItem, error: CcsError): CcsError {
  const { code, message, exit, hint, cause, others } = error
  const within = error.location
  const at = within?.line ?? 1
  const location = {
    file: '<stdin>',
    line: line + at - 1,
    ...(within?.column === undefined
      ? {}
      : { column: at === 1 ? column + within.column - 1 : within.column }),
    // Shows the script's line, with blanks before the statement's start.
    ...(within?.text === undefined
      ? {}
      : { text: at === 1 ? `${' '.repeat(column - 1)}${within.text}` : within.text }),
  }
  return new CcsError(code, message, { exit, cause, others, location, hint })
}
