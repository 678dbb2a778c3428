/**
 * A repair of the lake that is ended at any call of the file system can be repeated: afterwards all
 * rows are there. By default at a seeded sample of the calls; with `npm run test:crash` at all.
 */
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runAudit } from '../../cli/app/audit.ts'
import {
  damage,
  fillShop,
  isOf,
  makeDamagedRig,
  readRows,
  repair,
} from '../fixtures/damaged-shop.ts'
import { FaultDisk, isCrash, SCRATCH } from '../fixtures/fault-files.ts'
import { IS_WHOLE, sampleNumbers } from '../fixtures/fault-share.ts'
import { dropStaleLocks, type Rig } from '../fixtures/pipeline-rig.ts'

const SAMPLE = 10

let dir: string
let rig: Rig
let wanted: Record<string, string>

beforeAll(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-lake-repair-crash-'))
  rig = await makeDamagedRig()
  const whole = join(dir, 'whole')
  await fillShop(rig, whole, 300)
  wanted = await readRows(rig, whole)
})
afterAll(() => rm(dir, { recursive: true, force: true }))

/** The oldest segment of the log is gone, and Silver is damaged. */
async function damageLogAndSilver(root: string): Promise<void> {
  const log = join(root, 'log/events.raw-0')
  const segments = readdirSync(log).filter((name) => name.endsWith('.log'))
  rmSync(join(log, segments.sort()[0] ?? ''))
  await damage(root, isOf('silver.events'), 'changed')
}

const damageGold = (root: string) => damage(root, isOf('gold.activity_1m'), 'deleted')

test.each([
  { what: 'log and Silver', harm: damageLogAndSilver, seed: 4 },
  { what: 'Gold', harm: damageGold, seed: 9 },
])(
  'a repair of $what that broke off anywhere can be repeated',
  {
    timeout: IS_WHOLE ? 3_600_000 : 240_000,
  },
  async ({ harm, seed }) => {
    const damaged = join(dir, 'damaged')
    cpSync(join(dir, 'whole'), damaged, { recursive: true, verbatimSymlinks: true })
    await harm(damaged)
    const copy = () => {
      const root = join(dir, 'data')
      rmSync(root, { recursive: true, force: true })
      cpSync(damaged, root, { recursive: true, verbatimSymlinks: true })
      return { root, disk: new FaultDisk(root, { seed }) }
    }
    const dry = copy()
    expect(await repair(rig, dry.root, { files: dry.disk.files })).toMatchObject({ ok: true })
    const { trace } = dry.disk
    expect(trace.length).toBeGreaterThan(50)
    expect(await readRows(rig, dry.root)).toEqual(wanted)

    for (const number of sampleNumbers(trace.length, SAMPLE, seed)) {
      const place = `call ${number}, ${trace[number]}`
      const { root, disk } = copy()
      disk.crashAt(number, number % 2 === 0 ? 'during' : 'after')
      const error = await repair(rig, root, { files: disk.files }).catch(
        (thrown: unknown) => thrown,
      )
      expect(isCrash(error) || disk.calls < number, place).toBe(true)
      await disk.kill()
      dropStaleLocks(root)
      expect(await repair(rig, root), place).toMatchObject({ ok: true })
      expect(await readRows(rig, root), place).toEqual(wanted)
    }
    expect(await runAudit(rig.project(join(dir, 'data')))).toMatchObject({ ok: true, faults: [] })
    rmSync(damaged, { recursive: true })
  },
)
