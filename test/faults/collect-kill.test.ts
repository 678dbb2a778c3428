/**
 * kill -9 of the collector under load, at random moments, while the engine ingests what it writes:
 * every event that was answered with 202 is in Bronze, and none is twice in Silver, although what
 * was not answered is sent again. 8 kills; CCS_COLLECT_KILLS and CCS_KILL_SEED choose others.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { runCcs } from '../e2e/run-ccs.ts'
import { endAll, startNode } from '../fixtures/child.ts'
import { CollectSender } from '../fixtures/collect-sender.ts'
import { makeCollectProject, query, startCollector } from '../fixtures/collector.ts'
import { seededRandom } from '../fixtures/fault-files.ts'

const KILLS = Number(process.env.CCS_COLLECT_KILLS ?? 8)
const SEED = Number(process.env.CCS_KILL_SEED ?? 20_260_101)
const SENDERS = 8
const LIFE_MS = 1_000

let dir: string | undefined
afterEach(async () => {
  await endAll()
  if (dir) rmSync(dir, { recursive: true, force: true })
  dir = undefined
})

test(`${KILLS} kills of the collector (seed ${SEED}) lose no event and double none`, {
  timeout: 60_000 + KILLS * 10_000,
}, async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-collect-kill-'))
  const project = makeCollectProject(path.join(dir, 'project'))
  const data = path.join(dir, 'data')
  const place = ['--project', project, '--data', data]
  const random = seededRandom(SEED)
  const engine = startNode('bin/run.js', ['run', '--port', '0', ...place])
  const senders = Array.from(
    { length: SENDERS },
    (_, i) => new CollectSender(`visitor-${i}`, random),
  )
  for (let life = 0; life < KILLS; life++) {
    const collector = await startCollector(project, data)
    const sending = senders.map((one) => one.send(collector))
    await new Promise((resolve) => setTimeout(resolve, 20 + random() * LIFE_MS))
    collector.child.kill('SIGKILL')
    await Promise.all([...sending, collector.child.ended])
  }
  engine.kill('SIGTERM')
  expect(await engine.ended, engine.output()).toBe(0)
  const ran = await runCcs(['run', '--once', ...place])
  expect(ran.code, ran.stderr).toBe(0)
  const acknowledged = new Set(senders.flatMap((one) => [...one.acknowledged]))
  const bronze = await query(project, data, 'SELECT DISTINCT event_id FROM bronze.events')
  const found = new Set(bronze.map((row) => row.event_id))
  const lost = [...acknowledged].filter((id) => !found.has(id))
  expect(lost).toEqual([])
  expect(acknowledged.size).toBeGreaterThan(KILLS * 20)
  const sql = `SELECT count(*) - count(DISTINCT event_id) AS twice,
    (SELECT count(*) FROM bronze.events) AS bronze FROM silver.events`
  const [counts] = await query(project, data, sql)
  expect(counts?.twice).toBe(0)
  const repeated = senders.reduce((sum, one) => sum + one.repeated, 0)
  console.log(
    `${KILLS} kills: ${acknowledged.size} events acknowledged, ${repeated} sent again, ` +
      `${counts?.bronze} arrivals in Bronze, none lost, none twice in Silver`,
  )
  const audit = await runCcs(['audit', ...place])
  expect(audit.code, audit.stdout).toBe(0)
})
