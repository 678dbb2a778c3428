/**
 * Backups under load: the engine is killed between them and restarted, a backup is killed while it
 * copies, a restore while it writes. Each backup that is listed restores, audits, and has all that
 * was acknowledged before it was asked for.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { runCcs } from '../e2e/run-ccs.ts'
import { type Child, endAll, startNode } from '../fixtures/child.ts'
import { seededRandom } from '../fixtures/fault-files.ts'

const SEED = Number(process.env.CCS_KILL_SEED ?? 20_260_101)
const ROUNDS = Number(process.env.CCS_BACKUP_ROUNDS ?? 6)

const dir = mkdtempSync(path.join(tmpdir(), 'ccs-backup-crash-'))
const data = path.join(dir, 'data')
const place = path.join(dir, 'place')

afterEach(() => endAll())
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const ccs = (args: readonly string[], where: string) =>
  runCcs([...args, '--json', '--data', where], { timeoutMs: 120_000 })

/** The end of the log of events.raw, all of which was acknowledged. */
async function logEnd(): Promise<number> {
  const { stdout } = await ccs(['log', 'verify'], data)
  const { partitions } = JSON.parse(stdout) as {
    partitions: readonly { topic: string; end: number }[]
  }
  return partitions.find(({ topic }) => topic === 'events.raw')?.end ?? 0
}

async function listTaken(): Promise<readonly string[]> {
  const { stdout } = await ccs(['backup', 'ls', place], data)
  const { backups } = JSON.parse(stdout) as { backups: readonly { taken: string }[] }
  return backups.map(({ taken }) => taken)
}

test('each backup under load restores, audits and lacks nothing', async () => {
  console.log(`CCS_KILL_SEED=${SEED}`)
  const random = seededRandom(SEED)
  const shop = startNode('bin/run.js', ['gen', '--eps', '300', '--data', data])
  await expect.poll(logEnd, { timeout: 60_000, interval: 200 }).toBeGreaterThan(0)
  const start = () => startNode('bin/run.js', ['run', '--port', '0', '--data', data])
  let engine: Child = start()
  const expected: { taken: string; atLeast: number }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const acknowledged = await logEnd()
    const before = (await listTaken()).length
    const backup = startNode('bin/run.js', ['backup', place, '--data', data])
    if (round % 3 === 2) {
      await new Promise((resolve) => setTimeout(resolve, 150 + random() * 400))
      backup.kill('SIGKILL')
    }
    await backup.ended
    const taken = await listTaken()
    if (taken.length > before) expected.push({ taken: taken.at(-1) ?? '', atLeast: acknowledged })
    engine.kill('SIGKILL')
    await engine.ended
    engine = start()
    await engine.says(/The engine answers at/)
  }
  engine.kill('SIGTERM')
  shop.kill('SIGTERM')
  await Promise.all([engine.ended, shop.ended])
  expect(expected.length).toBeGreaterThanOrEqual(ROUNDS - Math.floor(ROUNDS / 3))
  for (const [index, { taken, atLeast }] of expected.entries()) {
    const target = path.join(dir, `restored-${index}`)
    const restored = await ccs(['restore', place, '--to', taken], target)
    expect(restored.code, restored.stderr).toBe(0)
    const found = JSON.parse(restored.stdout) as {
      partitions: readonly { topic: string; end: number }[]
    }
    const end = found.partitions.find(({ topic }) => topic === 'events.raw')?.end ?? 0
    expect(end).toBeGreaterThanOrEqual(atLeast)
    expect((await ccs(['run', '--once'], target)).code).toBe(0)
    const { rows } = JSON.parse((await ccs(['query', COUNT], target)).stdout) as {
      rows: readonly { n: number }[]
    }
    expect(Number(rows[0]?.n) + (await countRejects(target))).toBe(end)
    expect((await ccs(['audit'], target)).code).toBe(0)
    rmSync(target, { recursive: true })
  }
}, 600_000)

const COUNT = 'SELECT count(*) AS n FROM bronze.events'

async function countRejects(target: string): Promise<number> {
  const { stdout } = await ccs(['dlq', 'ls'], target)
  return (JSON.parse(stdout) as { total: number }).total
}

test('a restore that is killed leaves no directory, or a whole one', async () => {
  const random = seededRandom(SEED)
  for (let round = 0; round < 4; round++) {
    const target = path.join(dir, `killed-${round}`)
    const restore = startNode('bin/run.js', ['restore', place, '--data', target])
    await new Promise((resolve) => setTimeout(resolve, 100 + random() * 300))
    restore.kill('SIGKILL')
    await restore.ended
    // The directory gets its name last: if it has it, the restore was complete.
    if (existsSync(target)) {
      expect((await ccs(['lake', 'verify'], target)).code).toBe(0)
      expect((await ccs(['audit'], target)).code).toBe(0)
      rmSync(target, { recursive: true })
    }
    expect((await ccs(['restore', place], target)).code).toBe(0)
    expect((await ccs(['audit'], target)).code).toBe(0)
  }
}, 120_000)
