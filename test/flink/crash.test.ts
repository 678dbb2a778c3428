/**
 * The whole way of events through real servers with a Flink cluster, while its TaskManager is killed
 * twice, the broker once and the JobManager once: Gold is the generator's truth, and for a consumer
 * that reads what was committed, no event is lost or doubled in Bronze, Silver and the lake of Kafka
 * Connect; `ccs audit` finds the same. `npm run test:flink` runs it, with CCS_FLINK_CRASH_EPS events per second for CCS_FLINK_CRASH_SECONDS.
 */
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readTruth } from '../../cli/app/generator.ts'
import type { AuditReport } from '../../cli/domain/audit/audit.ts'
import { compareTable } from '../../cli/domain/audit/compare-truth.ts'
import { explainMissingFlink } from '../fixtures/flink.ts'
import { CrashShop, readTable, sleep } from '../fixtures/flink-crash.ts'

const EPS = Number(process.env.CCS_FLINK_CRASH_EPS ?? 200)
const SECONDS = Number(process.env.CCS_FLINK_CRASH_SECONDS ?? 150)
const SEED = process.env.CCS_FLINK_CRASH_SEED ?? '14'
/** Sessions appear 1½ hours after their end, and with them what reads them. */
const FINAL = ['activity_1m', 'revenue_daily', 'revenue_by_category_daily', 'top_pages_1h']
const FAULTS = ['--late', '3%', '--duplicates', '4%', '--disorder', '5%', '--invalid', '2%']

const missing = explainMissingFlink()

describe.skipIf(missing !== undefined)(`${missing ?? 'killed servers'}`, () => {
  test('lose nothing and double nothing, and Gold is as the truth says', {
    timeout: 3_600_000,
    retry: 0,
  }, async () => {
    const shop = await openShop()
    const { end } = await beginEvents(shop)
    await killAndRestart(shop, 'flink-taskmanager')
    await killAndRestart(shop, 'flink-taskmanager')
    await killAndRestart(shop, 'kafka')
    // Without high availability a JobManager that is restarted knows no job.
    await shop.stack.kill9('flink-jobmanager')
    await shop.stack.start()
    const forgotten = await shop.until(({ running }) => !running)
    expect(forgotten.job?.state).toBeNull()
    expect(forgotten.hint).toContain('ccs deploy --target flink')
    await shop.ccs(['deploy', '--yes', '--allow-destructive'])
    await end()
    await expectTruth(shop)
    await expectAudit(shop)
  })
})

async function openShop(): Promise<CrashShop> {
  const shop = await CrashShop.start()
  onTestFinished(() => shop.stop())
  await shop.ccs(['deploy', '--yes'])
  await shop.until(({ running }) => running)
  return shop
}

/** Events arrive and are validated meanwhile; `end` waits until the job has read all. */
async function beginEvents(shop: CrashShop): Promise<{ end(): Promise<void> }> {
  const gate = shop.begin(['gate'])
  const live = ['gen', '--eps', String(EPS), '--for', `${SECONDS}s`, '--seed', SEED]
  const gen = shop.begin([...live, ...FAULTS, '--truth', truthFile(shop)])
  return {
    end: async () => {
      await gen.ended
      gate.end()
      await gate.ended
      await shop.ccs(['gate', '--once'])
      await shop.until(
        ({ running, lagEvents, gateLagEvents }) => running && lagEvents + gateLagEvents === 0,
      )
      // Its last rows are committed with the next checkpoint that begins from now on.
      const { serial } = await shop.status()
      await shop.until((status) => status.running && status.serial >= serial + 2)
    },
  }
}

/** The job goes on by itself, from its last checkpoint. */
async function killAndRestart(shop: CrashShop, part: 'flink-taskmanager' | 'kafka'): Promise<void> {
  await sleep((SECONDS * 1_000) / 5)
  await shop.stack.kill9(part)
  if (part === 'flink-taskmanager')
    await shop.until(({ running, hint }) => !running && `${hint}`.includes('ccs stack up flink'))
  await shop.stack.start()
  const { job, others } = await shop.until(({ running }) => running)
  expect(others).toEqual([])
  if (part === 'flink-taskmanager') expect(job?.restarts).toBeGreaterThan(0)
}

async function expectTruth(shop: CrashShop): Promise<void> {
  const { job } = await shop.status()
  const version = /-v(\d+)-/.exec(job?.name ?? '')?.[1] ?? '1'
  const suffix = version === '1' ? '' : `.v${version}`
  const { header, tables } = await readTruth(truthFile(shop))
  const found = await shop.read(async (reader) => ({
    valid: await reader.values('events.valid'),
    bronze: await reader.values(`bronze.events${suffix}`),
    silver: await reader.values(`silver.events${suffix}`),
    gold: await Promise.all(FINAL.map((name) => readTable(reader, `gold.${name}${suffix}`))),
  }))
  const rejected = Object.values(header.counts.dlq).reduce((sum, one) => sum + one, 0)
  expect(found.valid.length + rejected).toBe(header.counts.records)
  // Each valid record is once in Bronze, each event once in Silver.
  expect(listIds(found.bronze)).toEqual(listIds(found.valid))
  const offsets = found.bronze.map((one) => `${one?.partition}/${one?.offset}`)
  expect(new Set(offsets).size).toBe(found.bronze.length)
  expect(found.bronze.length - found.silver.length).toBe(header.counts.duplicates)
  expect(new Set(listIds(found.silver)).size).toBe(found.silver.length)
  // The lake that Connect writes has what the topics have.
  const lake = [
    await shop.lakeIds('bronze.events', found.valid.length),
    await shop.lakeIds(`silver.events${suffix}`, found.silver.length),
  ]
  expect(lake).toEqual([listIds(found.valid), listIds(found.silver)])
  for (const [index, name] of FINAL.entries()) {
    const truth = tables.find(({ table }) => table.name === `gold.${name}`)
    if (truth === undefined) throw new Error(`the truth lacks ${name}`)
    const { differences, rows } = compareTable(truth.table, truth.rows, found.gold[index] ?? [])
    expect(differences, name).toEqual([])
    expect(rows, name).toBeGreaterThan(0)
  }
  console.log(
    `CCS_FLINK_CRASH_SEED=${SEED}: ${header.counts.records} records, ${rejected} rejected, ` +
      `${found.silver.length} in Silver, version ${version} of the job`,
  )
}

/** The product's own account of the same topics: no check fails, and all of Silver was compared. */
async function expectAudit(shop: CrashShop): Promise<void> {
  const report: AuditReport = JSON.parse((await shop.ccs(['audit', '--json'])).stdout)
  expect([report.ok, report.faults]).toEqual([true, []])
  const remainders = report.models.map(({ model, remainder }) => [model, remainder])
  expect(remainders).toEqual(report.models.map(({ model }) => [model, 0]))
  expect(report.models.map(({ model }) => model)).toEqual(
    expect.arrayContaining(['events.valid', 'silver.events', ...FINAL.map((one) => `gold.${one}`)]),
  )
  console.log(
    `audit: ${report.models.length} models, remarks: ${report.remarks.join(' ') || 'none'}`,
  )
}

function listIds(rows: readonly (Readonly<Record<string, unknown>> | null)[]): readonly string[] {
  return rows.map((one) => String(one?.event_id)).sort()
}

function truthFile({ stack }: CrashShop): string {
  return path.join(stack.projectDir, 'truth.ndjson')
}
