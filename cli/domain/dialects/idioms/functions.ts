/**
 * How each cluster engine writes the functions of the portable subset, or what to write instead.
 * Differences (NULL in LEAST, sums over no rows, epochs, regular expressions) are handled here, so
 * that authors of models need not know them. DuckDB runs the functions as they are.
 */
import type { LogicalType } from '../../sql/types.ts'

/** Engines that models are printed for, rather than run as they are. */
export type PrintedEngine = 'flink' | 'ksqldb'

/** A function's printed arguments and their types, in order. */
export interface Printed {
  readonly args: readonly string[]
  readonly types: readonly (LogicalType | undefined)[]
  /** IANA name of the shop's timezone. */
  readonly timezone: string
}

/** Prints a call, or says in whole sentences what to write instead. */
export type Idiom = ((call: Printed) => string) | { readonly instead: string }

/** One function, by engine. */
export type FunctionIdioms = Readonly<Record<PrintedEngine, Idiom>>

const plain = (name: string) => (call: Printed) => `${name}(${call.args.join(', ')})`
const same = (name: string): FunctionIdioms => ({
  flink: plain(name),
  ksqldb: plain(name),
})
const arg = (call: Printed, index: number): string => call.args[index] ?? 'NULL'

/**
 * DuckDB's LEAST and GREATEST ignore NULL; Flink's give NULL, so each step falls back to either.
 */
const passingNull = (name: string) => (call: Printed) =>
  call.args.reduce((left, right) => `COALESCE(${name}(${left}, ${right}), ${left}, ${right})`)

/** ksqlDB wants arguments of one type: whole numbers are widened where they differ. */
const oneType = (name: string) => (call: Printed) => {
  const isMixed = call.types.some((one) => one?.is === 'BIGINT')
  const args = call.args.map((one, index) =>
    isMixed && call.types[index]?.is === 'INTEGER' ? `CAST(${one} AS BIGINT)` : one,
  )
  return `${name}(${args.join(', ')})`
}

const isList = (call: Printed): boolean => call.types[0]?.is === 'LIST'

const isWhole = (type: LogicalType | undefined): boolean =>
  type?.is === 'INTEGER' || type?.is === 'BIGINT'

/** Milliseconds since 1970 of a TIMESTAMP(3) of Flink, whose functions count seconds. */
const flinkEpochMs = (at: string): string =>
  `(EXTRACT(EPOCH FROM ${at}) * 1000 + EXTRACT(MILLISECOND FROM ${at}))`

const ksqlSum =
  (term: string) =>
  (call: Printed): string =>
    `CASE WHEN ARRAY_LENGTH(${arg(call, 0)}) > 0 ` +
    `THEN REDUCE(${arg(call, 0)}, CAST(0 AS BIGINT), (s, i) => s + ${term}) END`

/** By DuckDB's name; the same names as in domain/sql/functions.ts. */
export const FUNCTION_IDIOMS: Readonly<Record<string, FunctionIdioms>> = {
  // Aggregates
  count_star: {
    flink: () => 'COUNT(*)',
    ksqldb: () => 'COUNT(*)',
  },
  count: same('COUNT'),
  sum: {
    flink: (call) =>
      isWhole(call.types[0]) ? `SUM(CAST(${arg(call, 0)} AS BIGINT))` : plain('SUM')(call),
    // ksqlDB sums no values to 0; everywhere else that is NULL.
    ksqldb: (call) => {
      const of = isWhole(call.types[0]) ? `CAST(${arg(call, 0)} AS BIGINT)` : arg(call, 0)
      return `CASE WHEN COUNT(${arg(call, 0)}) > 0 THEN SUM(${of}) END`
    },
  },
  min: same('MIN'),
  max: same('MAX'),
  avg: {
    flink: (call) => `AVG(CAST(${arg(call, 0)} AS DOUBLE))`,
    ksqldb: (call) => `AVG(CAST(${arg(call, 0)} AS DOUBLE))`,
  },
  list: {
    flink: plain('ARRAY_AGG'),
    ksqldb: plain('COLLECT_LIST'),
  },
  // NULL and choice
  coalesce: { flink: plain('COALESCE'), ksqldb: oneType('COALESCE') },
  nullif: same('NULLIF'),
  least: { flink: passingNull('LEAST'), ksqldb: oneType('LEAST') },
  greatest: { flink: passingNull('GREATEST'), ksqldb: oneType('GREATEST') },
  // Times
  epoch_ms: {
    flink: (call) => flinkEpochMs(arg(call, 0)),
    ksqldb: plain('UNIX_TIMESTAMP'),
  },
  make_timestamp_ms: {
    flink: (call) => `CAST(TO_TIMESTAMP_LTZ(${arg(call, 0)}, 3) AS TIMESTAMP(3))`,
    ksqldb: plain('FROM_UNIXTIME'),
  },
  time_bucket: {
    flink: {
      instead: 'Use time_bucket only as the first GROUP BY column of a model of kind window.',
    },
    ksqldb: {
      instead: 'Use time_bucket only as the first GROUP BY column of a model of kind window.',
    },
  },
  shop_day: {
    flink: (call) =>
      `TO_DATE(SUBSTRING(CONVERT_TZ(DATE_FORMAT(${arg(call, 0)}, 'yyyy-MM-dd HH:mm:ss'), ` +
      `'UTC', '${call.timezone}'), 1, 10))`,
    ksqldb: (call) =>
      `PARSE_DATE(FORMAT_TIMESTAMP(${arg(call, 0)}, 'yyyy-MM-dd', '${call.timezone}'), ` +
      `'yyyy-MM-dd')`,
  },
  right_now: {
    flink: {
      instead: 'A job of Flink computes a row when an event comes, not when it is read: ask ccs.',
    },
    ksqldb: {
      instead: 'ksqlDB has no view that is asked when read: ask ccs, or the marts.',
    },
  },
  // Lists
  len: {
    flink: (call) =>
      `CAST(${isList(call) ? 'CARDINALITY' : 'CHAR_LENGTH'}(${arg(call, 0)}) AS BIGINT)`,
    ksqldb: (call) => `CAST(${isList(call) ? 'ARRAY_LENGTH' : 'LEN'}(${arg(call, 0)}) AS BIGINT)`,
  },
  list_sort: { flink: plain('ARRAY_SORT'), ksqldb: plain('ARRAY_SORT') },
  array_to_string: {
    flink: plain('ARRAY_JOIN'),
    ksqldb: plain('ARRAY_JOIN'),
  },
  // Flink has no lambdas: these are functions of stack/flink/functions.
  lines_revenue: {
    flink: plain('lines_revenue'),
    ksqldb: ksqlSum('i->`unit_price_minor` * i->`quantity` - i->`discount_minor`'),
  },
  lines_units: {
    flink: plain('lines_units'),
    ksqldb: ksqlSum('i->`quantity`'),
  },
  // Texts
  lower: { flink: plain('LOWER'), ksqldb: plain('LCASE') },
  upper: { flink: plain('UPPER'), ksqldb: plain('UCASE') },
  trim: same('TRIM'),
  length: {
    flink: (call) => `CAST(CHAR_LENGTH(${arg(call, 0)}) AS BIGINT)`,
    ksqldb: (call) => `CAST(LEN(${arg(call, 0)}) AS BIGINT)`,
  },
  substr: same('SUBSTRING'),
  substring: same('SUBSTRING'),
  replace: same('REPLACE'),
  concat: {
    flink: (call) => `CONCAT(${call.args.map((one) => `COALESCE(${one}, '')`).join(', ')})`,
    ksqldb: (call) => `CONCAT(${call.args.map((one) => `COALESCE(${one}, '')`).join(', ')})`,
  },
  md5: {
    flink: plain('MD5'),
    ksqldb: { instead: 'ksqlDB has no hash: use the text itself as the key.' },
  },
  regexp_matches: {
    flink: plain('REGEXP'),
    ksqldb: (call) =>
      `CASE WHEN ${arg(call, 0)} IS NOT NULL ` +
      `THEN REGEXP_EXTRACT(${arg(call, 1)}, ${arg(call, 0)}) IS NOT NULL END`,
  },
  // Numbers
  abs: same('ABS'),
  floor: same('FLOOR'),
  ceil: same('CEIL'),
  round: same('ROUND'),
  sign: same('SIGN'),
}
