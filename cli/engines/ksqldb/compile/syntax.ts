/** How ksqlDB writes what engines write differently. */
import { type DialectSyntax, quoted } from '../../../domain/dialects/dialect-syntax.ts'
import { typeName } from '../../../domain/dialects/idioms/types.ts'

/** The parts of its SQL that differ from other engines. */
export const syntax: DialectSyntax = {
  engine: 'ksqldb',
  displayName: 'ksqlDB',
  tryCast: 'CAST',
  field: (of, name) => `${of}->${quoted(name)}`,
  shifted: (time, op, ms) =>
    `${op === '+' ? 'TIMESTAMPADD' : 'TIMESTAMPSUB'}(MILLISECONDS, ${ms}, ${time})`,
  // CONCAT passes over NULL; || of SQL does not.
  concat: (parts) => {
    const call = `CONCAT(${parts.map((one) => one.sql).join(', ')})`
    const guards = parts.filter((one) => !one.isLiteral).map((one) => `${one.sql} IS NOT NULL`)
    return guards.length === 0 ? call : `CASE WHEN ${guards.join(' AND ')} THEN ${call} END`
  },
  remainder: (left, right) => `${left} % ${right}`,
  // A bare 0.01 may be read as DOUBLE.
  decimal: (digits, type) => `CAST('${digits}' AS ${typeName(type, 'ksqldb') ?? 'DOUBLE'})`,
  aggregate: (call, printer, idioms) => {
    const [first = '1'] = call.args.map((one) => printer.print(one))
    const value =
      call.filter === undefined
        ? first
        : `CASE WHEN ${printer.print(call.filter)} THEN ${first} END`
    if (call.name === 'count_star') return `COUNT(${value})`
    if (call.distinct && call.name !== 'count')
      return printer.fault(
        call.at,
        `ksqlDB has no ${call.name}(DISTINCT …).`,
        'Use count(DISTINCT …).',
      )
    // COUNT_DISTINCT is an estimate (HyperLogLog); a set is exact.
    if (call.distinct)
      return `CAST(ARRAY_LENGTH(ARRAY_REMOVE(COLLECT_SET(CAST(${value} AS STRING)), CAST(NULL AS STRING))) AS BIGINT)`
    if (call.name === 'list') return `ARRAY_REMOVE(COLLECT_LIST(${value}), CAST(NULL AS STRING))`
    return printer.apply(call, idioms, [value])
  },
}

/** `10 MINUTES`: a size, as WINDOW clauses write it. */
export function durationText(ms: number): string {
  const units = [
    ['DAYS', 86_400_000],
    ['HOURS', 3_600_000],
    ['MINUTES', 60_000],
    ['SECONDS', 1000],
  ] as const
  const [unit, size] = units.find(([, one]) => ms % one === 0) ?? (['MILLISECONDS', 1] as const)
  return `${ms / size} ${unit}`
}
