/** The SQL syntax of Flink. */
import { type DialectSyntax, quoteName } from '../../../domain/dialects/dialect-syntax.ts'

/** The parts of Flink's SQL that differ from other engines. */
export const syntax: DialectSyntax = {
  engine: 'flink',
  displayName: 'Flink',
  tryCast: 'TRY_CAST',
  hasUnknown: true,
  field: (of, name) => `${of}.${quoteName(name)}`,
  shiftTime: (time, op, ms) => `${time} ${op} ${printInterval(ms)}`,
  concat: (parts) => parts.map((one) => one.sql).join(' || '),
  remainder: (left, right) => `MOD(${left}, ${right})`,
  decimal: (digits) => digits,
  aggregate: (call, printer, idioms) => {
    const args = call.args.map((one) => printer.print(one))
    const [first, ...rest] = args
    const distinct = call.distinct ? [`DISTINCT ${first ?? '*'}`, ...rest] : args
    const sql = printer.apply(call, idioms, distinct)
    return call.filter === undefined ? sql : `${sql} FILTER (WHERE ${printer.print(call.filter)})`
  },
}

/** Prints an INTERVAL. A unit has at most two digits in Flink; longer ones use all units. */
export function printInterval(ms: number): string {
  const units = [
    ['DAY', 86_400_000],
    ['HOUR', 3_600_000],
    ['MINUTE', 60_000],
    ['SECOND', 1000],
  ] as const
  for (const [unit, size] of units)
    if (ms % size === 0 && ms / size < 100) return `INTERVAL '${ms / size}' ${unit}`
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0')
  const clock = `${two((ms / 3_600_000) % 24)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}`
  const [days, millis] = [Math.floor(ms / 86_400_000), String(ms % 1000).padStart(3, '0')]
  return `INTERVAL '${days} ${clock}.${millis}' DAY TO SECOND(3)`
}

/** Prints the milliseconds since 1970 of a TIMESTAMP(3) in UTC. */
export function printEpochMs(time: string): string {
  return `(EXTRACT(EPOCH FROM ${time}) * 1000 + EXTRACT(MILLISECOND FROM ${time}))`
}
