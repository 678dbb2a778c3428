/** Which days are loaded, and the text of the statements that load them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CopiedFile, CopyManifest } from '../../../cli/domain/lake/s3/copy-manifest.ts'
import { describeLoad } from '../../../cli/domain/warehouse/describe-load.ts'
import { type LedgerRow, planLoad } from '../../../cli/domain/warehouse/load-plan.ts'
import { renderCopyJob, renderStreaming } from '../../../cli/domain/warehouse/other-ways.ts'
import { planTableChange } from '../../../cli/domain/warehouse/table-columns.ts'
import { findWarehouseTable } from '../../../cli/domain/warehouse/warehouse-table.ts'

const schemas = { raw: 'raw', silver: 'silver' }

function fileOf(table: string, day: string, crc32 = 7): CopiedFile {
  const column = table === 'bronze.clicks' ? 'dt' : 'event_date'
  const partition = `${column}=${day}`
  const key = `${table.replace('.', '/')}/${partition}/c00000001-0000-${crc32}.parquet`
  return { table, partition, key, rows: 3, bytes: 900, crc32 }
}

function manifestOf(files: readonly CopiedFile[], more: Partial<CopyManifest> = {}): CopyManifest {
  return {
    ...{ lake: 'a1', serial: 4, generation: 1, committedMs: 0, publishedMs: 0 },
    ...{ files, replaced: [], ...more },
  }
}

/** The ledger after a load of everything. */
function ledgerOf(manifest: CopyManifest): readonly LedgerRow[] {
  const { lake, generation, serial } = manifest
  const plan = planLoad({ manifest, ledger: [], present: new Set(), schemas })
  return plan.groups.flatMap(({ table, days }) =>
    days.map(({ day, sha256, rows }) => {
      return { source: table.source, day, lake, generation, serial, sha256, rows }
    }),
  )
}

const sourcesOf = (ledger: readonly LedgerRow[]) => new Set(ledger.map(({ source }) => source))
const daysOf = ({ groups }: ReturnType<typeof planLoad>) =>
  groups.flatMap(({ table, days }) => days.map(({ day }) => `${table.source} ${day}`))

test('a plan has exactly the days whose files differ, and removes those that are gone', () => {
  const tables = fc.constantFrom('bronze.clicks', 'silver.events', 'silver.orders')
  const days = fc.constantFrom('2026-11-20', '2026-11-21', '2026-11-22')
  const files = fc.uniqueArray(fc.record({ table: tables, day: days, crc32: fc.nat(2) }), {
    selector: ({ table, day, crc32 }) => `${table} ${day} ${crc32}`,
  })
  fc.assert(
    fc.property(files, files, (before, after) => {
      const toManifest = (all: typeof before, serial: number) =>
        manifestOf(
          all.map(({ table, day, crc32 }) => fileOf(table, day, crc32)),
          { serial },
        )
      const ledger = ledgerOf(toManifest(before, 4))
      const manifest = toManifest(after, 5)
      const plan = planLoad({ manifest, ledger, present: sourcesOf(ledger), schemas })
      const next = ledgerOf(manifest)
      const isSame = (row: LedgerRow) =>
        ledger.some(
          (one) => one.source === row.source && one.day === row.day && one.sha256 === row.sha256,
        )
      const changed = next.filter((row) => !isSame(row))
      expect(daysOf(plan).sort()).toEqual(changed.map((row) => `${row.source} ${row.day}`).sort())
      expect(plan.unchangedDays).toBe(next.length - changed.length)
      const gone = ledger.filter(
        (row) => !next.some((one) => one.source === row.source && one.day === row.day),
      )
      expect(
        plan.removals
          .flatMap(({ table, days: list }) => list.map((day) => `${table.source} ${day}`))
          .sort(),
      ).toEqual(gone.map((row) => `${row.source} ${row.day}`).sort())
    }),
    { seed: 3, numRuns: 300 },
  )
})

test('an older commit changes nothing, a missing table is loaded whole', () => {
  const manifest = manifestOf([fileOf('silver.orders', '2026-11-20', 1)])
  const newer = ledgerOf(manifestOf([fileOf('silver.orders', '2026-11-20', 2)], { serial: 9 }))
  const old = planLoad({ manifest, ledger: newer, present: sourcesOf(newer), schemas })
  expect(old).toMatchObject({ groups: [], removals: [] })
  const ledger = ledgerOf(manifest)
  const lost = planLoad({ manifest, ledger, present: new Set(), schemas })
  expect(daysOf(lost)).toEqual(['silver.orders 2026-11-20'])
})

test('rows of another data directory are replaced only on request', () => {
  const manifest = manifestOf([fileOf('silver.orders', '2026-11-20')])
  const ledger = ledgerOf(manifest).map((row) => ({ ...row, lake: 'b2', sha256: 'other' }))
  const input = { manifest, ledger, present: sourcesOf(ledger), schemas }
  expect(() => planLoad(input)).toThrow('The warehouse has rows of another data directory')
  expect(daysOf(planLoad({ ...input, isTakenOver: true }))).toEqual(['silver.orders 2026-11-20'])
})

test('days of Silver go together, those of clicks alone', () => {
  const days = Array.from({ length: 40 }, (_, at) =>
    new Date(Date.UTC(2026, 0, 1 + at)).toISOString().slice(0, 10),
  )
  const files = ['bronze.clicks', 'silver.events'].flatMap((table) =>
    days.map((day) => fileOf(table, day)),
  )
  const { groups } = planLoad({
    manifest: manifestOf(files),
    ledger: [],
    present: new Set(),
    schemas,
  })
  const sizes = (source: string) =>
    groups.filter((one) => one.table.source === source).map((one) => one.days.length)
  expect(sizes('bronze.clicks')).toEqual(days.map(() => 1))
  expect(sizes('silver.events')).toEqual([31, 9])
})

test('the statements of a load', () => {
  const files = [fileOf('bronze.clicks', '2026-11-22'), fileOf('silver.orders', '2026-11-22')]
  const manifest = manifestOf(files)
  const ledger = [
    {
      source: 'silver.orders',
      day: '2026-01-01',
      lake: 'a1',
      generation: 1,
      serial: 1,
      sha256: '',
      rows: 1,
    },
  ]
  const plan = planLoad({ manifest, ledger, present: new Set(['silver.orders']), schemas })
  const column = (name: string, type: string) => ({ name, type, physical: '', typeBytes: null })
  const found = files.map((file) => {
    const columns =
      file.table === 'bronze.clicks'
        ? [column('event_id', 'VARCHAR'), column('event_ts', 'TIMESTAMP')]
        : [
            column('order_id', 'VARCHAR'),
            column('items', 'INTEGER[]'),
            column('event_date', 'DATE'),
          ]
    return { file, bytes: file.bytes, footer: { columns, codecs: ['ZSTD'], rows: 3 } }
  })
  const context = { address: 's3://my-bucket/shop', schemas }
  const byKey = new Map(found.map((one) => [one.file.key, one]))
  expect(describeLoad(plan, byKey, manifest, context).join('\n')).toMatchInlineSnapshot(`
    "CREATE SCHEMA IF NOT EXISTS "raw";
    CREATE SCHEMA IF NOT EXISTS "silver";
    CREATE TABLE IF NOT EXISTS "raw"."ccs_load_ledger" (source VARCHAR(256), day DATE, lake VARCHAR(64), generation BIGINT, serial BIGINT, sha256 CHAR(64), files BIGINT, "rows" BIGINT, bytes BIGINT, loaded_at TIMESTAMP, ccs_version VARCHAR(64));

    -- raw.raw_clicks: 2026-11-22, 1 files, 3 rows.
    -- The list of ccs_stage_1:
    --   {
    --    "entries": [
    --     {
    --      "url": "s3://my-bucket/shop/bronze/clicks/dt=2026-11-22/c00000001-0000-7.parquet",
    --      "mandatory": true,
    --      "meta": {
    --       "content_length": 900
    --      }
    --     }
    --    ]
    --   }
    CREATE TEMP TABLE ccs_stage_1 ("event_id" VARCHAR(65535), "event_ts" TIMESTAMP);
    COPY ccs_stage_1 FROM 's3://my-bucket/shop/load/raw.raw_clicks-ccs_stage_1' IAM_ROLE '$RS_ROLE_ARN' FORMAT AS PARQUET MANIFEST;
    SELECT '2026-11-22' AS day, COUNT(*) AS n FROM ccs_stage_1;
    BEGIN;
    LOCK TABLE "raw"."ccs_load_ledger";
    DELETE FROM "raw"."raw_clicks" WHERE "dt" IN (DATE '2026-11-22');
    DELETE FROM "raw"."ccs_load_ledger" WHERE source = 'bronze.clicks' AND day IN (DATE '2026-11-22');
    INSERT INTO "raw"."raw_clicks" ("event_id", "event_ts", "dt") SELECT "event_id", "event_ts", DATE '2026-11-22' FROM ccs_stage_1;
    INSERT INTO "raw"."ccs_load_ledger" (source, day, lake, generation, serial, sha256, files, "rows", bytes, loaded_at, ccs_version) VALUES …;
    COMMIT;

    -- silver.orders: 2026-11-22, 1 files, 3 rows.
    -- The list of ccs_stage_1:
    --   {
    --    "entries": [
    --     {
    --      "url": "s3://my-bucket/shop/silver/orders/event_date=2026-11-22/c00000001-0000-7.parquet",
    --      "mandatory": true,
    --      "meta": {
    --       "content_length": 900
    --      }
    --     }
    --    ]
    --   }
    CREATE TEMP TABLE ccs_stage_1 ("order_id" VARCHAR(65535), "items" SUPER, "event_date" DATE);
    COPY ccs_stage_1 FROM 's3://my-bucket/shop/load/silver.orders-ccs_stage_1' IAM_ROLE '$RS_ROLE_ARN' FORMAT AS PARQUET SERIALIZETOJSON MANIFEST;
    SELECT CAST("event_date" AS VARCHAR(10)) AS day, COUNT(*) AS n FROM ccs_stage_1 GROUP BY 1;
    BEGIN;
    LOCK TABLE "raw"."ccs_load_ledger";
    DELETE FROM "silver"."orders" WHERE "event_date" IN (DATE '2026-11-22');
    DELETE FROM "raw"."ccs_load_ledger" WHERE source = 'silver.orders' AND day IN (DATE '2026-11-22');
    INSERT INTO "silver"."orders" ("order_id", "items", "event_date") SELECT "order_id", "items", "event_date" FROM ccs_stage_1;
    INSERT INTO "raw"."ccs_load_ledger" (source, day, lake, generation, serial, sha256, files, "rows", bytes, loaded_at, ccs_version) VALUES …;
    COMMIT;

    -- silver.orders: the lake no longer has 2026-01-01.
    BEGIN;
    LOCK TABLE "raw"."ccs_load_ledger";
    DELETE FROM "silver"."orders" WHERE "event_date" IN (DATE '2026-01-01');
    DELETE FROM "raw"."ccs_load_ledger" WHERE source = 'silver.orders' AND day IN (DATE '2026-01-01');
    COMMIT;"
  `)
})

test('other ways to load', () => {
  expect(renderCopyJob('s3://my-bucket/shop')).toMatchInlineSnapshot(`
    "-- Redshift loads each new file of the folder by itself: psql -v RS_ROLE_ARN=… -f this-file
    -- It knows files by their names and reads no manifest, so rows are there twice after ccs
    -- compacts or rebuilds the lake, and stay after ccs erase. It ignores files that are there
    -- before the job, and files lack the day dt. To have exact rows: ccs load redshift.
    -- It needs an event integration of S3 with Redshift for the bucket.
    CREATE SCHEMA IF NOT EXISTS raw;
    CREATE TABLE IF NOT EXISTS "raw"."raw_clicks_auto" (
      event_id VARCHAR(65535),
      customer_id VARCHAR(65535),
      session_id VARCHAR(65535),
      event_type VARCHAR(65535),
      page VARCHAR(65535),
      utm_campaign VARCHAR(65535),
      device VARCHAR(65535),
      geo_city VARCHAR(65535),
      event_ts TIMESTAMP,
      source VARCHAR(65535)
    );
    COPY "raw"."raw_clicks_auto"
    FROM 's3://my-bucket/shop/bronze/clicks/'
    IAM_ROLE :'RS_ROLE_ARN'
    FORMAT AS PARQUET
    JOB CREATE ccs_raw_clicks AUTO ON;
    "
  `)
  expect(renderStreaming('events.raw')).toMatchInlineSnapshot(`
    "-- Redshift reads the topic by itself: psql -v RS_ROLE_ARN=… -v MSK_ARN=… -f this-file
    -- Values are Avro, which Redshift has no function for: this view counts records and keeps
    -- their bytes. For columns: ccs load redshift. MSK, Confluent Cloud or Kafka 2.7.1 and
    -- later; certificates that are signed by themselves are refused.
    CREATE SCHEMA IF NOT EXISTS raw;
    CREATE EXTERNAL SCHEMA ccs_kafka
    FROM MSK IAM_ROLE :'RS_ROLE_ARN' AUTHENTICATION iam CLUSTER_ARN :'MSK_ARN';
    CREATE MATERIALIZED VIEW "raw"."events_raw_stream" AUTO REFRESH YES AS
    SELECT kafka_partition, kafka_offset, kafka_timestamp, kafka_key, kafka_value, refresh_time
    FROM ccs_kafka."events.raw";
    SELECT DATE_TRUNC('minute', kafka_timestamp) AS minute, COUNT(*) AS records
    FROM "raw"."events_raw_stream" GROUP BY 1 ORDER BY 1 DESC LIMIT 10;
    "
  `)
})

describe('columns of a table', () => {
  const table = findWarehouseTable('silver.orders', schemas)
  if (!table) throw new Error('no table')
  const stored = {
    version: 3,
    columns: [
      { name: 'sku', type: 'VARCHAR(256)' },
      { name: 'units', type: 'INTEGER' },
    ],
  }
  const change = (name: string, type: string, longest = 0) =>
    planTableChange(table, stored, [{ name, type }], new Map([[name, longest]]))

  test('a longer text widens its column before the transaction', () => {
    expect(change('sku', 'VARCHAR(65535)', 256)).toEqual({ before: [], within: [] })
    expect(change('sku', 'VARCHAR(65535)', 257)).toMatchInlineSnapshot(`
      {
        "before": [
          "ALTER TABLE "silver"."orders" ALTER COLUMN "sku" TYPE VARCHAR(1024)",
        ],
        "within": [
          "COMMENT ON TABLE "silver"."orders" IS 'Loaded from silver.orders by ccs load redshift; columns version 4'",
        ],
      }
    `)
  })
  test('a wider number replaces its column, a narrower one fits', () => {
    expect(change('units', 'SMALLINT')).toEqual({ before: [], within: [] })
    expect(change('units', 'BIGINT')).toMatchInlineSnapshot(`
      {
        "before": [],
        "within": [
          "ALTER TABLE "silver"."orders" ADD COLUMN "units as bigint" BIGINT",
          "UPDATE "silver"."orders" SET "units as bigint" = CAST("units" AS BIGINT)",
          "ALTER TABLE "silver"."orders" DROP COLUMN "units"",
          "ALTER TABLE "silver"."orders" RENAME COLUMN "units as bigint" TO "units"",
          "COMMENT ON TABLE "silver"."orders" IS 'Loaded from silver.orders by ccs load redshift; columns version 4'",
        ],
      }
    `)
  })
  test('a new column is added, another type refused', () => {
    expect(change('coupon', 'VARCHAR(65535)', 2_000)).toMatchInlineSnapshot(`
      {
        "before": [],
        "within": [
          "ALTER TABLE "silver"."orders" ADD COLUMN "coupon" VARCHAR(4096)",
          "COMMENT ON TABLE "silver"."orders" IS 'Loaded from silver.orders by ccs load redshift; columns version 4'",
        ],
      }
    `)
    expect(() => change('units', 'BOOLEAN')).toThrow(
      'silver.orders.units is INTEGER and BOOLEAN in newer files.',
    )
  })
})
