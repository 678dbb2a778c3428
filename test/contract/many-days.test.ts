/** A commit of rows of many days takes no more memory than one of few days. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { drain, makeRig, openRig, type Rig } from '../fixtures/pipeline-rig.ts'
import { appendEvents, shopOrder } from '../fixtures/shop-events.ts'

const DAY = 86_400_000
const START = Date.parse('2022-10-01T10:00:00Z')
const DAYS = 120
const MIB = 1024 * 1024

/** A writer with a buffer per day would need 200 MiB for these days. */
async function smallRig(): Promise<Rig> {
  const models = ['bronze.events', 'silver.events', 'silver.people', 'gold.revenue_daily']
  const rig = await makeRig(models)
  return {
    ...rig,
    project: (root) => {
      const project = rig.project(root)
      const engine = { ...project.config.engine, memoryLimitBytes: 64 * MIB }
      return { ...project, config: { ...project.config, engine } }
    },
  }
}

test('an order on each of 120 days fits into little memory', async () => {
  const root = await mkdtemp(join(tmpdir(), 'ccs-days-'))
  const rig = await smallRig()
  try {
    const orders = Array.from({ length: DAYS }, (_, i) => shopOrder(`${i}`, START + i * DAY, 1000))
    await appendEvents(root, orders)
    const open = await openRig(rig, root)
    try {
      await drain(open)
      const { rows } = await open.engine.query(
        'SELECT sum(orders)::INTEGER AS orders, sum(revenue) AS revenue FROM gold.revenue_daily',
        START,
      )
      expect(rows).toEqual([{ orders: DAYS, revenue: '1200.00' }])
      const files = open.pipeline.manifest?.files ?? []
      expect(files.filter(({ table }) => table === 'bronze.events')).toHaveLength(DAYS)
      expect(new Set(files.map((file) => file.rows))).toEqual(new Set([1]))
    } finally {
      await open.close()
    }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
})
