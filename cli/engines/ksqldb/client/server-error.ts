/**
 * What ksqlDB refuses, and where. It has no field for a place: parse errors say `line 3:15: …`, errors of
 * analysis `Line: 1, Col: 130: …`, and many say neither.
 */

import type { HttpAnswer } from '../../../adapters/http/http.ts'
import { CcsError, EXIT, type ExitCode, type Location } from '../../../domain/kernel/errors.ts'
import { asObject } from '../../../domain/kernel/json.ts'
import { text } from './query-service.ts'

/** A refusal in the server's own terms; line and column count from 1, in the statement as it was sent. */
export interface Refusal {
  readonly status: number
  /** 40001 and so on; 0 where the server gave none. */
  readonly code: number
  readonly message: string
  readonly line?: number
  readonly column?: number
}

/** A statement that was refused. What it left undone is nothing: ksqlDB checks it whole before it begins. */
export class KsqlRefused extends CcsError {
  readonly refusal: Refusal

  constructor(
    refusal: Refusal,
    options: { readonly location?: Location; readonly exit: ExitCode },
  ) {
    const hint = hintOf(refusal)
    super('CCS_ENGINE_REFUSED', `ksqlDB refuses it: ${shortened(refusal.message)}`, {
      ...options,
      ...(hint === undefined ? {} : { hint }),
    })
    this.refusal = refusal
  }
}

/** The place of a refusal in the file that its statement was made from; undefined: it has none there. */
export type Locate = (line: number, column: number) => Location | undefined

export function refused(refusal: Refusal, locate?: Locate): KsqlRefused {
  const { line, column, status } = refusal
  const location = locate?.(line ?? 1, column ?? 1)
  const exit = status >= 500 ? EXIT.unexpected : status === 417 ? EXIT.checkFailed : EXIT.usage
  return new KsqlRefused(refusal, { exit, ...(location === undefined ? {} : { location }) })
}

/** An answer that is no success; `message` is empty where no ksqlDB spoke. */
export function readRefusal({ status, body }: HttpAnswer): Refusal {
  const { error_code: code, message } = asObject(body)
  return placed({ status, code: typeof code === 'number' ? code : 0, message: text(message) })
}

/** Takes the place out of the message. */
export function placed(refusal: Pick<Refusal, 'status' | 'code' | 'message'>): Refusal {
  const found = PLACES.map((one) => one.exec(refusal.message)).find((one) => one !== null)
  if (found === undefined || found === null) return refusal
  const message = (
    refusal.message.slice(0, found.index) + refusal.message.slice(found.index + found[0].length)
  ).trim()
  // Columns of the parser count from 0 in the message of ANTLR, but ksqlDB adds the 1 itself.
  return { ...refusal, message, line: Number(found[1]), column: Number(found[2]) }
}

const PLACES = [/\bline (\d+):(\d+):\s*/, /\bLine: (\d+), Col: (\d+):\s*/]

/** The server is there and says "not now": 50301, 50302, or a command topic that does not keep up. */
export function isBusy({ code, message }: Refusal): boolean {
  return (
    code === 50301 ||
    code === 50302 ||
    /Timeout while waiting for command topic consumer/i.test(message)
  )
}

/**
 * It was not taken, and may be sent again: the server is starting, has not read its own earlier commands yet, or
 * another statement got between (two at once fence each other off the command topic).
 */
export function isUntaken({ code, message }: Refusal): boolean {
  return (
    code === 50301 ||
    code === 50302 ||
    /fenced by another producer|fences the current one/i.test(message)
  )
}

function hintOf({ message }: Refusal): string | undefined {
  if (/already exists/i.test(message))
    return 'Somebody else made it. Look at it in ksqlDB, then drop it there, or give the target a prefix.'
  if (/need to drop them|following queries|being used by/i.test(message))
    return 'Others read it: drop those first.'
  if (/Schema.*(not found|missing)|schema.*subject/i.test(message))
    return 'Look whether the schema registry of ksqlDB is that of the target.'
  return undefined
}

/** Causes are repeated on lines of their own; the first sentences say it. */
function shortened(message: string): string {
  const lines = message.split('\n').filter((one) => one.trim() !== '')
  const whole = lines.slice(0, 4).join(' ').replace(/\s+/g, ' ').trim()
  return whole.length > 600 ? `${whole.slice(0, 600)} …` : whole
}
