/**
 * Statements on their way through ksqlDB: one a request, one after the other, each followed until the server has
 * carried it out. What it answers at first is only that it took it into its command topic.
 */
import type { HttpClient } from '../../../adapters/http/http.ts'
import { sleep } from '../../../adapters/process/system-clock.ts'
import { asObject } from '../../../domain/kernel/json.ts'
import { busy, reached, stranger } from '../client/connection.ts'
import {
  type CommandAnswer,
  list,
  readCommand,
  readStatus,
  records,
  text,
} from '../client/query-service.ts'
import {
  isBusy,
  isUntaken,
  type Locate,
  placed,
  readRefusal,
  refused,
} from '../client/server-error.ts'

export interface Execution {
  /** streamsProperties of this statement: nothing carries over to the next. */
  readonly properties?: Readonly<Record<string, string>>
  readonly locate?: Locate
}

/** What became of a statement. */
export interface Executed {
  /** SUCCESS, or TERMINATED. */
  readonly status: string
  readonly message: string
  /** Of CREATE … AS. */
  readonly queryId: string | undefined
  /** Such as that IF NOT EXISTS found something there, of whatever definition. */
  readonly warnings: readonly string[]
  /** All that was answered, for LIST, DESCRIBE and their kind. */
  readonly entities: readonly Entity[]
}

type Entity = Readonly<Record<string, unknown>>

export interface Patience {
  /** How long a statement may take until it is carried out. */
  readonly patienceMs: number
  /** Between two looks at what is not done yet. */
  readonly pollMs: number
}

/** Runs statements over `once`, which repeats nothing, and asks for their fate over `http`. */
export class Statements {
  readonly #http: HttpClient
  readonly #once: HttpClient
  readonly #patience: Patience
  /** Of the last statement that was taken: the next one waits until the server has read it. */
  #sequence: number | undefined
  #queue: Promise<unknown> = Promise.resolve()

  constructor(http: HttpClient, once: HttpClient, patience: Patience) {
    this.#http = http
    this.#once = once
    this.#patience = patience
  }

  run(sql: string, execution: Execution): Promise<Executed> {
    const turn = this.#queue.then(() => this.#run(sql, execution))
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  async #run(sql: string, execution: Execution): Promise<Executed> {
    const entities = await this.#post(sql, execution)
    const last = entities.map(readCommand).findLast((one) => one !== undefined)
    const warnings = entities.flatMap(warningsOf)
    if (last === undefined)
      return { status: 'SUCCESS', message: '', queryId: undefined, warnings, entities }
    this.#sequence = last.sequence ?? this.#sequence
    const { status, message, queryId } = await this.#follow(last)
    if (status === 'ERROR')
      throw refused(placed({ status: 400, code: 0, message }), execution.locate)
    return { status, message, queryId, warnings, entities }
  }

  async #post(sql: string, { properties = {}, locate }: Execution): Promise<readonly Entity[]> {
    const { url } = this.#once
    const body = {
      ksql: sql.endsWith(';') ? sql : `${sql};`,
      streamsProperties: properties,
      ...(this.#sequence === undefined ? {} : { commandSequenceNumber: this.#sequence }),
    }
    for (const end = this.#end(); ; await this.#pause()) {
      const answer = await reached(url, () => this.#once.request('POST', '/ksql', { body }))
      if (answer.status < 300) return records(answer.body)
      const refusal = readRefusal(answer)
      if (refusal.message === '') throw stranger(url, answer)
      if (isUntaken(refusal) && Date.now() < end) continue
      throw isBusy(refusal) ? busy(url, refusal.message) : refused(refusal, locate)
    }
  }

  async #follow(command: CommandAnswer): Promise<CommandAnswer> {
    const { url } = this.#http
    const path = `/status/${command.id.split('/').map(encodeURIComponent).join('/')}`
    let current = command
    for (const end = this.#end(); isUnderWay(current); await this.#pause()) {
      if (Date.now() > end) throw busy(url, `${current.status}: ${current.message}`)
      const answer = await reached(url, () => this.#http.request('GET', path))
      if (answer.status < 300) current = { ...current, ...readStatus(answer.body) }
    }
    return current
  }

  #end(): number {
    return Date.now() + this.#patience.patienceMs
  }

  #pause(): Promise<void> {
    return sleep(this.#patience.pollMs)
  }
}

function isUnderWay({ status }: CommandAnswer): boolean {
  return ['QUEUED', 'PARSING', 'EXECUTING', 'RUNNING'].includes(status)
}

function warningsOf(entity: Entity): readonly string[] {
  const listed = list(entity.warnings).map((one) => text(asObject(one).message))
  return entity['@type'] === 'warning_entity' ? [text(entity.message), ...listed] : listed
}
