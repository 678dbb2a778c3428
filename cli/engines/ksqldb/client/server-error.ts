/**
 * Errors that ksqlDB answers with, and their places. The place has no field of its own: parse
 * errors begin `line 3:15: …`, errors of analysis `Line: 1, Col: 130: …`, and many name none.
 */

import type { HttpAnswer } from '../../../adapters/http/http.ts'
import { CcsError, EXIT, type ExitCode, type Location } from '../../../domain/kernel/errors.ts'
import { asObject } from '../../../domain/kernel/json.ts'
import { asText } from './server-answers.ts'

/** An error as the server sent it; line and column count from 1, in the statement as sent. */
export interface ServerError {
  readonly status: number
  /** ksqlDB's error_code, such as 40001; 0 if the answer has none. */
  readonly code: number
  readonly message: string
  readonly line?: number
  readonly column?: number
}

/** A rejected statement. It changed nothing: ksqlDB checks a statement before it executes it. */
export class StatementRejected extends CcsError {
  readonly serverError: ServerError

  constructor(
    error: ServerError,
    options: { readonly location?: Location; readonly exit: ExitCode },
  ) {
    const hint = hintFor(error)
    super('CCS_ENGINE_REFUSED', `ksqlDB refuses it: ${shorten(error.message)}`, {
      ...options,
      ...(hint === undefined ? {} : { hint }),
    })
    this.serverError = error
  }
}

/** The place, in the file that the statement was compiled from, of a place in the statement. */
export type LocateInFile = (line: number, column: number) => Location | undefined

/** Turns a server's error into CCS_ENGINE_REFUSED, with a place if `locate` has one. */
export function toStatementRejected(error: ServerError, locate?: LocateInFile): StatementRejected {
  const { line, column, status } = error
  const location = locate?.(line ?? 1, column ?? 1)
  const exit = status >= 500 ? EXIT.unexpected : status === 417 ? EXIT.checkFailed : EXIT.usage
  return new StatementRejected(error, { exit, ...(location === undefined ? {} : { location }) })
}

/** Reads an answer that is not a success; `message` is empty if it is not a ksqlDB's. */
export function readServerError({ status, body }: HttpAnswer): ServerError {
  const { error_code: code, message } = asObject(body)
  return extractPlace({
    status,
    code: typeof code === 'number' ? code : 0,
    message: asText(message),
  })
}

/** Moves the place from the message into `line` and `column`. */
export function extractPlace(error: Pick<ServerError, 'status' | 'code' | 'message'>): ServerError {
  const found = PLACES.map((one) => one.exec(error.message)).find((one) => one !== null)
  if (found === undefined || found === null) return error
  const message = (
    error.message.slice(0, found.index) + error.message.slice(found.index + found[0].length)
  ).trim()
  // ANTLR counts columns from 0; ksqlDB has added 1 already.
  return { ...error, message, line: Number(found[1]), column: Number(found[2]) }
}

const PLACES = [/\bline (\d+):(\d+):\s*/, /\bLine: (\d+), Col: (\d+):\s*/]

/** Whether the server needs more time: codes 50301 and 50302, or its command topic lags. */
export function isServerBusy({ code, message }: ServerError): boolean {
  return (
    code === 50301 ||
    code === 50302 ||
    /Timeout while waiting for command topic consumer/i.test(message)
  )
}

/**
 * Whether the statement was not accepted and may be sent again: the server is starting, has not
 * read its own earlier statements yet, or another statement was sent at the same time (two
 * producers fence each other off the command topic).
 */
export function isNotAccepted({ code, message }: ServerError): boolean {
  return (
    code === 50301 ||
    code === 50302 ||
    /fenced by another producer|fences the current one/i.test(message)
  )
}

function hintFor({ message }: ServerError): string | undefined {
  if (/already exists/i.test(message))
    return 'ccs did not create it. Drop it in ksqlDB, or give the target a prefix in ccs.yml.'
  if (/need to drop them|following queries|being used by/i.test(message))
    return 'Other streams or queries read it: drop those first.'
  if (/Schema.*(not found|missing)|schema.*subject/i.test(message))
    return 'Check that ksqlDB uses the schema registry that ccs.yml names for the target.'
  return undefined
}

/** The first four lines say enough: ksqlDB repeats the causes on further lines. */
function shorten(message: string): string {
  const lines = message.split('\n').filter((one) => one.trim() !== '')
  const whole = lines.slice(0, 4).join(' ').replace(/\s+/g, ' ').trim()
  return whole.length > 600 ? `${whole.slice(0, 600)} …` : whole
}
