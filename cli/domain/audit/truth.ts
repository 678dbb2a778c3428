/**
 * The truth of a generated stream: what each Gold table must contain once all records are
 * processed. File format (NDJSON): a header line, then for each table a line with its columns and
 * one line for each row.
 */
import { CcsError } from '../kernel/errors.ts'
import { isObject } from '../kernel/json.ts'

/** Version of the file format. */
export const TRUTH_FORMAT = 1

/** How values are written: times as ISO 8601 UTC, money as decimal text, counts as numbers. */
export type ValueKind = 'time' | 'date' | 'text' | 'count' | 'money' | 'ratio' | 'flag'

/** A Gold table: its key, and its columns in the order of the rows' values. */
export interface TruthTable {
  readonly name: string
  readonly key: readonly string[]
  readonly columns: Readonly<Record<string, ValueKind>>
}

/** A value as JSON has it. */
export type TruthValue = string | number | boolean | null
/** Values in the order of the table's columns. */
export type TruthRow = readonly TruthValue[]

/** How the stream was generated. */
export interface TruthHeader {
  readonly format: typeof TRUTH_FORMAT
  readonly seed: number
  readonly timezone: string
  readonly partitions: number
  /** Time of the first record, ISO 8601. */
  readonly start: string
  readonly counts: TruthCounts
}

/** What the generator put into the stream. */
export interface TruthCounts {
  /** All records, including broken ones and duplicates. */
  readonly records: number
  readonly duplicates: number
  readonly dlq: Readonly<Record<string, number>>
  /** Events behind their partition's watermark on arrival, without duplicates. */
  readonly late: number
  /** By model: events excluded because they arrived after its lateness. */
  readonly tooLate: Readonly<Record<string, number>>
}

/** The content of a truth file. */
export interface Truth {
  readonly header: TruthHeader
  readonly tables: readonly { readonly table: TruthTable; readonly rows: readonly TruthRow[] }[]
}

/** The Gold tables that the generator computes. */
export const TRUTH_TABLES = {
  activity: {
    name: 'gold.activity_1m',
    key: ['window_start'],
    columns: {
      window_start: 'time',
      events: 'count',
      visitors: 'count',
      page_views: 'count',
      item_views: 'count',
      cart_adds: 'count',
      checkouts: 'count',
      orders: 'count',
      revenue: 'money',
    },
  },
  sessions: {
    name: 'gold.sessions',
    key: ['session_id'],
    columns: {
      session_id: 'text',
      anonymous_id: 'text',
      session_start: 'time',
      session_end: 'time',
      session_date: 'date',
      shop_date: 'date',
      client_session_id: 'text',
      customer_id: 'text',
      events: 'count',
      page_views: 'count',
      item_views: 'count',
      cart_adds: 'count',
      checkouts: 'count',
      orders: 'count',
      revenue: 'money',
      last_cart_at: 'time',
      last_checkout_at: 'time',
      utm_source: 'text',
      utm_medium: 'text',
      utm_campaign: 'text',
      device: 'text',
      geo_country: 'text',
      geo_city: 'text',
      duration_ms: 'count',
      is_engaged: 'flag',
      steps: 'text',
      viewed_item: 'flag',
      added_to_cart: 'flag',
      reached_checkout: 'flag',
      completed_order: 'flag',
    },
  },
  revenue: {
    name: 'gold.revenue_daily',
    key: ['shop_date', 'currency'],
    columns: {
      shop_date: 'date',
      currency: 'text',
      orders: 'count',
      buyers: 'count',
      revenue: 'money',
      tax: 'money',
      shipping: 'money',
      refund_count: 'count',
      refunds: 'money',
      net_revenue: 'money',
    },
  },
  categories: {
    name: 'gold.revenue_by_category_daily',
    key: ['shop_date', 'currency', 'category'],
    columns: {
      shop_date: 'date',
      currency: 'text',
      category: 'text',
      lines: 'count',
      orders: 'count',
      units: 'count',
      revenue: 'money',
    },
  },
  pages: {
    name: 'gold.top_pages_1h',
    key: ['window_start', 'page'],
    columns: { window_start: 'time', page: 'text', views: 'count' },
  },
  funnel: {
    name: 'gold.funnel_daily',
    key: ['shop_date'],
    columns: {
      shop_date: 'date',
      sessions: 'count',
      views: 'count',
      carts: 'count',
      checkouts: 'count',
      orders: 'count',
      converted_sessions: 'count',
      engaged_sessions: 'count',
      conversion_rate: 'ratio',
    },
  },
  campaigns: {
    name: 'gold.campaign_daily',
    key: ['shop_date', 'utm_source', 'utm_medium', 'utm_campaign'],
    columns: {
      shop_date: 'date',
      utm_source: 'text',
      utm_medium: 'text',
      utm_campaign: 'text',
      sessions: 'count',
      engaged_sessions: 'count',
      converted_sessions: 'count',
      orders: 'count',
      revenue: 'money',
    },
  },
  devices: {
    name: 'gold.device_daily',
    key: ['shop_date', 'device'],
    columns: {
      shop_date: 'date',
      device: 'text',
      sessions: 'count',
      visitors: 'count',
      engaged_sessions: 'count',
      orders: 'count',
      revenue: 'money',
    },
  },
} as const satisfies Readonly<Record<string, TruthTable>>

/** The lines of the file, without line ends. */
export function* renderTruth(truth: Truth): Generator<string> {
  yield JSON.stringify(truth.header)
  for (const { table, rows } of truth.tables) {
    yield JSON.stringify({ ...table, rows: rows.length })
    for (const row of rows) yield JSON.stringify(row)
  }
}

/** Throws CCS_USAGE_INVALID if the lines are not a complete truth file. */
export async function readTruth(lines: AsyncIterable<string> | Iterable<string>): Promise<Truth> {
  let header: TruthHeader | undefined
  const tables: { table: TruthTable; rows: TruthRow[]; expected: number }[] = []
  let lineNumber = 0
  for await (const text of lines) {
    lineNumber++
    if (text.trim() === '') continue
    const value = parseLine(text, lineNumber)
    const last = tables[tables.length - 1]
    if (header === undefined) header = checkHeader(value, lineNumber)
    else if (Array.isArray(value) && last !== undefined) last.rows.push(value)
    else tables.push(readTable(value, lineNumber))
  }
  if (header === undefined) throw truthError('it is empty', 1)
  const short = tables.find(({ rows, expected }) => rows.length !== expected)
  if (short !== undefined || tables.length === 0) throw truthError('it is cut off', lineNumber)
  return { header, tables: tables.map(({ table, rows }) => ({ table, rows })) }
}

function parseLine(text: string, line: number): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw truthError('a line is not JSON', line)
  }
}

function checkHeader(value: unknown, line: number): TruthHeader {
  const isHeader = isObject(value) && value.format === TRUTH_FORMAT && isObject(value.counts)
  if (!isHeader) throw truthError(`its header does not say "format":${TRUTH_FORMAT}`, line)
  // Written by renderTruth, which gives this format all other fields.
  return value as unknown as TruthHeader
}

function readTable(
  value: unknown,
  line: number,
): { table: TruthTable; rows: TruthRow[]; expected: number } {
  const known: readonly TruthTable[] = Object.values(TRUTH_TABLES)
  const table = isObject(value) ? known.find(({ name }) => name === value.name) : undefined
  if (!isObject(value) || table === undefined) throw truthError('a table is not known', line)
  const given = isObject(value.columns) ? Object.keys(value.columns).join() : ''
  if (given !== Object.keys(table.columns).join())
    throw truthError(`${table.name} has other columns`, line)
  return { table, rows: [], expected: Number(value.rows) }
}

function truthError(why: string, line: number): CcsError {
  return new CcsError(
    'CCS_USAGE_INVALID',
    `This is not a truth file of ccs gen: ${why} (line ${line}).`,
    { hint: 'Write one with: ccs gen --truth FILE' },
  )
}
