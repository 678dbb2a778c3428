/**
 * Errors that a SQL Gateway answers with. Its body is a Java stack trace as text: the innermost
 * `Caused by` says what is wrong, and one of those around it may say where in the statement.
 */
import type { HttpAnswer } from '../../../adapters/http/http.ts'
import { CcsError, EXIT, type Location } from '../../../domain/kernel/errors.ts'
import { asObject } from '../../../domain/kernel/json.ts'
import { VERSION_MIN } from './needs.ts'

/** What a gateway refused; line and column count from 1, in the statement as it was sent. */
export interface GatewayFault {
  /** One sentence, without its full stop. */
  readonly message: string
  readonly line?: number
  readonly column?: number
}

/** The place, in the file that a statement was compiled from, of a place in the statement. */
export type LocateInFile = (line: number, column: number) => Location | undefined

/** A statement that Flink refused, or a job that failed. */
export class StatementRefused extends CcsError {
  readonly fault: GatewayFault

  constructor(fault: GatewayFault, locate?: LocateInFile) {
    // What a server lacks has no place in a model.
    const location = findLack(fault.message)
      ? undefined
      : locate?.(fault.line ?? 1, fault.column ?? 1)
    const hint = findHint(fault.message)
    super('CCS_ENGINE_REFUSED', `Flink refuses it: ${describeFault(fault)}.`, {
      exit: EXIT.usage,
      ...(location === undefined ? {} : { location }),
      ...(hint === undefined ? {} : { hint }),
    })
    this.fault = fault
  }
}

/** Reads an answer that is not a success; undefined if no gateway gives such an answer. */
export function readGatewayFault({ body }: Pick<HttpAnswer, 'body'>): GatewayFault | undefined {
  const { errors } = asObject(body)
  if (!Array.isArray(errors)) return undefined
  const trace = errors.map(String).join('\n')
  const causes = listCauses(trace)
  const message = summarizeTrace(trace)
  if (message === undefined) return undefined
  const place = causes.map(findPlace).find((one) => one !== undefined)
  return { message, ...place }
}

/** What the innermost cause of a stack trace says, without its full stop. */
export function summarizeTrace(trace: string): string | undefined {
  const said = listCauses(trace).map((one) => summarize(one))
  return said.filter((one) => one !== '').at(-1)
}

/** What a stack trace says of why a job failed: its innermost cause, and what that prevented. */
export function explainTrace(trace: string): string | undefined {
  const said = listCauses(trace).map((one) => summarize(one))
  const [inner, outer] = said.filter((one) => one !== '').reverse()
  if (inner === undefined || outer === undefined) return inner
  return outer.includes(inner) || inner.includes(outer) ? inner : `${outer}: ${inner}`
}

/** The texts of the exception and of each `Caused by` after it, without their frames. */
function listCauses(trace: string): readonly string[] {
  const lines = trace.split('\n').filter((line) => !/^\s+(at |\.\.\. \d+ more)/.test(line))
  const causes: string[] = []
  for (const line of lines) {
    const isNew = /^(Caused by: |<Exception on server side:|End of exception)/.test(line)
    if (isNew || causes.length === 0) causes.push(line.replace(/^Caused by: /, ''))
    else causes.push(`${causes.pop()}\n${line}`)
  }
  return causes.map((one) => one.replace(/^<Exception on server side:\s*/, '').trim())
}

/** The first paragraph in one line, without names of Java's classes, places and lists of tokens. */
function summarize(cause: string): string {
  if (/^(End of exception|Internal server error)/.test(cause)) return ''
  const [first = ''] = cause.split(/\n\s*\n|\nWas expecting|\n'</)
  const text = first
    .replace(/^(?:[\w$]+\.)+[\w$]*(?:Exception|Error)(?::\s*|\s*$)/g, '')
    .replace(/^(?:SQL (?:validation|parse) failed\.\s*)?(?:At|From) line [^:]*:\s*/, '')
    .replace(/\sat line \d+, column \d+/, '')
    .replace(/\s+/g, ' ')
    .replace(/[\s.]+$/, '')
  return text.length > MESSAGE_MAX ? `${text.slice(0, MESSAGE_MAX)} …` : text
}

const MESSAGE_MAX = 600

function findPlace(cause: string): { readonly line: number; readonly column: number } | undefined {
  const found = /\b(?:at|from) line (\d+), column (\d+)/i.exec(cause)
  return found ? { line: Number(found[1]), column: Number(found[2]) } : undefined
}

/** Java names a class that it can't find without a word more. */
function describeFault({ message }: GatewayFault): string {
  const [, factory] = FACTORY.exec(message) ?? []
  if (factory !== undefined) return `it has no connector or format '${factory}'`
  return CLASS.test(message) ? `it has no class ${message}` : message
}

const FACTORY = /any factory for identifier '([\w-]+)'/
const CLASS = /^(?:[\w$]+\.)+[\w$]+$/

const JARS: readonly (readonly [says: RegExp, jar: string])[] = [
  [/\bccs\.(v\d+\.)?Lines(Revenue|Units)\b/, 'stack/flink/functions/ccs-functions.jar'],
  [/'(upsert-)?kafka'|flink\.connector\.kafka\./, 'flink-sql-connector-kafka-5.0.0-2.2.jar'],
  [
    /'avro-confluent'|flink\.formats\.avro\./,
    `flink-sql-avro-confluent-registry-${VERSION_MIN}.0.jar`,
  ],
]

/** The jar that a server lacks by its own words; undefined: that is not what it says. */
function findLack(message: string): string | undefined {
  if (!FACTORY.test(message) && !/\b[a-z]\w*(\.\w+)+\.[A-Z]\w+$|\bccs\./.test(message))
    return undefined
  return JARS.find(([says]) => says.test(message))?.[1]
}

/** What to do about what Flink says; undefined: the message says it all. */
export function findHint(message: string): string | undefined {
  const jar = findLack(message)
  if (jar !== undefined)
    return (
      `Copy ${jar} into the lib folder of gateway, JobManager and TaskManagers, in place of an ` +
      'older one, then restart them.'
    )
  if (FACTORY.test(message) || CLASS.test(message))
    return 'Copy its jar into the lib folder of gateway, JobManager and TaskManagers.'
  if (/already exists/.test(message))
    return 'Drop it first, or give the target a prefix in ccs.yml.'
  if (
    /OutOfMemoryError|Java heap space|Metaspace|Insufficient number of network buffers/.test(
      message,
    )
  )
    return (
      'Give the TaskManagers more memory: taskmanager.memory.task.heap.size, network and managed ' +
      'memory; what a slot has: ccs doctor'
    )
  return undefined
}
