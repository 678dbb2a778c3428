/**
 * The collector, open loop: requests are due at fixed times, whatever became of those before, and
 * each is answered when its events are on disk. Alone, and beside an engine that ingests them;
 * single events, and batches of 100; at the full rate, at half of it, and beside 500 sockets that
 * never end their request. Collector, engine and sender share the machine's cores.
 */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { startEngine } from './engine.js'
import { abba, ccs, cpuSeconds, ratio, residentBytes, sleep, startCcs } from './measure.js'
import { ROOT } from './project.js'
import { EVENTS_WRONG, goal, mb, number } from './report.js'

const LOAD = fileURLToPath(new URL('./collect-load.js', import.meta.url))
const CRAWL = fileURLToPath(new URL('./collect-crawl.js', import.meta.url))
const SINGLE = { events: 1, rate: 5_000 }
const BATCH = { events: 100, rate: 500 }
const SLOW_SOCKETS = 500
const CONNECTIONS = 64
const RATE_SHARE = 0.98

export const collect = {
  name: 'collect',
  title: 'the collector: durable requests a second, and how long an answer takes',
  events: { full: 0, quick: 0 },
  async run({ seconds, pairs, dir, say }) {
    const rows = []
    const goals = []
    let wrong = 0
    const measureLoad = async (what, load, { hasEngine, slow = 0 }) => {
      const name = `${what}${hasEngine ? ', engine' : ''}${slow > 0 ? `, ${slow} slow` : ''}`
      say(`${name} for ${seconds} s`)
      const row = await oneLoad(`${dir}/${rows.length}`, { ...load, seconds, slow }, hasEngine)
      wrong += row.wrong
      delete row.wrong
      rows.push({ load: name, ...row })
      return row
    }
    for (const hasEngine of [false, true]) {
      const beside = hasEngine ? ' beside the engine' : ''
      for (const [what, load, limit] of [
        ['single events', SINGLE, SINGLE.rate],
        ['batches of 100', BATCH, BATCH.rate * BATCH.events],
      ]) {
        const full = await measureLoad(what, load, { hasEngine })
        const rate = full['events/s']
        goals.push(goal(`${what}${beside}`, rate, `>= ${limit * RATE_SHARE}`, 'events/s'))
        const half = { ...load, rate: load.rate / 2 }
        const calm = await measureLoad(`${what}, half`, half, { hasEngine })
        goals.push(goal(`p99, ${what} at half${beside}`, calm['p99 ms'], '<= 50', 'ms'))
      }
    }
    const half = { ...SINGLE, rate: SINGLE.rate / 2 }
    const measureHalf = (slow) => () =>
      measureLoad('single events, half', half, { hasEngine: false, slow })
    const found = await abba(pairs, measureHalf(SLOW_SOCKETS), measureHalf(0))
    const slower = ratio(found, (row) => row['p99 ms'])
    goals.push(goal('p99 beside slow sockets', slower.median, '<= 2', '×'))
    const tracker = await readFile(`${ROOT}/dist/web/tracker/files/ccs.js`)
    const bytes = gzipSync(tracker, { level: 9 }).length
    goals.push(goal('the tracker as served', bytes, '<= 2500', 'bytes'))
    goals.push(goal(EVENTS_WRONG, wrong, '<= 0'))
    return {
      rows,
      goals,
      notes: [
        `${seconds} s after 2 s of warm-up, over ${CONNECTIONS} connections that stay open; an event has about 350 bytes of JSON.`,
        'Latency begins when a request is due, so waiting for a free connection is part of it.',
        `Beside slow sockets: ${number(slower.min)} to ${number(slower.max)} times the latency, ${pairs} pairs, ABBA.`,
        'CPU %: of one core; the sender takes part of the same cores. Bronze was counted afterwards.',
      ],
    }
  },
}

async function oneLoad(data, load, hasEngine) {
  const engine = hasEngine ? await startEngine(data) : undefined
  const collector = await startCollector(data)
  const crawler = load.slow > 0 ? startCrawler(collector.port, load.slow) : undefined
  try {
    const about = { port: collector.port, path: '/v1/events', connections: CONNECTIONS, ...load }
    const sender = runLoad(about)
    await sleep(2_000)
    const [before, engineBefore] = [cpuSeconds(collector.pid), engine ? cpuSeconds(engine.pid) : 0]
    const result = await sender
    const wall = load.seconds
    const cpu = (cpuSeconds(collector.pid) - before) / wall
    const engineCpu = engine ? (cpuSeconds(engine.pid) - engineBefore) / wall : 0
    const memory = residentBytes(collector.pid)
    await collector.stop()
    await engine?.stop()
    const missing = await countMissing(data, result.acknowledged * load.events)
    return {
      'events/s': result.perSecond * load.events,
      'p50 ms': result.p50,
      'p99 ms': result.p99,
      'p99.9 ms': result.p999,
      'CPU %': cpu * 100,
      'engine CPU %': engine ? number(engineCpu * 100) : '',
      'sender CPU %': (result.cpuSeconds / wall) * 100,
      MB: mb(memory),
      refused: result.refused,
      wrong: missing,
    }
  } finally {
    crawler?.kill('SIGKILL')
    await collector.kill()
    await engine?.kill()
  }
}

function startCrawler(port, sockets) {
  return spawn(process.execPath, [CRAWL, String(port), String(sockets)], { stdio: 'ignore' })
}

/** How many acknowledged events Bronze lacks, or has too many of. */
async function countMissing(data, acknowledged) {
  await ccs(['run', '--once', '--data', data])
  const sql = 'SELECT count(*) AS n FROM bronze.events'
  const { stdout } = await ccs(['query', sql, '--json', '--data', data])
  return Math.abs(Number(JSON.parse(stdout).rows[0].n) - acknowledged)
}

async function startCollector(data) {
  const collector = startCcs(['collect', '--data', data, '--port', '0'])
  for (;;) {
    const { stderr } = collector.output()
    const port = /at http:\/\/127\.0\.0\.1:(\d+)\/v1\/events/.exec(stderr)?.[1]
    if (port) return { ...collector, port: Number(port) }
    if (!collector.isAlive()) throw new Error(`ccs collect ended: ${stderr}`)
    await sleep(20)
  }
}

function runLoad(about) {
  const child = spawn(process.execPath, [LOAD, JSON.stringify(about)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (data) => (text += data))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`the sender ended with ${code}`)),
    )
  })
}
