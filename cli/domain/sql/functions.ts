/**
 * The portable subset of SQL: every function that a model may use, its result type, and how each
 * cluster engine writes it or what to use instead. Differences in meaning (NULL in LEAST, sums over
 * no rows, epochs, regular expressions) are handled here, so that authors of models need not know
 * them. The local engine runs DuckDB's own functions.
 */
import type { LogicalType } from './types.ts'

/**
 * A call whose arguments are already printed for the engine; types are in the order of the
 * arguments.
 */
export interface Printed {
  readonly args: readonly string[]
  readonly types: readonly (LogicalType | undefined)[]
  /** IANA name of the shop's timezone. */
  readonly timezone: string
  /** The most elements that the contract allows in a list. */
  readonly itemsMax: number
}

/** Prints a call, or tells the author what to write instead. */
export type Idiom = ((call: Printed) => string) | { readonly instead: string }

/** One function: its result type from the argument types, and how each engine writes it. */
export interface FunctionEntry {
  readonly result: (types: readonly (LogicalType | undefined)[]) => LogicalType | undefined
  readonly flink: Idiom
  readonly ksqldb: Idiom
  readonly isAggregate?: true
}

const bool: LogicalType = { is: 'BOOLEAN' }
const integer: LogicalType = { is: 'INTEGER' }
const bigint: LogicalType = { is: 'BIGINT' }
const double: LogicalType = { is: 'DOUBLE' }
const text: LogicalType = { is: 'VARCHAR' }
const date: LogicalType = { is: 'DATE' }
const time: LogicalType = { is: 'TIMESTAMP' }
const TIME_BUCKET: Idiom = {
  instead: 'Use time_bucket only as the first GROUP BY column of a model of kind window.',
}
const always = (type: LogicalType) => () => type
const first = (types: readonly (LogicalType | undefined)[]) =>
  types.find((one) => one !== undefined && one.is !== 'NULL')
const plain = (name: string) => (call: Printed) => `${name}(${call.args.join(', ')})`
const same = (name: string): Pick<FunctionEntry, 'flink' | 'ksqldb'> => ({
  flink: plain(name),
  ksqldb: plain(name),
})
const isList = ({ types }: Printed): boolean => types[0]?.is === 'LIST'
const arg = (call: Printed, index: number): string => call.args[index] ?? 'NULL'

/**
 * DuckDB's LEAST and GREATEST ignore NULL; Flink's return NULL, so each step falls back to either
 * side.
 */
const passingNull = (name: string) => (call: Printed) =>
  call.args.reduce((left, right) => `COALESCE(${name}(${left}, ${right}), ${left}, ${right})`)

function sumType(type: LogicalType | undefined): LogicalType | undefined {
  if (type?.is === 'DECIMAL') return { is: 'DECIMAL', width: 38, scale: type.scale }
  if (type?.is === 'INTEGER' || type?.is === 'BIGINT') return { is: 'HUGEINT' }
  return type
}

/** ksqlDB requires arguments of one type: INTEGER is cast to BIGINT where both occur. */
const oneType = (name: string) => (call: Printed) => {
  const isMixed = call.types.some((one) => one?.is === 'BIGINT')
  const args = call.args.map((one, index) =>
    isMixed && call.types[index]?.is === 'INTEGER' ? `CAST(${one} AS BIGINT)` : one,
  )
  return `${name}(${args.join(', ')})`
}

const isWhole = (type: LogicalType | undefined): boolean =>
  type?.is === 'INTEGER' || type?.is === 'BIGINT'

/**
 * Milliseconds since 1970 of a TIMESTAMP(3); Flink's UNIX_TIMESTAMP counts seconds and takes text.
 */
const flinkEpochMs = (at: string): string =>
  `(UNIX_TIMESTAMP(DATE_FORMAT(${at}, 'yyyy-MM-dd HH:mm:ss')) * 1000 + ` +
  `CAST(DATE_FORMAT(${at}, 'SSS') AS BIGINT))`

/**
 * Flink has no lambdas: the sum has one term for each element that the contract allows; missing
 * elements are NULL.
 */
const flinkSum =
  (term: (item: string) => string) =>
  (call: Printed): string => {
    const list = arg(call, 0)
    const terms = Array.from(
      { length: call.itemsMax },
      (_, index) => `COALESCE(${term(`${list}[${index + 1}]`)}, 0)`,
    )
    return `CASE WHEN CARDINALITY(${list}) > 0 THEN CAST(${terms.join('\n    + ')} AS BIGINT) END`
  }

const ksqlSum =
  (term: string) =>
  (call: Printed): string =>
    `CASE WHEN ARRAY_LENGTH(${arg(call, 0)}) > 0 THEN ` +
    `REDUCE(${arg(call, 0)}, CAST(0 AS BIGINT), (s, i) => s + ${term}) END`

/**
 * The functions by DuckDB's name in lower case. A function that is not here can't be used in a
 * compiled model.
 */
export const FUNCTIONS: Readonly<Record<string, FunctionEntry>> = {
  // Aggregates
  count_star: {
    result: always(bigint),
    flink: () => 'COUNT(*)',
    ksqldb: () => 'COUNT(*)',
    isAggregate: true,
  },
  count: { result: always(bigint), ...same('COUNT'), isAggregate: true },
  sum: {
    result: ([of]) => sumType(of),
    flink: (call) =>
      isWhole(call.types[0]) ? `SUM(CAST(${arg(call, 0)} AS BIGINT))` : plain('SUM')(call),
    // ksqlDB's SUM over no values is 0; in the other engines it is NULL.
    ksqldb: (call) => {
      const of = isWhole(call.types[0]) ? `CAST(${arg(call, 0)} AS BIGINT)` : arg(call, 0)
      return `CASE WHEN COUNT(${arg(call, 0)}) > 0 THEN SUM(${of}) END`
    },
    isAggregate: true,
  },
  min: { result: first, ...same('MIN'), isAggregate: true },
  max: { result: first, ...same('MAX'), isAggregate: true },
  avg: {
    result: always(double),
    flink: (call) => `AVG(CAST(${arg(call, 0)} AS DOUBLE))`,
    ksqldb: (call) => `AVG(CAST(${arg(call, 0)} AS DOUBLE))`,
    isAggregate: true,
  },
  list: {
    result: ([of]) => (of === undefined ? undefined : { is: 'LIST', of }),
    flink: plain('ARRAY_AGG'),
    ksqldb: plain('COLLECT_LIST'),
    isAggregate: true,
  },
  // NULL and choice
  coalesce: { result: first, flink: plain('COALESCE'), ksqldb: oneType('COALESCE') },
  nullif: { result: first, ...same('NULLIF') },
  least: { result: first, flink: passingNull('LEAST'), ksqldb: oneType('LEAST') },
  greatest: { result: first, flink: passingNull('GREATEST'), ksqldb: oneType('GREATEST') },
  // Times
  epoch_ms: {
    result: always(bigint),
    flink: (call) => flinkEpochMs(arg(call, 0)),
    ksqldb: plain('UNIX_TIMESTAMP'),
  },
  make_timestamp_ms: {
    result: always(time),
    flink: (call) => `CAST(TO_TIMESTAMP_LTZ(${arg(call, 0)}, 3) AS TIMESTAMP(3))`,
    ksqldb: plain('FROM_UNIXTIME'),
  },
  time_bucket: {
    result: always(time),
    flink: TIME_BUCKET,
    ksqldb: TIME_BUCKET,
  },
  shop_day: {
    result: always(date),
    flink: (call) =>
      `TO_DATE(SUBSTRING(CONVERT_TZ(DATE_FORMAT(${arg(call, 0)}, 'yyyy-MM-dd HH:mm:ss'), ` +
      `'UTC', '${call.timezone}'), 1, 10))`,
    ksqldb: (call) =>
      `PARSE_DATE(FORMAT_TIMESTAMP(${arg(call, 0)}, 'yyyy-MM-dd', '${call.timezone}'), ` +
      `'yyyy-MM-dd')`,
  },
  right_now: {
    result: always(time),
    flink: () => 'CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3))',
    ksqldb: { instead: 'ksqlDB has no view that is asked when read: ask ccs, or the marts.' },
  },
  // Lists
  len: {
    result: always(bigint),
    flink: (call) =>
      `CAST(${isList(call) ? 'CARDINALITY' : 'CHAR_LENGTH'}(${arg(call, 0)}) AS BIGINT)`,
    ksqldb: (call) => `CAST(${isList(call) ? 'ARRAY_LENGTH' : 'LEN'}(${arg(call, 0)}) AS BIGINT)`,
  },
  list_sort: { result: first, flink: plain('ARRAY_SORT'), ksqldb: plain('ARRAY_SORT') },
  array_to_string: {
    result: always(text),
    flink: plain('ARRAY_JOIN'),
    ksqldb: plain('ARRAY_JOIN'),
  },
  lines_revenue: {
    result: always(bigint),
    flink: flinkSum(
      (i) => `CAST(${i}.unit_price_minor AS BIGINT) * ${i}.quantity - ${i}.discount_minor`,
    ),
    ksqldb: ksqlSum('i->`unit_price_minor` * i->`quantity` - i->`discount_minor`'),
  },
  lines_units: {
    result: always(bigint),
    flink: flinkSum((i) => `CAST(${i}.quantity AS BIGINT)`),
    ksqldb: ksqlSum('i->`quantity`'),
  },
  // Texts
  lower: { result: always(text), flink: plain('LOWER'), ksqldb: plain('LCASE') },
  upper: { result: always(text), flink: plain('UPPER'), ksqldb: plain('UCASE') },
  trim: { result: always(text), ...same('TRIM') },
  length: {
    result: always(bigint),
    flink: (call) => `CAST(CHAR_LENGTH(${arg(call, 0)}) AS BIGINT)`,
    ksqldb: (call) => `CAST(LEN(${arg(call, 0)}) AS BIGINT)`,
  },
  substr: { result: always(text), ...same('SUBSTRING') },
  substring: { result: always(text), ...same('SUBSTRING') },
  replace: { result: always(text), ...same('REPLACE') },
  concat: {
    result: always(text),
    flink: (call) => `CONCAT(${call.args.map((one) => `COALESCE(${one}, '')`).join(', ')})`,
    ksqldb: (call) => `CONCAT(${call.args.map((one) => `COALESCE(${one}, '')`).join(', ')})`,
  },
  md5: {
    result: always(text),
    flink: plain('MD5'),
    ksqldb: { instead: 'ksqlDB has no hash: use the text itself as the key.' },
  },
  regexp_matches: {
    result: always(bool),
    flink: plain('REGEXP'),
    ksqldb: (call) =>
      `CASE WHEN ${arg(call, 0)} IS NOT NULL ` +
      `THEN REGEXP_EXTRACT(${arg(call, 1)}, ${arg(call, 0)}) IS NOT NULL END`,
  },
  // Numbers
  abs: { result: first, ...same('ABS') },
  floor: { result: first, ...same('FLOOR') },
  ceil: { result: first, ...same('CEIL') },
  round: { result: first, ...same('ROUND') },
  sign: { result: always(integer), ...same('SIGN') },
}
