/** Compiling one model: its input, the faults and notes collected, and reading its clauses. */

import type { Expr, Select, SelectItem } from '../sql/tree.ts'
import type { Column } from '../sql/types.ts'
import { type DialectInput, flattenName } from './dialect.ts'
import type { DialectSyntax, Fault, Substitute } from './dialect-syntax.ts'
import { AND_STRENGTH } from './piece.ts'
import { Printer } from './sql-print.ts'

/** Collects faults and notes while a dialect compiles one model. */
export class DialectJob {
  readonly input: DialectInput
  /** The model's name without a dot. */
  readonly name: string
  readonly faults: Fault[] = []
  readonly notes: string[] = []
  readonly #syntax: DialectSyntax

  constructor(input: DialectInput, syntax: DialectSyntax) {
    this.input = input
    this.name = flattenName(input.model.name)
    this.#syntax = syntax
    for (const part of input.select.unsupported)
      this.fault(
        part.at,
        `${syntax.displayName} can't run ${part.what} on a stream.`,
        'Remove it from the model, and write it in the query that reads the model.',
      )
  }

  /** Adds a fault; `at` is a byte offset in the model's SELECT. */
  fault(at: number | undefined, message: string, hint: string): void {
    this.faults.push({ at, message, hint })
  }

  /** Adds a note: how the engine's rows may differ from the SELECT. */
  note(sentence: string): void {
    this.notes.push(sentence)
  }

  /** A printer for expressions over these columns. */
  printer(columns: readonly Column[], substitutes: readonly Substitute[] = []): Printer {
    const { select, project } = this.input
    return new Printer({
      syntax: this.#syntax,
      columns,
      substitutes,
      aliases: new Map(select.items.map((one) => [one.name, one.expr])),
      timezone: project.timezone,
      faults: this.faults,
    })
  }
}

/** Prints WHERE as a list of one condition or none. */
export function printWhere(select: Select, printer: Printer): readonly string[] {
  return select.where === undefined ? [] : [printer.printCondition(select.where, AND_STRENGTH)]
}

/**
 * The nested SELECT `SELECT *, unnest(range(1, len(list) + 1)) AS line`: a row per list element.
 */
export interface Unnesting {
  readonly table: string
  readonly list: string
  readonly ordinal: string
  readonly where: Select
}

/** Reads the one form of unnesting that all engines can run; anything else is a fault. */
export function readUnnesting(job: DialectJob, inner: Select): Unnesting | undefined {
  const { from } = inner
  const [ordinal, ...more] = inner.items.filter((one) => one.expr.is !== 'star')
  const list = ordinal === undefined ? undefined : findUnnestedList(ordinal)
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
    'A nested SELECT may only unnest a list, in the one form that all engines can run.',
    'Write SELECT *, unnest(range(1, len(list) + 1)) AS line FROM model, ' +
      'and list[line].field in the outer SELECT.',
  )
  return undefined
}

function findUnnestedList({ expr }: SelectItem): string | undefined {
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
    'QUALIFY on a stream can only keep the first row of each key.',
    'Write QUALIFY row_number() OVER (PARTITION BY key ORDER BY …) = 1, ' +
      'and "dedupe: key" in the header.',
  )
  return undefined
}

/** Finds the time_bucket() that a window of hours or minutes is grouped by; none is a fault. */
export function readBucket(job: DialectJob): Expr | undefined {
  const { model, select } = job.input
  const bucket = select.groupBy.find((one) => one.is === 'call' && one.name === 'time_bucket')
  if (bucket === undefined && model.window?.unit === 'ms')
    job.fault(
      select.groupBy[0]?.at,
      'A window of hours or minutes must be grouped by time_bucket().',
      'Write GROUP BY time_bucket(INTERVAL …, time).',
    )
  return bucket
}

/** The column that session_rows() adds. */
export const SESSION_START: Expr = { is: 'column', path: ['session_start'], at: undefined }

/** Lists the columns of session_rows('name', …). */
export function listSessionColumns(job: DialectJob, name: string): readonly Column[] {
  return [...job.input.findColumns(name), { name: 'session_start', type: { is: 'TIMESTAMP' } }]
}
