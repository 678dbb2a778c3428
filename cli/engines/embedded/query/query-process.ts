/**
 * A process that answers queries, one at a time: a program that runs query-reader.ts. Whatever a
 * query does there, ending the process ends it. Nothing of the engine's environment that may be
 * secret goes along.
 */

import { type ChildProcess, fork } from 'node:child_process'
import path from 'node:path'
import type { QueriedModels } from '../../../adapters/duckdb/find-models.ts'
import { endFirstWithoutMemory, lowerPriority } from '../../../adapters/process/priority.ts'
import type { ErrorDocument } from '../../../domain/console/text.ts'
import { CcsError, ERROR_CODES } from '../../../domain/kernel/errors.ts'
import { memoryLimitError } from '../../../domain/sql/answer-size.ts'
import type { WrittenAnswer } from '../../../domain/sql/query-result.ts'
import type { AskMessage, FromProcess, OpenMessage, ToProcess } from './query-messages.ts'
import type { VisibleModel } from './reader-views.ts'

/** The compiled program; the tests run this file from its source. */
const PROGRAM = path.resolve(
  import.meta.dirname,
  '../../../..',
  'dist/engines/embedded/query/query-program.js',
)

/** What the program needs of the engine's environment. */
const ENVIRONMENT = ['PATH', 'HOME', 'TZ', 'LANG', 'LC_ALL', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot']

/** Priority of a small query: just below the engine's, so that it is answered soon. */
const NICE_SHORT = 2
/** Priority of a long query: it computes only when nobody else wants to. */
const NICE_LONG = 19

/** Of its memory, what JavaScript may take: rows are converted in pieces. */
const HEAP_SHARE = 0.4
const MIB = 1024 * 1024

/** One process; `kill` it when it is not needed any more. */
export class QueryProcess {
  readonly #child: ChildProcess
  readonly #memoryMaxBytes: number
  readonly #unread: FromProcess[] = []
  #take: (() => void) | undefined
  #isTooLarge = false
  /** How it ended: a signal or an exit code. */
  #end: string | undefined
  readonly #opened: Promise<void>
  readonly ended: Promise<void>
  /** Of the memory that it may have, what it held after its last query. */
  residentShare = 0
  #isBusy = false
  /** It had a long query, so that it has the lowest priority from now on. */
  isLow = false

  constructor(options: OpenMessage) {
    this.#memoryMaxBytes = options.memoryMaxBytes
    this.#child = fork(PROGRAM, {
      env: Object.fromEntries(ENVIRONMENT.map((name) => [name, process.env[name]])),
      execArgv: [`--max-old-space-size=${Math.ceil((options.memoryMaxBytes * HEAP_SHARE) / MIB)}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.#end ??= how
        this.#take?.()
        resolve()
      }
      this.#child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`))
      this.#child.once('error', (error) => end(error.message))
    })
    this.#child.on('message', (message: FromProcess) => {
      if (message.what === 'too much memory') this.#isTooLarge = true
      else this.#unread.push(message)
      this.#take?.()
    })
    this.#adjust((pid) => {
      lowerPriority(pid, NICE_SHORT)
      endFirstWithoutMemory(pid)
    })
    this.#send(options)
    this.#opened = this.#next().then(() => undefined)
    this.#opened.catch(() => undefined) // whoever asks gets it
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get isAlive(): boolean {
    return this.#end === undefined
  }

  /** Whether it can be asked again: its last query has ended, and it has not. */
  get isReady(): boolean {
    return this.isAlive && !this.#isBusy && !this.#child.killed
  }

  /** Resolves when it can be asked; CCS_QUERY_CRASHED if it ends before. */
  opened(): Promise<void> {
    return this.#opened
  }

  /**
   * The answer to one query; `findRows` gives the rows of the models that it reads. Errors are
   * those of the query; CCS_QUERY_CRASHED if the process ends. `onLong` is called once if it has
   * computed for long.
   */
  async ask(
    query: Omit<AskMessage, 'what'>,
    findRows: (models: QueriedModels) => Promise<readonly VisibleModel[]>,
    onLong: () => void,
  ): Promise<WrittenAnswer> {
    await this.#opened
    this.#isBusy = true
    this.#send({ what: 'ask', ...query })
    const parts: Buffer[] = []
    for (;;) {
      const message = await this.#next()
      switch (message.what) {
        case 'reads':
          await this.#sendRows(() => findRows(message.models))
          break
        case 'long':
          onLong()
          break
        case 'part':
          parts.push(message.json)
          break
        case 'done':
          this.#isBusy = false
          this.residentShare = message.residentBytes / this.#memoryMaxBytes
          return { json: parts, rows: message.rows }
        case 'failed':
          this.#isBusy = false
          throw toError(message.error)
      }
    }
  }

  async #sendRows(findRows: () => Promise<readonly VisibleModel[]>): Promise<void> {
    try {
      this.#send({ what: 'rows', models: await findRows() })
    } catch (error) {
      this.#send({ what: 'drop' })
      this.#isBusy = false
      throw error
    }
  }

  /** From now on it computes only when nobody else wants to. */
  lower(): void {
    this.isLow = true
    this.#adjust((pid) => lowerPriority(pid, NICE_LONG))
  }

  /** Ends it, whatever it does; `ended` resolves when it is gone. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #adjust(change: (pid: number) => void): void {
    if (this.#child.pid !== undefined) change(this.#child.pid)
  }

  #send(message: ToProcess): void {
    // If it has ended meanwhile, `exit` says so.
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  async #next(): Promise<FromProcess> {
    for (;;) {
      const message = this.#unread.shift()
      if (message) return message
      if (this.#isTooLarge) throw memoryLimitError(this.#memoryMaxBytes)
      if (this.#end !== undefined) throw crashError(this.#end)
      await new Promise<void>((resolve) => {
        this.#take = resolve
      })
    }
  }
}

function crashError(how: string): CcsError {
  const message = `The process that computed the query has ended (${how}); the engine goes on.`
  return new CcsError('CCS_QUERY_CRASHED', message, {
    hint:
      'With SIGKILL the machine or container was short of memory: read fewer rows. Otherwise the ' +
      'query meets an error of DuckDB: write it differently, and please report it.',
  })
}

function toError({ code, message, hint, location, others }: ErrorDocument): CcsError {
  const known = ERROR_CODES.find((one) => one === code) ?? 'CCS_UNEXPECTED'
  return new CcsError(known, message, { hint, location, others: others?.map(toError) ?? [] })
}
