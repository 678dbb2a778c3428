/**
 * `ccs sql`: lines in, answers out. On a terminal a fault is printed and the next line is taken; a script ends at
 * its first. One question is asked at a time, and can be called off.
 */

import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import {
  EMPTY_SCRIPT,
  endScript,
  hasPendingStatement,
  type ScriptItem,
  takeLine,
} from '../sql/script.ts'
import { collectRows, type QueryAnswer, type QueryService } from './query-service.ts'

/** Where answers go. */
export interface ShellOutput {
  table(columns: readonly { readonly key: string }[], rows: readonly object[]): Promise<void>
  /** Prints rows that come one by one. */
  stream(columns: QueryAnswer['columns']): (row: Readonly<Record<string, unknown>>) => Promise<void>
  /** A JSON document on a line of its own. */
  document(document: unknown): Promise<void>
  /** A line of the result. */
  line(text: string): Promise<void>
  /** A remark beside it. */
  note(text: string): void
  fault(error: CcsError): void
}

export interface ShellOptions {
  readonly service: QueryService
  readonly output: ShellOutput
  /** A person types; else it is a script. */
  readonly isInteractive: boolean
  readonly isJson: boolean
  /** Rows without end begin with those that are there. */
  readonly isFromStart: boolean
}

const HELP: readonly (readonly [command: string, says: string])[] = [
  ['\\d', 'what can be asked: models, and other tables of the server'],
  ['\\d NAME', 'columns of one'],
  ['\\json', 'a JSON document a line from now on'],
  ['\\table', 'tables from now on'],
  ['\\?', 'this'],
  ['\\q', 'leave; Ctrl-D too. Ctrl-C calls a query off, or forgets what was typed'],
]
const NAMES = ['d', 'json', 'table', '?', 'q']

export class SqlShell {
  readonly #options: ShellOptions
  #script = EMPTY_SCRIPT
  #isJson: boolean
  #running: AbortController | undefined
  #isLeft = false

  constructor(options: ShellOptions) {
    this.#options = options
    this.#isJson = options.isJson
  }

  /** A statement has begun and waits for its semicolon. */
  get isContinued(): boolean {
    return hasPendingStatement(this.#script)
  }

  /** False: it was the wish to leave. */
  async handleLine(line: string): Promise<boolean> {
    const { state, items } = takeLine(this.#script, line)
    this.#script = state
    for (const item of items) if (!(await this.#run(item))) return false
    return true
  }

  /** The input has ended: a script's last statement needs no semicolon. */
  async end(): Promise<void> {
    if (this.#options.isInteractive) return
    for (const item of endScript(this.#script)) await this.#run(item)
  }

  /** Calls off what runs; else forgets what was typed. Gives whether something ran. */
  interrupt(): boolean {
    this.#running?.abort()
    if (this.#running === undefined) this.#script = EMPTY_SCRIPT
    return this.#running !== undefined
  }

  /** Calls off what runs, and nothing else begins. */
  quit(): void {
    this.#isLeft = true
    this.#running?.abort()
  }

  async #run(item: ScriptItem): Promise<boolean> {
    const { isInteractive, output } = this.#options
    const running = new AbortController()
    this.#running = running
    try {
      if (item.is === 'command') return await this.#command(item)
      await this.#ask(item.text, running.signal)
    } catch (error) {
      if (isInteractive && running.signal.aborted) output.note('Called off.')
      else if (!(error instanceof CcsError)) throw error
      else if (isInteractive) output.fault(error)
      else throw locateInScript(item, error)
    } finally {
      this.#running = undefined
    }
    return !this.#isLeft
  }

  async #ask(sql: string, signal: AbortSignal): Promise<void> {
    const { service, output, isInteractive, isFromStart } = this.#options
    const answer = await service.query(sql, { signal, isFromStart })
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
          exit: EXIT.usage,
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
        exit: EXIT.usage,
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

/** A fault of a statement as one of the script, with its place there. */
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
    // The line as it stands in the script, up to where the statement begins.
    ...(within?.text === undefined
      ? {}
      : { text: at === 1 ? `${' '.repeat(column - 1)}${within.text}` : within.text }),
  }
  return new CcsError(code, message, {
    exit,
    cause,
    others,
    location,
    ...(hint === undefined ? {} : { hint }),
  })
}
