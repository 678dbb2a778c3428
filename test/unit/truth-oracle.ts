/**
 * An independent Gold for a generated stream: the events as rows in DuckDB, sql/macros.sql and the models as
 * they stand, the watermark of each arrival by window functions. It shares no code with the truth.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Rows } from '../../cli/adapters/duckdb/duck-types.ts'
import { type DuckConnection, openDuck } from '../../cli/adapters/duckdb/duckdb.ts'

const SQL = fileURLToPath(new URL('../../sql', import.meta.url))

/** An accepted record: the event's fields, its partition, offset, and arrival time in ms. */
export type RawRow = Readonly<Record<string, unknown>>

export interface Oracle {
  all(sql: string): Promise<Rows>
  close(): void
}

const ITEM =
  'STRUCT(sku VARCHAR, "name" VARCHAR, category VARCHAR, brand VARCHAR, unit_price_minor BIGINT, quantity INTEGER, discount_minor BIGINT)[]'
const TEXT =
  'event_id event_type anonymous_id customer_id session_id page page_title page_url referrer utm_source utm_medium utm_campaign device user_agent bot_hint geo_city geo_country source currency search_term payment_type order_id coupon topic'
const BIG =
  'event_ts sent_ts received_ts tax_minor shipping_minor discount_minor refund_minor partition offset ingest_time results_count'

export async function openOracle(rows: readonly RawRow[], timezone: string): Promise<Oracle> {
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  const close = () => {
    connection.close()
    duck.close()
  }
  try {
    await load(connection, rows, timezone)
    await deriveSilver(connection)
    await deriveGold(connection)
  } catch (error) {
    close()
    throw error
  }
  return { all: (sql) => connection.all(sql), close }
}

async function load(connection: DuckConnection, rows: readonly RawRow[], timezone: string) {
  const dir = mkdtempSync(path.join(tmpdir(), 'ccs-truth-'))
  try {
    const file = path.join(dir, 'raw.ndjson')
    writeFileSync(file, rows.map((row) => JSON.stringify(row)).join('\n'))
    const columns = [
      ...TEXT.split(' ').map((name) => `"${name}": 'VARCHAR'`),
      ...BIG.split(' ').map((name) => `"${name}": 'BIGINT'`),
      `consent: 'BOOLEAN'`,
      `items: '${ITEM}'`,
    ].join(', ')
    await connection.run(`
      SET TimeZone = 'UTC';
      SET VARIABLE shop_timezone = '${timezone}';
      ${readFileSync(`${SQL}/macros.sql`, 'utf8')};
      CREATE SCHEMA raw; CREATE SCHEMA bronze; CREATE SCHEMA silver; CREATE SCHEMA gold;
      CREATE TABLE raw.arrived AS
        SELECT * REPLACE (make_timestamp_ms(event_ts) AS event_ts, make_timestamp_ms(sent_ts) AS sent_ts,
          make_timestamp_ms(received_ts) AS received_ts, make_timestamp_ms(ingest_time) AS ingest_time)
        FROM read_json('${file}', format = 'newline_delimited', columns = {${columns}});`)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  // The same correction as silver.events, whose rows do not know the watermark yet.
  await connection.run(`
    CREATE VIEW raw.events AS
      WITH timed AS (
        SELECT *, least(coalesce(epoch_ms(received_ts), 9e15),
          CASE WHEN sent_ts IS NULL OR received_ts IS NULL THEN epoch_ms(event_ts)
            ELSE epoch_ms(received_ts) - epoch_ms(sent_ts) + epoch_ms(event_ts) END) AS true_ms
        FROM raw.arrived)
      SELECT * EXCLUDE (true_ms), CAST(greatest(0, coalesce(
        max(least(true_ms, epoch_ms(ingest_time))) OVER (PARTITION BY "partition" ORDER BY "offset"
          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) - 5000 - true_ms, 0)) AS BIGINT) AS late_ms
      FROM timed`)
}

async function deriveSilver(connection: DuckConnection): Promise<void> {
  await connection.run(`CREATE TABLE bronze.events AS ${model('bronze/events')}`)
  await connection.run(`CREATE TABLE silver.events AS ${model('silver/events')}`)
  for (const name of ['people', 'page_view', 'order_items']) {
    await connection.run(`CREATE SCHEMA IF NOT EXISTS whole;
      CREATE TABLE whole.${name} AS ${model(`silver/${name}`)}`)
  }
}

const SHOP_DAY_END = 'epoch_ms(shop_day_end(shop_day(event_time)))'
/** Each streamed model: what it reads, and when a row's window ends, ms. */
const STREAMED: readonly (readonly [string, string, string, number])[] = [
  ['activity_1m', 'people', '(epoch_ms(event_time) // 60000 + 1) * 60000', 600_000],
  ['top_pages_1h', 'page_view', '(epoch_ms(event_time) // 3600000 + 1) * 3600000', 3_600_000],
  ['revenue_daily', 'people', SHOP_DAY_END, 21_600_000],
  ['revenue_by_category_daily', 'order_items', SHOP_DAY_END, 21_600_000],
  ['sessions', 'people', 'epoch_ms(event_time) + 1800000', 3_600_000],
]

async function deriveGold(connection: DuckConnection): Promise<void> {
  for (const [name, source, endMs, latenessMs] of STREAMED) {
    const isTooLate = `late_ms > 0 AND ${endMs} + ${latenessMs} <= epoch_ms(event_time) + late_ms`
    await connection.run(`
      CREATE OR REPLACE VIEW silver.${source} AS SELECT * FROM whole.${source} WHERE NOT (${isTooLate});
      CREATE TABLE gold.${name} AS ${model(`gold/${name}`)}`)
  }
  for (const name of ['funnel_daily', 'campaign_daily', 'device_daily']) {
    await connection.run(`CREATE TABLE gold.${name} AS ${model(`gold/${name}`)}`)
  }
}

function model(name: string): string {
  return readFileSync(`${SQL}/${name}.sql`, 'utf8')
}
