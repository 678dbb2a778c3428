/**
 * With how little memory does the engine do its work? One vCPU and less and less memory in a control group of
 * Linux; an hour of 100 events a second is sent as fast as the engine takes it, while a page and queries ask.
 * Afterwards `ccs audit`, outside of the group, has to find every event. Needs root.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { startEngine } from './engine.js'
import { takenIn } from './history.js'
import { ccs, sleep } from './measure.js'
import { EVENTS_WRONG, goal, mb, number } from './report.js'

const LIMITS_MB = [512, 384, 320, 256]
const MIB = 1024 * 1024
const V1 = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup/cpu']
const V2 = '/sys/fs/cgroup'

export const leastMemory = {
  name: 'least-memory',
  title: 'one vCPU and little memory: an hour of 100 events a second',
  events: { full: 360_000, quick: 60_000 },
  async run({ events, dir, say }) {
    const rows = []
    let wrong = 0
    for (const limit of LIMITS_MB) {
      const data = `${dir}/${limit}`
      const found = await runWithin(limit, { data, events }).catch((error) => {
        return { died: String(error.message).split('\n')[0] }
      })
      rmSync(data, { recursive: true, force: true })
      wrong += found.wrong ?? 0
      rows.push({
        'memory MB': limit,
        'taken in': found.died ? `no: ${found.died}` : number(events),
        'peak of the group MB': found.peak ? mb(found.peak) : '',
        'answers of page and queries': found.answers ?? '',
        'slowest answer s': found.slowest ?? '',
        audit: found.audit ?? '',
      })
      say(`${limit} MB: ${found.died ?? `peak ${mb(found.peak)} MB, audit ${found.audit}`}`)
    }
    const least = rows.filter((one) => one.audit === 'green').map((one) => one['memory MB'])
    return {
      rows,
      goals: [
        goal('least memory in which all of it is exact', Math.min(...least), '<= 512', 'MB'),
        goal(EVENTS_WRONG, wrong, '<= 0'),
      ],
      notes: [
        'The peak counts the page cache of the group too, which the kernel takes back first.',
      ],
    }
  },
}

async function runWithin(limitMb, { data, events }) {
  const group = makeGroup(limitMb)
  try {
    const engine = await startEngine(data, [], group.dirs)
    try {
      const asked = askInTheBackground(engine)
      const range = ['--from', '2026-01-01T10:00:00Z', '--to', '2026-01-01T11:00:00Z']
      await ccs(['gen', '--data', data, '--count', String(events), ...range])
      await takenIn(engine, events)
      await engine.commit()
      const { answers, slowest } = await asked.stop()
      const { counts } = await engine.status()
      await engine.stop()
      const { stdout } = await ccs(['audit', '--json', '--data', data])
      const wrong = Math.abs(events - counts.records)
      const audit = JSON.parse(stdout).ok ? 'green' : 'red'
      return { peak: group.peakBytes(), answers, slowest, wrong, audit }
    } finally {
      await engine.kill()
    }
  } finally {
    await group.remove()
  }
}

/** The page's snapshot each second and a query each two. */
function askInTheBackground(engine) {
  let isOver = false
  let answers = 0
  let slowest = 0
  const loop = async () => {
    for (let n = 0; !isOver; n++) {
      const start = performance.now()
      await fetch(`http://127.0.0.1:${engine.port}/api/snapshot`).then((answer) => answer.text())
      if (n % 2 === 0) await engine.query('SELECT count(*) AS n FROM silver.events')
      answers += n % 2 === 0 ? 2 : 1
      slowest = Math.max(slowest, performance.now() - start)
      await sleep(1_000)
    }
  }
  // An engine that was killed is told by whoever waits for it.
  const running = loop().catch(() => undefined)
  return {
    stop: async () => {
      isOver = true
      await running
      return { answers, slowest: number(slowest / 1_000) }
    },
  }
}

/** A control group with one CPU; version 1 or 2, whichever the machine has. */
function makeGroup(limitMb) {
  const name = `ccs-bench-${process.pid}`
  const isV1 = V1.every((one) => existsSync(one))
  const dirs = isV1 ? V1.map((one) => `${one}/${name}`) : [`${V2}/${name}`]
  for (const dir of dirs) mkdirSync(dir, { recursive: true })
  const [memory, cpu = memory] = dirs
  const set = (dir, file, value) => writeFileSync(`${dir}/${file}`, String(value))
  set(memory, isV1 ? 'memory.limit_in_bytes' : 'memory.max', limitMb * MIB)
  if (isV1) {
    set(cpu, 'cpu.cfs_period_us', 100_000)
    set(cpu, 'cpu.cfs_quota_us', 100_000)
  } else set(cpu, 'cpu.max', '100000 100000')
  return {
    dirs,
    peakBytes: () =>
      Number(readFileSync(`${memory}/${isV1 ? 'memory.max_usage_in_bytes' : 'memory.peak'}`)),
    remove: async () => {
      for (const dir of dirs)
        for (let tries = 0; tries < 50; tries++) {
          try {
            rmdirSync(dir)
            break
          } catch {
            await sleep(100) // its last process is about to end
          }
        }
    },
  }
}
