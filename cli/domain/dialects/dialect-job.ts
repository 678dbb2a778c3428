/** One model on its way through a dialect: what was given, what is collected, and a printer for its names. */

import type { Expr, Select, SelectItem } from '../sql/tree.ts'
import type { Column } from '../sql/types.ts'
import { type DialectInput, flatName } from './dialect.ts'
import type { DialectSyntax, Fault, Substitute } from './dialect-syntax.ts'
import { Printer } from './sql-print.ts'

export class DialectJob {
  readonly input: DialectInput
  /** The model's name without a dot. */
  readonly name: string
  readonly faults: Fault[] = []
  readonly notes: string[] = []
  readonly #syntax: DialectSyntax

  constructor(input: DialectInput, syntax: DialectSyntax) {
    this.input = input
    this.name = flatName(input.model.name)
    this.#syntax = syntax
    for (const part of input.select.unsupported)
      this.fault(
        part.at,
        `${syntax.displayName} can't run ${part.what} on a stream.`,
        'Leave it to the query that reads the model.',
      )
  }

  fault(at: number | undefined, message: string, hint: string): void {
    this.faults.push({ at, message, hint })
  }

  note(sentence: string): void {
    this.notes.push(sentence)
  }

  printer(columns: readonly Column[], substitutes: readonly Substitute[] = []): Printer {
    const { select, project } = this.input
    return new Printer({
      syntax: this.#syntax,
      columns,
      substitutes,
      aliases: new Map(select.items.map((one) => [one.name, one.expr])),
      timezone: project.timezone,
      itemsMax: project.itemsMax,
      faults: this.faults,
    })
  }
}

/** WHERE as a list of one condition or none. */
export function whereOf(select: Select, printer: Printer): readonly string[] {
  return select.where === undefined ? [] : [printer.print(select.where)]
}

/** A nested SELECT that gives each element of a list a row: `SELECT *, unnest(range(1, len(list) + 1)) AS line`. */
export interface Unnesting {
  readonly table: string
  readonly list: string
  readonly ordinal: string
  readonly where: Select
}

/** Recognises the one form of unnesting that all engines share; anything else is a fault. */
export function readUnnesting(job: DialectJob, inner: Select): Unnesting | undefined {
  const { from } = inner
  const [ordinal, ...more] = inner.items.filter((one) => one.expr.is !== 'star')
  const list = ordinal === undefined ? undefined : listOf(ordinal)
  const isWhole = inner.items.some((one) => one.expr.is === 'star')
  if (
    from.is === 'table' &&
    ordinal !== undefined &&
    list !== undefined &&
    isWhole &&
    more.length === 0
  )
    return { table: from.name, list, ordinal: ordinal.name, where: inner }
  job.fault(
    ordinal?.expr.at,
    'This nested SELECT is no unnesting that engines share.',
    'Write SELECT *, unnest(range(1, len(list) + 1)) AS line FROM model, and list[line].field outside.',
  )
  return undefined
}

function listOf({ expr }: SelectItem): string | undefined {
  const range = expr.is === 'call' && expr.name === 'unnest' ? expr.args[0] : undefined
  const end = range?.is === 'call' && range.name === 'range' ? range.args[1] : undefined
  const length = end?.is === 'binary' && end.op === '+' ? end.left : undefined
  const list = length?.is === 'call' && length.name === 'len' ? length.args[0] : undefined
  return list?.is === 'column' ? list.path.at(-1) : undefined
}

/**
 * The keys of QUALIFY row_number() OVER (PARTITION BY …) = 1, one list for each condition that AND
 * joins; anything else is a fault.
 */
export function readFirstOnly(
  job: DialectJob,
  qualify: Expr,
): readonly (readonly Expr[])[] | undefined {
  if (qualify.is === 'binary' && qualify.op === 'AND') {
    const [left, right] = [readFirstOnly(job, qualify.left), readFirstOnly(job, qualify.right)]
    return left && right && [...left, ...right]
  }
  const isOne =
    qualify.is === 'binary' &&
    qualify.op === '=' &&
    qualify.right.is === 'literal' &&
    qualify.right.text === '1'
  const rows = isOne && qualify.left.is === 'window' ? qualify.left : undefined
  if (rows?.name === 'row_number' && job.input.model.dedupe !== undefined) return [rows.partition]
  job.fault(
    qualify.at,
    'Only the first row of a key can be kept of a stream.',
    'Write QUALIFY row_number() OVER (PARTITION BY key ORDER BY …) = 1 and "dedupe: key" in the header.',
  )
  return undefined
}

/** The time_bucket() that a window of hours or minutes is grouped by; a fault where there is none. */
export function readBucket(job: DialectJob): Expr | undefined {
  const { model, select } = job.input
  const bucket = select.groupBy.find((one) => one.is === 'call' && one.name === 'time_bucket')
  if (bucket === undefined && model.window?.unit === 'ms')
    job.fault(
      select.groupBy[0]?.at,
      'A window of hours or minutes is grouped by time_bucket().',
      'Group by time_bucket(INTERVAL …, time).',
    )
  return bucket
}

/** The column that session_rows() adds. */
export const SESSION_START: Expr = { is: 'column', path: ['session_start'], at: undefined }

/** Columns of session_rows('name', …). */
export function sessionColumns(job: DialectJob, name: string): readonly Column[] {
  return [...job.input.columnsOf(name), { name: 'session_start', type: { is: 'TIMESTAMP' } }]
}
