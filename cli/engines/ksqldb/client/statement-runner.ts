/**
 * Runs statements on ksqlDB, one per request and one after another, and waits until each is
 * executed. The server's first answer only says that it wrote the statement to its command topic.
 */
import type { HttpClient } from '../../../adapters/http/http.ts'
import { sleep } from '../../../adapters/process/system-clock.ts'
import { asList, asObject } from '../../../domain/kernel/json.ts'
import { notAKsqlDb, notReadyError, sendRequest } from './connection.ts'
import { asObjects, asText, type CommandAnswer, readCommand, readStatus } from './server-answers.ts'
import {
  extractPlace,
  isNotAccepted,
  isServerBusy,
  type LocateInFile,
  readServerError,
  toStatementRejected,
} from './server-error.ts'

/** How one statement is sent. */
export interface StatementOptions {
  /** Its streamsProperties; they apply to this statement alone. */
  readonly properties?: Readonly<Record<string, string>>
  readonly locate?: LocateInFile
}

/** The outcome of a statement. */
export interface StatementResult {
  /** SUCCESS, or TERMINATED. */
  readonly status: string
  readonly message: string
  /** The query that CREATE … AS started. */
  readonly queryId: string | undefined
  /** Such as that IF NOT EXISTS found a source, whatever its definition. */
  readonly warnings: readonly string[]
  /** The whole answer, for LIST, DESCRIBE and the like. */
  readonly entities: readonly Entity[]
}

type Entity = Readonly<Record<string, unknown>>

/** How long to wait for a statement. */
export interface WaitOptions {
  /** Time that a statement may take until it is executed. */
  readonly waitMaxMs: number
  /** Pause between two questions for its status. */
  readonly pollMs: number
}

/** Sends statements by `once`, which never retries, and asks for their status by `http`. */
export class StatementRunner {
  readonly #http: HttpClient
  readonly #once: HttpClient
  readonly #wait: WaitOptions
  /** Number of the last accepted statement: the server executes the next one after it. */
  #sequence: number | undefined
  #queue: Promise<unknown> = Promise.resolve()

  constructor(http: HttpClient, once: HttpClient, wait: WaitOptions) {
    this.#http = http
    this.#once = once
    this.#wait = wait
  }

  /** Runs a statement after those before it. Throws CCS_ENGINE_REFUSED if it is rejected. */
  run(sql: string, execution: StatementOptions): Promise<StatementResult> {
    const turn = this.#queue.then(() => this.#run(sql, execution))
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  async #run(sql: string, execution: StatementOptions): Promise<StatementResult> {
    const entities = await this.#post(sql, execution)
    const last = entities.map(readCommand).findLast((one) => one !== undefined)
    const warnings = entities.flatMap(listWarnings)
    if (last === undefined)
      return { status: 'SUCCESS', message: '', queryId: undefined, warnings, entities }
    this.#sequence = last.sequence ?? this.#sequence
    const { status, message, queryId } = await this.#follow(last)
    if (status === 'ERROR')
      throw toStatementRejected(extractPlace({ status: 400, code: 0, message }), execution.locate)
    return { status, message, queryId, warnings, entities }
  }

  async #post(
    sql: string,
    { properties = {}, locate }: StatementOptions,
  ): Promise<readonly Entity[]> {
    const { url } = this.#once
    const body = {
      ksql: sql.endsWith(';') ? sql : `${sql};`,
      streamsProperties: properties,
      ...(this.#sequence === undefined ? {} : { commandSequenceNumber: this.#sequence }),
    }
    for (const deadline = this.#deadline(); ; await this.#pause()) {
      const answer = await sendRequest(url, () => this.#once.request('POST', '/ksql', { body }))
      if (answer.status < 300) return asObjects(answer.body)
      const error = readServerError(answer)
      if (error.message === '') throw notAKsqlDb(url, answer)
      if (isNotAccepted(error) && Date.now() < deadline) continue
      throw isServerBusy(error)
        ? notReadyError(url, error.message)
        : toStatementRejected(error, locate)
    }
  }

  async #follow(command: CommandAnswer): Promise<CommandAnswer> {
    const { url } = this.#http
    const path = `/status/${command.id.split('/').map(encodeURIComponent).join('/')}`
    let current = command
    for (const deadline = this.#deadline(); isUnfinished(current); await this.#pause()) {
      if (Date.now() > deadline) throw notReadyError(url, `${current.status}: ${current.message}`)
      const answer = await sendRequest(url, () => this.#http.request('GET', path))
      if (answer.status < 300) current = { ...current, ...readStatus(answer.body) }
    }
    return current
  }

  #deadline(): number {
    return Date.now() + this.#wait.waitMaxMs
  }

  #pause(): Promise<void> {
    return sleep(this.#wait.pollMs)
  }
}

function isUnfinished({ status }: CommandAnswer): boolean {
  return ['QUEUED', 'PARSING', 'EXECUTING', 'RUNNING'].includes(status)
}

function listWarnings(entity: Entity): readonly string[] {
  const listed = asList(entity.warnings).map((one) => asText(asObject(one).message))
  return entity['@type'] === 'warning_entity' ? [asText(entity.message), ...listed] : listed
}
