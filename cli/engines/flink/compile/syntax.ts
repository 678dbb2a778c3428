/** How Flink SQL writes what engines write differently. */
import { type DialectSyntax, quoted } from '../../../domain/dialects/dialect-syntax.ts'

/** The parts of its SQL that differ from other engines. */
export const syntax: DialectSyntax = {
  engine: 'flink',
  displayName: 'Flink',
  tryCast: 'TRY_CAST',
  field: (of, name) => `${of}.${quoted(name)}`,
  shifted: (time, op, ms) => `${time} ${op} ${intervalText(ms)}`,
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

/** An INTERVAL; Flink gives each unit two digits, so odd lengths are written out from days to seconds. */
export function intervalText(ms: number): string {
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
  return `INTERVAL '${Math.floor(ms / 86_400_000)} ${clock}.${String(ms % 1000).padStart(3, '0')}' DAY TO SECOND(3)`
}

/** Milliseconds since 1970 of a TIMESTAMP(3) in UTC. */
export function epochMs(time: string): string {
  return `(UNIX_TIMESTAMP(DATE_FORMAT(${time}, 'yyyy-MM-dd HH:mm:ss')) * 1000 + CAST(DATE_FORMAT(${time}, 'SSS') AS BIGINT))`
}
