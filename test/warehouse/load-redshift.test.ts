/**
 * `ccs load redshift` from a real S3 server into a real PostgreSQL, by the built ccs; only COPY is done
 * by the tests (test/fixtures/redshift-stand-in.ts). Rows are compared with the lake's own files.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { endAll } from '../fixtures/child.ts'
import { seededRandom } from '../fixtures/fault-files.ts'
import { LOGIN, LoadShop } from '../fixtures/load-shop.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres.ts'
import { type S3Server, startS3 } from '../fixtures/s3-server.ts'

let s3: S3Server | string
let postgres: PostgresServer | string
const shops: LoadShop[] = []

beforeAll(async () => {
  s3 = await startS3()
  postgres = await startPostgres()
}, 300_000)
afterEach(async () => {
  await endAll()
  for (const one of shops.splice(0)) await one.close()
})
afterAll(async () => {
  if (typeof s3 !== 'string') await s3.stop()
  if (typeof postgres !== 'string') await postgres.stop()
})

/** A test with a shop of three days, its copy on S3 and an empty database. */
function loadTest(name: string, run: (shop: LoadShop) => Promise<void>, timeout = 300_000): void {
  test(name, { timeout }, async (context) => {
    if (typeof s3 === 'string') return context.skip(s3)
    if (typeof postgres === 'string') return context.skip(postgres)
    const shop = await LoadShop.open(s3.url, postgres)
    shops.push(shop)
    await run(shop)
  })
}

loadTest(
  'a load gives the rows of the lake, and a second one finds nothing to do',
  async (shop) => {
    const ran = await shop.load()
    expect(ran.code, ran.stderr).toBe(0)
    expect(ran.stdout).toContain('silver.orders')
    // Nobody has returned anything yet, and dbt reads the table all the same.
    expect(await shop.query('SELECT refund_amount FROM silver.refunds')).toEqual([])
    expect(await shop.findDifferences()).toEqual([])
    expect((await shop.keys()).filter((key) => key.startsWith('load/'))).toEqual([])
    const count = shop.statements.length
    const again = await shop.load()
    expect(again.stdout).toMatch(/^The warehouse has commit no\. 1 of .* already\.\n$/)
    expect(shop.statements.slice(count).filter((sql) => /^(COPY|DELETE|INSERT)/.test(sql))).toEqual(
      [],
    )
  },
)

loadTest(
  'only what has changed is loaded: late rows, a new day, an erased person',
  async (shop) => {
    await shop.load()
    await shop.addEvents('2026-03-03', '2026-03-05', 900)
    const ran = await shop.load('--json')
    const { tables, unchangedDays } = JSON.parse(ran.stdout)
    const loaded: number = tables.find(
      (one: { readonly table: string }) => one.table === 'silver.events',
    ).days
    expect(loaded).toBeGreaterThan(1)
    expect(loaded).toBeLessThan((await shop.days()).length)
    expect(unchangedDays).toBeGreaterThan(0)
    expect(await shop.findDifferences()).toEqual([])
    const [who] = await shop.query(
      'SELECT customer_id AS id FROM silver.orders WHERE customer_id IS NOT NULL ORDER BY 1 LIMIT 1',
    )
    await shop.ccs('erase', '--customer', String(who?.id), '--yes')
    await shop.ccs('lake', 'push')
    expect((await shop.load()).code).toBe(0)
    expect(await shop.findDifferences()).toEqual([])
    const [left] = await shop.query(
      `SELECT COUNT(*) AS n FROM silver.events WHERE customer_id = '${who?.id}'`,
    )
    expect(left?.n).toBe('0')
  },
)

loadTest(
  'a connection that ends before any statement leaves whole days, and a repeat completes them',
  async (shop) => {
    await shop.load()
    const all = shop.statements.slice()
    // The statements of the first tables one by one, and some of the others.
    const random = seededRandom(11)
    const cuts = all.map((_, at) => at).filter((at) => at < 60 || random() < 0.1)
    await shop.emptyWarehouse()
    for (const at of cuts) {
      if (random() < 0.2) await shop.emptyWarehouse()
      shop.cutAfter(at)
      const error = await shop.loadHere().then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(await shop.findHalfDays(), `cut before statement ${at}`).toEqual([])
      if (error !== undefined) expect(error).toMatchObject({ code: 'CCS_WAREHOUSE_UNREACHABLE' })
    }
    shop.cutAfter(undefined)
    expect(await shop.load()).toMatchObject({ code: 0 })
    expect(await shop.findDifferences()).toEqual([])
  },
)

loadTest(
  'days loaded three times in any order, and by two loaders at once, are there once',
  async (shop) => {
    const days = await shop.days()
    expect(days.length).toBeGreaterThan(2)
    const random = seededRandom(5)
    for (let round = 0; round < 3; round++) {
      await shop.forgetLedger()
      for (const day of days.toSorted(() => random() - 0.5)) {
        const ran = await shop.load('--partition', `dt=${day}`)
        expect(ran.code, ran.stderr).toBe(0)
      }
    }
    expect(await shop.findDifferences()).toEqual([])
    await shop.forgetLedger()
    const both = await Promise.all([shop.load(), shop.load()])
    for (const { code, stderr } of both) expect(code, stderr).toBe(0)
    expect((await shop.keys()).filter((key) => key.startsWith('load/'))).toEqual([])
    expect(await shop.findDifferences()).toEqual([])
  },
)

loadTest('one day is loaded alone, and the others are named', async (shop) => {
  const ran = await shop.load('--partition', 'dt=2026-03-02')
  expect(ran.stderr).toMatch(/^Also changed, and not loaded: raw\.raw_clicks 2026-0.* more\./m)
  const days = await shop.query(
    'SELECT DISTINCT CAST(dt AS VARCHAR(10)) AS day FROM raw.raw_clicks',
  )
  expect(days).toEqual([{ day: '2026-03-02' }])
})

loadTest('a dry run and a check change nothing', async (shop) => {
  const dry = await shop.load('--dry-run')
  expect(dry.code, dry.stderr).toBe(0)
  expect(dry.stdout).toContain(
    "IAM_ROLE '$RS_ROLE_ARN' FORMAT AS PARQUET SERIALIZETOJSON MANIFEST;",
  )
  const check = await shop.load('--check')
  expect(check.stdout).toMatch(/^Redshift can load the \d+ files\.\n$/)
  const [tables] = await shop.query(
    "SELECT COUNT(*) AS n FROM pg_namespace WHERE nspname IN ('raw', 'silver')",
  )
  expect(tables?.n).toBe('0')
})

loadTest('columns are added and widened, and a changed type is refused by name', async (shop) => {
  await shop.load()
  const alter = (sql: string) => shop.query(sql)
  await alter('ALTER TABLE silver.orders DROP COLUMN coupon')
  await alter('ALTER TABLE silver.order_items ALTER COLUMN quantity TYPE SMALLINT')
  await alter('ALTER TABLE silver.page_view ALTER COLUMN page TYPE VARCHAR(400)')
  await alter('UPDATE silver.page_view SET page = LEFT(page, 2)')
  await alter('ALTER TABLE silver.page_view ALTER COLUMN page TYPE VARCHAR(2)')
  await shop.forgetLedger()
  const ran = await shop.load()
  expect(ran.code, ran.stderr).toBe(0)
  expect(await shop.findDifferences()).toEqual([])
  const [comment] = await shop.query("SELECT obj_description('silver.orders'::regclass) AS text")
  expect(comment?.text).toBe('Loaded from silver.orders by ccs load redshift; columns version 2')
  await alter('ALTER TABLE silver.orders ALTER COLUMN total TYPE VARCHAR(20)')
  await shop.forgetLedger()
  const refused = await shop.load()
  expect(refused.code).toBe(4)
  expect(refused.stderr).toContain(
    'silver.orders.total is VARCHAR(20) and DECIMAL(18, 2) in newer files.',
  )
})

loadTest(
  'what is wrong with the bucket, the files or the login is one sentence each',
  async (shop) => {
    const wrongLogin = await shop.loadWith({ RS_PWD: 'canary-wrong-password' })
    expect(wrongLogin).toMatchObject({ code: 4 })
    expect(wrongLogin.stderr).toContain('The warehouse refuses the login.')
    const nobody = await shop.loadWith({ RS_PORT: '1' })
    expect(nobody.stderr).toContain('The connection to the warehouse failed')
    const missing = await shop.loadWith({ RS_HOST: '', RS_PWD: '' })
    expect(missing).toMatchObject({ code: 2 })
    expect(missing.stderr).toContain('The warehouse needs RS_HOST, RS_PWD.')
    const role = await shop.loadWith({ RS_ROLE_ARN: 'canary-role' })
    expect(role.stderr).toContain('RS_ROLE_ARN must be the ARN of a role')
    await shop.breakClicks()
    const broken = await shop.load()
    expect(broken.code).toBe(5)
    expect(broken.stderr).toMatch(
      /bronze\/clicks\/dt=2026-03-01\/\S+\.parquet can't be loaded into raw\.raw_clicks: it lacks geo_city\./,
    )
    shop.useBucket('no-such-bucket')
    const bucket = await shop.load()
    expect(bucket.stderr).toContain('there is no bucket called no-such-bucket.')
  },
)

loadTest('no login and no key is shown by anything', async (shop) => {
  await shop.load('--dry-run', '--json')
  await shop.load()
  await shop.load('--print', 'copy-job')
  await shop.load('--print', 'streaming')
  shop.cutAfter(3)
  await shop.forgetLedger()
  await shop.load()
  for (const secret of shop.secrets(LOGIN)) expect(shop.shown.join('\n')).not.toContain(secret)
})
