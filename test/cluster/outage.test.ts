/** Servers are down for a minute while the shop goes on: how soon are answers fresh again? */
import path from 'node:path'
import { expect } from 'vitest'
import { clusterTest } from '../fixtures/cluster.ts'
import { type KafkaProject, withKafkaProject } from '../fixtures/kafka-project.ts'
import { type OwnStack, startOwnStack } from '../fixtures/own-stack.ts'

const AWAY_MS = 60_000
const FRESH_MS = 10_000
const PATIENCE_MS = 120_000
const FAULTS = ['--late', '5%', '--duplicates', '5%', '--disorder', '10%', '--invalid', '2%']

const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Milliseconds until an event that happens from now on is counted in Gold. */
async function untilFresh({ ccs }: KafkaProject): Promise<number> {
  const fromMs = Date.now()
  const sql = 'SELECT max(epoch_ms(event_time)) AS newest FROM silver.events'
  for (;;) {
    const asked: { rows: { newest: string | number | null }[] } = JSON.parse(
      await ccs('query', sql, '--json'),
    )
    const tookMs = Date.now() - fromMs
    if (Number(asked.rows[0]?.newest ?? 0) >= fromMs) return tookMs
    if (tookMs > PATIENCE_MS) throw new Error(`nothing new after ${tookMs} ms`)
    await after(200)
  }
}

async function away(own: OwnStack, part: 'kafka' | 'registry', project: KafkaProject) {
  await own.kill9(part)
  await after(AWAY_MS)
  await own.start()
  const ms = await untilFresh(project)
  process.stdout.write(
    `fresh ${ms} ms after the ${part} was ready again, which was away for ${AWAY_MS} ms\n`,
  )
  expect(ms).toBeLessThan(FRESH_MS)
}

clusterTest(
  'after a broker and a registry were down, answers are soon fresh and complete',
  async (_shared, prefix) => {
    const own = await startOwnStack('core')
    try {
      await withKafkaProject(own, prefix, async (project) => {
        const { ccs, start, dir } = project
        const truth = path.join(dir, 'truth.ndjson')
        const engine = start(['run', '--port', '0'])
        await engine.says('The engine answers', PATIENCE_MS)
        const gen = start(['gen', '--eps', '200', '--truth', truth, ...FAULTS])
        await untilFresh(project)
        await away(own, 'kafka', project)
        await away(own, 'registry', project)
        // A slow one.
        own.pause('registry')
        await after(AWAY_MS / 4)
        own.resume('registry')
        expect(await untilFresh(project)).toBeLessThan(FRESH_MS)
        gen.kill('SIGTERM')
        expect(await gen.ended, gen.output()).toBe(0)
        engine.kill('SIGTERM')
        expect(await engine.ended, engine.output()).toBe(0)
        await ccs('run', '--once')
        await ccs('verify', '--truth', truth)
        await ccs('audit')
        expect(JSON.parse(await ccs('status', '--json'))).toMatchObject({ lagEvents: 0, gaps: [] })
      })
    } finally {
      await own.stop()
    }
  },
  { crash: true, timeoutMs: 600_000 },
)
