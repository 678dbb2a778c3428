/** The SQL syntax of ksqlDB. */
import { type DialectSyntax, quoteName } from '../../../domain/dialects/dialect-syntax.ts'
import { printType } from '../../../domain/dialects/idioms/types.ts'

/** The parts of ksqlDB's SQL that differ from other engines. */
export const syntax: DialectSyntax = {
  engine: 'ksqldb',
  displayName: 'ksqlDB',
  tryCast: 'CAST',
  hasUnknown: false,
  field: (of, name) => `${of}->${quoteName(name)}`,
  shiftTime: (time, op, ms) =>
    `${op === '+' ? 'TIMESTAMPADD' : 'TIMESTAMPSUB'}(MILLISECONDS, ${ms}, ${time})`,
  // CONCAT ignores NULL, whereas SQL's || returns NULL.
  concat: (parts) => {
    const call = `CONCAT(${parts.map((one) => one.sql).join(', ')})`
    const guards = parts.filter((one) => !one.isLiteral).map((one) => `${one.sql} IS NOT NULL`)
    return guards.length === 0 ? call : `CASE WHEN ${guards.join(' AND ')} THEN ${call} END`
  },
  remainder: (left, right) => `${left} % ${right}`,
  // A bare 0.01 may be read as DOUBLE.
  decimal: (digits, type) => `CAST('${digits}' AS ${printType(type, 'ksqldb') ?? 'DOUBLE'})`,
  aggregate: (call, printer, idioms) => {
    const [first = '1'] = call.args.map((one) => printer.print(one))
    const value =
      call.filter === undefined
        ? first
        : `CASE WHEN ${printer.printCondition(call.filter)} THEN ${first} END`
    if (call.name === 'count_star') return `COUNT(${value})`
    if (call.distinct && call.name !== 'count')
      return printer.fault(
        call.at,
        `ksqlDB has no ${call.name}(DISTINCT …).`,
        'Use count(DISTINCT …).',
      )
    // ksqlDB's COUNT_DISTINCT is an estimate (HyperLogLog); a set is exact.
    if (call.distinct) {
      const set = `COLLECT_SET(CAST(${value} AS STRING))`
      return `CAST(ARRAY_LENGTH(ARRAY_REMOVE(${set}, CAST(NULL AS STRING))) AS BIGINT)`
    }
    if (call.name === 'list') return `ARRAY_REMOVE(COLLECT_LIST(${value}), CAST(NULL AS STRING))`
    return printer.apply(call, idioms, [value])
  },
}

/** Prints a duration for a WINDOW clause: `10 MINUTES`. */
export function printDuration(ms: number): string {
  const units = [
    ['DAYS', 86_400_000],
    ['HOURS', 3_600_000],
    ['MINUTES', 60_000],
    ['SECONDS', 1000],
  ] as const
  const [unit, size] = units.find(([, one]) => ms % one === 0) ?? (['MILLISECONDS', 1] as const)
  return `${ms / size} ${unit}`
}
