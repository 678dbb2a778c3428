/**
 * Five thousand writes to a real S3 server, of which three in ten fail: with errors 500 and 503,
 * without an answer, with cut bodies, with answers that are lost after the work was done; and the
 * process starts anew in between. Nothing is missing, nothing is there twice, nothing is left over.
 */

import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLakeStore } from '../../cli/adapters/s3/lake-store.ts'
import type { LakePusher } from '../../cli/domain/lake/s3/push-lake.ts'
import {
  findFaults,
  findMissing,
  listExpectedKeys,
  makeLakeFile,
  openCopiedLake,
  openPusher,
} from '../fixtures/copied-lake.ts'
import { seededRandom } from '../fixtures/fault-files.ts'
import { startFaultProxy } from '../fixtures/fault-proxy.ts'
import { IS_WHOLE } from '../fixtures/fault-share.ts'
import { CANARY, type S3Server, startS3 } from '../fixtures/s3-server.ts'

const SEED = Number(process.env.CCS_S3_SEED ?? 20_260_101)
const PUTS = Number(process.env.CCS_S3_PUTS ?? (IS_WHOLE ? 5_000 : 500))
const FAULT_SHARE = 0.3
const FILES_A_COMMIT = 80

let s3: S3Server | string

beforeAll(async () => {
  s3 = await startS3()
  // The SDK takes credentials from this process's environment.
  for (const [name, value] of Object.entries(CANARY)) process.env[name] = value
}, 300_000)
afterAll(async () => {
  for (const name of Object.keys(CANARY)) delete process.env[name]
  if (typeof s3 !== 'string') await s3.stop()
})

test(`${PUTS} writes with 30 % of faults: none missing, none double, none left over`, {
  timeout: 3_600_000,
}, async (context) => {
  if (typeof s3 === 'string') return context.skip(s3)
  console.log(`CCS_S3_SEED=${SEED}`)
  const random = seededRandom(SEED)
  const proxy = await startFaultProxy(s3.url, seededRandom(SEED + 1))
  const place = { bucket: 'lake', prefix: `faults-${SEED}-${Date.now()}/`, region: 'us-east-1' }
  const direct = openLakeStore({ ...place, endpoint: s3.url }, process.env)
  const faulty = openLakeStore({ ...place, endpoint: proxy.url }, process.env, 1_000)
  const lake = openCopiedLake()
  const messages = new Set<string>()
  let passes = 0
  let starts = 0
  let stop = new AbortController()
  const start = (): LakePusher => {
    starts++
    stop = new AbortController()
    return openPusher(lake, faulty, { signal: stop.signal })
  }
  let pusher = start()
  /** As the loop does: until the commit is visible. */
  const push = async () => {
    for (;;) {
      passes++
      // One pass in four is ended in the middle, as by a kill; the next process goes on.
      const isEnded = random() < 0.25
      const timer = isEnded ? setTimeout(() => stop.abort(), random() * 300) : undefined
      try {
        const { visible } = await pusher.pass()
        if (visible?.serial === lake.manifest.serial) return
      } catch (error) {
        if (!(error instanceof Error)) throw error
        messages.add(error.message.replace(/\(.*\)/, ''))
      } finally {
        clearTimeout(timer)
      }
      if (stop.signal.aborted) pusher = start()
    }
  }
  try {
    proxy.fail(FAULT_SHARE)
    for (let commit = 0; proxy.writes < PUTS; commit++) {
      const id = `c${String(commit + 2).padStart(8, '0')}`
      const files = Array.from({ length: FILES_A_COMMIT }, (_, n) =>
        makeLakeFile(n % 8 === 0 ? 'bronze.events' : 'silver.events', 1 + (n % 28), `${id}-${n}`),
      )
      // What older commits wrote is merged from time to time, as compaction does.
      const old = lake.manifest.files.filter(() => random() < 0.2)
      const merged = makeLakeFile('silver.events', 1, `compact-${commit}-0`)
      lake.commit([...files, merged], old)
      await push()
      if (commit % 10 === 0) expect(await findMissing(direct)).toEqual([])
    }
    proxy.fail(0)
    pusher = start()
    await push()
    const { faults, writes, requests } = proxy
    const commits = lake.manifest.serial - 1
    console.log(JSON.stringify({ commits, writes, requests, faults, passes, starts }))
    for (const one of messages) console.log(one)
    expect(await findFaults(direct)).toEqual([])
    const keys = (await direct.list('')).map(({ key }) => key).sort()
    expect(keys).toEqual(listExpectedKeys(lake))
    expect(writes).toBeGreaterThanOrEqual(PUTS)
    for (const [fault, count] of Object.entries(faults))
      expect(count, fault).toBeGreaterThan(PUTS / 100)
    for (const message of messages) expect(message).not.toMatch(/canary/i)
  } finally {
    await proxy.end()
  }
})
