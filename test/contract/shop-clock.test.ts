/**
 * The shop's clock in every timezone: over ten years, and around each change of the clocks, each
 * instant is in exactly one shop day, and the macros of sql/ and of dbt/ say the same day.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Duck, type DuckConnection, openDuck } from '../../cli/adapters/duckdb/duckdb.ts'
import { ROOT } from '../e2e/run-ccs.ts'

const [FROM, TO] = ['2020-01-01', '2030-01-01']

let duck: Duck
let connection: DuckConnection

beforeAll(async () => {
  duck = await openDuck({ threads: 1 })
  connection = await duck.connect()
  await connection.run(readFileSync(join(ROOT, 'sql/macros.sql'), 'utf8'))
})

afterAll(() => {
  connection.close()
  duck.close()
})

/** The marts' day of the instant `t`, as dbt prints it for DuckDB. */
function printMartsDay(zone: string, t: string): string {
  const macros = readFileSync(join(ROOT, 'dbt/macros/dialect.sql'), 'utf8')
  const body = /macro default__shop_time\(t\) %}(.*){% endmacro %}/.exec(macros)?.[1] ?? ''
  const time = body.replace('{{ var("shop_timezone") }}', zone).replace('{{ t }}', t)
  return `CAST(${time} AS DATE)`
}

async function setZone(zone: string): Promise<void> {
  await connection.run(`SET VARIABLE shop_timezone = '${zone}'`)
}

/**
 * Instants that are not in the day between whose ends they lie, by sql/ or by dbt/. Looked at: the
 * days around each change of the offset from UTC, and every 1000th day; of each, its first and last
 * millisecond, and every quarter of an hour.
 */
function findWrongInstants(zone: string): string {
  return `WITH noons AS (
      SELECT d, timezone('${zone}', timezone('UTC', d + INTERVAL 12 HOURS)) - d AS clock
      FROM range(DATE '${FROM}', DATE '${TO}', INTERVAL 1 DAY) AS days(d)
    ), changes AS (
      SELECT d, row_number() OVER (ORDER BY d) AS n, clock <> lag(clock) OVER (ORDER BY d) AS is_new
      FROM noons
    ), near AS (
      SELECT DISTINCT CAST(d + k * INTERVAL 1 DAY AS DATE) AS day
      FROM changes, range(-1, 2) AS around(k) WHERE is_new OR n % 1000 = 0
    ), days AS (
      SELECT day, shop_day_end(day - 1) AS starts, shop_day_end(day) AS ends FROM near
    ), instants AS (
      SELECT day, unnest(range(starts, ends, INTERVAL 15 MINUTES)) AS t FROM days
      UNION ALL
      SELECT day, ends - INTERVAL 1 MILLISECOND FROM days
      UNION ALL
      SELECT day + 1, ends FROM days
    )
    SELECT '${zone}' AS zone, CAST(day AS VARCHAR) AS day, CAST(t AS VARCHAR) AS t FROM instants
    WHERE shop_day(t) <> day OR ${printMartsDay(zone, 't')} <> day`
}

test('each instant of ten years is in one day, in every zone, in sql/ and dbt/', {
  timeout: 120_000,
}, async () => {
  const wrong: unknown[] = []
  for (const zone of Intl.supportedValuesOf('timeZone')) {
    await setZone(zone)
    wrong.push(...(await connection.all(findWrongInstants(zone))).rows)
  }
  expect(wrong).toEqual([])
})

test.each([
  ['Berlin', 'in spring', 'Europe/Berlin', '2026-03-29', 23],
  ['Berlin', 'in autumn', 'Europe/Berlin', '2026-10-25', 25],
  ['Lord Howe', 'clocks change by half an hour', 'Australia/Lord_Howe', '2026-04-05', 24.5],
  ['Beirut', 'midnight does not exist', 'Asia/Beirut', '2022-03-27', 23],
  ['Havana', 'midnight occurs twice', 'America/Havana', '2026-11-01', 25],
  ['Nuuk', 'midnight is an hour that comes again', 'America/Nuuk', '2025-10-25', 25],
  ['Apia', 'the day that was left out', 'Pacific/Apia', '2011-12-30', 0],
  ['Kathmandu', 'an offset of three quarters', 'Asia/Kathmandu', '2026-03-29', 24],
])('%s, %s', async (_place, _what, zone, day, hours) => {
  await setZone(zone)
  const { rows } = await connection.all(
    `SELECT (epoch_ms(shop_day_end(DATE '${day}')) - epoch_ms(shop_day_end(DATE '${day}' - 1)))
       / 3600000.0 AS hours`,
  )
  expect(Number(rows[0]?.hours)).toBe(hours)
})

test('the day before a midnight that occurs twice ends at the first of them', async () => {
  await setZone('America/Havana')
  const { rows } = await connection.all(
    "SELECT CAST(shop_day_end(DATE '2026-10-31') AS VARCHAR) AS ends",
  )
  expect(rows).toEqual([{ ends: '2026-11-01 04:00:00' }])
})
