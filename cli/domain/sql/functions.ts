/**
 * The portable subset: every function that a model may use, and the type of its result. How each
 * engine writes them is in domain/dialects/idioms/functions.ts.
 */
import type { LogicalType } from './types.ts'

/** What is known of a function whatever engine runs it. */
export interface FunctionEntry {
  /** Type of the result by the types of the arguments; undefined: not known. */
  readonly result: (types: readonly (LogicalType | undefined)[]) => LogicalType | undefined
}

const bool: LogicalType = { is: 'BOOLEAN' }
const integer: LogicalType = { is: 'INTEGER' }
const bigint: LogicalType = { is: 'BIGINT' }
const double: LogicalType = { is: 'DOUBLE' }
const text: LogicalType = { is: 'VARCHAR' }
const date: LogicalType = { is: 'DATE' }
const time: LogicalType = { is: 'TIMESTAMP' }
const always = (type: LogicalType) => () => type
const first = (types: readonly (LogicalType | undefined)[]) =>
  types.find((one) => one !== undefined && one.is !== 'NULL')

function sumType(type: LogicalType | undefined): LogicalType | undefined {
  if (type?.is === 'DECIMAL') return { is: 'DECIMAL', width: 38, scale: type.scale }
  if (type?.is === 'INTEGER' || type?.is === 'BIGINT') return { is: 'HUGEINT' }
  return type
}

/** The functions by DuckDB's name. A compiled model can use no function that is not here. */
export const FUNCTIONS: Readonly<Record<string, FunctionEntry>> = {
  // Aggregates
  count_star: { result: always(bigint) },
  count: { result: always(bigint) },
  sum: { result: ([of]) => sumType(of) },
  min: { result: first },
  max: { result: first },
  avg: { result: always(double) },
  list: {
    result: ([of]) => (of === undefined ? undefined : { is: 'LIST', of }),
  },
  // NULL and choice
  coalesce: { result: first },
  nullif: { result: first },
  least: { result: first },
  greatest: { result: first },
  // Times
  epoch_ms: { result: always(bigint) },
  make_timestamp_ms: { result: always(time) },
  time_bucket: { result: always(time) },
  shop_day: { result: always(date) },
  right_now: { result: always(time) },
  // Lists
  len: { result: always(bigint) },
  list_sort: { result: first },
  array_to_string: { result: always(text) },
  lines_revenue: { result: always(bigint) },
  lines_units: { result: always(bigint) },
  // Texts
  lower: { result: always(text) },
  upper: { result: always(text) },
  trim: { result: always(text) },
  length: { result: always(bigint) },
  substr: { result: always(text) },
  substring: { result: always(text) },
  replace: { result: always(text) },
  concat: { result: always(text) },
  md5: { result: always(text) },
  regexp_matches: { result: always(bool) },
  // Numbers
  abs: { result: first },
  floor: { result: first },
  ceil: { result: first },
  round: { result: first },
  sign: { result: always(integer) },
}
