/**
 * A week of the simulated shop, with late, doubled, disordered and invalid records, on the embedded
 * engine, in a plain DuckDB batch and on a real Flink: the same rows in all columns. `npm run
 * test:differential` runs five of 200,000 events. Where Flink differs, the smallest list of events
 * that still does is printed as a test of `ccs test`.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { openLocalLog } from '../../cli/adapters/log/local-log.ts'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { Gate } from '../../cli/domain/gate/gate.ts'
import type { PlainModels } from '../../cli/engines/embedded/query/plain-models.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { findSmallest } from '../fixtures/find-smallest.ts'
import { flinkTest } from '../fixtures/flink.ts'
import { compareOnFlink, listRawRows } from '../fixtures/flink-compare.ts'
import type { ValidEvent } from '../fixtures/flink-run.ts'
import { printModelTest } from '../fixtures/fuzz-case.ts'
import { GATE_OPTIONS } from '../fixtures/gate-events.ts'
import { openOracle, TIMEZONE } from '../fixtures/ksqldb-oracle.ts'
import { recordsIn } from '../fixtures/pipeline-oracle.ts'
import { projectModels } from '../unit/dialects/compile-bench.ts'

const COUNT = Number(process.env.CCS_DIFFERENTIAL_EVENTS ?? 0)
const SEEDS = Number(process.env.CCS_DIFFERENTIAL_LARGE ?? 1)
const FIRST_SEED = Number(process.env.CCS_DIFFERENTIAL_SEED ?? 5)
const RANGE = ['--from', '2026-03-26', '--to', '2026-04-02', '--partitions', '3']
const FAULTS = ['--late', '3%', '--duplicates', '4%', '--disorder', '5%', '--invalid', '2%']
const RUN_MAX_MS = 900_000
const TRIES = 20
/** Asks for the clock. */
const CLOCK = 'gold.right_now'

const names = projectModels()
  .map(({ name }) => name)
  .filter((name) => name !== CLOCK)

type Servers = Parameters<typeof compareOnFlink>[0]

describe('a simulated week', () => {
  if (COUNT === 0) {
    test.skip('is the same on three engines (takes minutes: npm run test:differential)', () => {})
    return
  }
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++)
    flinkTest(
      `of ${COUNT} events, seed ${seed}, gives the same rows on three engines`,
      async (...servers) => {
        const dir = await mkdtemp(path.join(tmpdir(), 'ccs-large-'))
        try {
          const events = await runEmbedded(dir, seed)
          await expectPlainRows(dir, events)
          const options = { runMaxMs: RUN_MAX_MS }
          const { differ, rows } = await compareOnFlink(servers, events, TIMEZONE, options)
          if (differ.length > 0) expect.fail(await explain(servers, events, differ))
          const counts = [...rows].map(([name, count]) => `${name} ${count}`).join(', ')
          console.log(`seed ${seed}: ${events.length} events accepted; rows: ${counts}`)
          expect(rows.get('bronze.events')).toBe(events.length)
        } finally {
          await rm(dir, { recursive: true, force: true })
        }
      },
      1_800_000,
    )
})

/** An accepted event with the offset that it has in the embedded log. */
interface LoggedEvent extends ValidEvent {
  readonly offset: number
}

/** Fills a data directory; returns what the gate accepts of its log, in the order of arrival. */
async function runEmbedded(dir: string, seed: number): Promise<readonly LoggedEvent[]> {
  const gen = ['gen', '--seed', `${seed}`, '--count', `${COUNT}`, ...RANGE, ...FAULTS]
  for (const args of [gen, ['run', '--once']]) {
    const ran = await runCcs([...args, '--data', dir], { timeoutMs: RUN_MAX_MS })
    if (ran.code !== 0) throw new Error(`ccs ${args.join(' ')}: ${ran.stderr}`)
  }
  const log = openLocalLog({ dir: path.join(dir, 'log'), files: diskFiles() })
  try {
    const gate = new Gate(GATE_OPTIONS)
    const records = await recordsIn(log, 'events.raw')
    const accepted = records.flatMap(({ bytes, partition, offset, appendMs }) => {
      const result = gate.validate(bytes, appendMs)
      if (!result.ok) return []
      const event: Event = JSON.parse(JSON.stringify(result.event, printBigint)) // by the contract
      return [{ partition, offset, appendMs, event }]
    })
    return accepted.sort((a, b) => a.appendMs - b.appendMs)
  } finally {
    await log.close()
  }
}

/** Each model of the embedded engine has the rows of the batch: their number, and a sum of hashes. */
async function expectPlainRows(dir: string, events: readonly LoggedEvent[]): Promise<void> {
  const oracle = await openOracle(projectModels())
  try {
    const rows = listRawRows(events, 'events.raw')
    const placed = rows.map((row, index) => ({ ...row, offset: events[index]?.offset }))
    await oracle.load(placed, { nowMs: 0, timezone: TIMEZONE })
    const sql = await printFingerprints(oracle)
    const args = ['query', sql, '--json', '--data', dir]
    const ran = await runCcs(args, { timeoutMs: 300_000 })
    if (ran.code !== 0) throw new Error(`ccs query: ${ran.stderr}`)
    const embedded = JSON.parse(ran.stdout).rows
    const plain = await oracle.query(sql)
    expect(embedded).toEqual(JSON.parse(JSON.stringify(plain.rows, printBigint)))
  } finally {
    oracle.close()
  }
}

async function printFingerprints(oracle: PlainModels): Promise<string> {
  const selects: string[] = []
  for (const name of names) {
    const columns = await oracle.columns(name)
    const list = columns.map((one) => `"${one}"`).join(', ')
    selects.push(
      `SELECT '${name}' AS model, CAST(count(*) AS INTEGER) AS n, ` +
        `CAST(sum(hash(t)) AS VARCHAR) AS hash FROM (SELECT ${list} FROM ${name}) AS t`,
    )
  }
  return selects.join('\nUNION ALL\n')
}

function printBigint(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}

/** Leaves out visitors, then events, as long as Flink differs. */
async function explain(
  servers: Servers,
  events: readonly LoggedEvent[],
  found: readonly string[],
): Promise<string> {
  let round = 0
  const fails = async (some: readonly LoggedEvent[]) => {
    const [gateway, cluster, prefix] = servers
    const again = [gateway, cluster, `${prefix}${++round}.`] as const
    return (await compareOnFlink(again, some, TIMEZONE)).differ.length > 0
  }
  const ofVisitors = (visitors: readonly string[]) => {
    const kept = new Set(visitors)
    return events.filter(({ event }) => kept.has(event.anonymous_id))
  }
  const all = [...new Set(events.map(({ event }) => event.anonymous_id))]
  const visitors = await findSmallest(all, (some) => fails(ofVisitors(some)), TRIES)
  const smallest = await findSmallest(ofVisitors(visitors), fails, TRIES)
  const steps = smallest.map(({ event, appendMs }) => {
    return { do: 'arrive' as const, event, appendMs, isQueried: false }
  })
  const arrivals = steps.map((step) => ({ ...step, row: {} }))
  const judged = { run: { timezone: TIMEZONE, steps }, arrivals }
  return [...found, printModelTest(judged, { name: 'Flink differs', models: names })].join('\n')
}
