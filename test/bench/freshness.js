/**
 * Freshness, open loop; also beside queries that never end, and beside a busy neighbour: the generator appends each event when it is due, whatever the engine does; a reader
 * asks Gold over HTTP every 20 ms. An event's latency ends with the first answer that counts it and begins
 * when it was due, so waiting in any queue is part of it (no coordinated omission).
 */
import { spawn } from 'node:child_process'
import { withDuck } from './compare.js'
import { startEngine } from './engine.js'
import { cpuSeconds, quantile, residentBytes, sleep, startCcs } from './measure.js'
import { goal, mb, number } from './report.js'

const POLL_MS = 20
const WARM_UP_MS = 5_000
const COUNT = 'SELECT CAST(sum(events) AS BIGINT) AS n FROM gold.activity_1m'

export const freshness = {
  name: 'freshness',
  title: 'from when an event is due to when Gold counts it, and what the engine costs meanwhile',
  events: { full: 10_000, quick: 10_000 },
  /** `events`: the greater of the two rates, a second. */
  async run({ events: fast, seconds, dir, say }) {
    const rows = []
    const goals = []
    for (const [eps, limitMs] of [
      [Math.min(1_000, fast), 250],
      [fast, 500],
    ]) {
      say(`${eps} events a second for ${seconds} s`)
      const row = await openLoop(`${dir}/at-${eps}`, eps, seconds)
      rows.push({ load: `${number(eps)} eps, a reader`, ...row })
      goals.push(
        goal(`p99 at ${eps} eps`, row['p99 ms'], `<= ${limitMs}`, 'ms'),
        goal(`p99.9 at ${eps} eps`, row['p99.9 ms'], '<= 1000', 'ms'),
      )
    }
    const eps = Math.min(1_000, fast)
    let quiet
    for (const [load, disturb] of DISTURBANCES) {
      say(`${eps} events a second for ${seconds} s, ${load}`)
      const row = await openLoop(`${dir}/${load.replaceAll(' ', '-')}`, eps, seconds, disturb)
      rows.push({ load: `${number(eps)} eps, ${load}`, ...row })
      quiet ??= row['p99 ms']
      if (load !== QUIET) goals.push(goal(`p99 ${load} / quiet`, row['p99 ms'] / quiet, '<= 2'))
      if (row.endMs > 0) goals.push(goal(`SIGTERM ${load}`, row.endMs / 1000, '<= 10', 's'))
    }
    for (const row of rows) delete row.endMs
    say(`100 events a second for ${seconds} s, nobody asks`)
    const slow = await costOnly(`${dir}/slow`, 100, seconds)
    say(`an idle engine for ${seconds} s`)
    const idle = await costOnly(`${dir}/slow`, 0, seconds)
    const empty = { 'p50 ms': '', 'p90 ms': '', 'p99 ms': '', 'p99.9 ms': '', 'max ms': '' }
    rows.push({ load: '100 eps, no reader', ...empty, ...slow })
    rows.push({ load: 'idle, no reader', ...empty, ...idle })
    goals.push(
      goal('CPU at 100 eps', slow['CPU %'], '<= 5', '% of a core'),
      goal('CPU when idle', idle['CPU %'], '<= 2', '% of a core'),
    )
    return {
      rows,
      goals,
      notes: [
        `${seconds} s after ${WARM_UP_MS / 1000} s of warm-up; the reader asks every ${POLL_MS} ms: ${COUNT}.`,
        'An event is visible only after its frame was made durable (fdatasync) by the generator.',
        'CPU %: of one core, the engine process alone, without the processes of queries.',
        'Beside: the ratio to the quiet run before counts, as other work on the machine does.',
      ],
    }
  },
}

const QUIET = 'quiet'
/** Takes no memory, so that nothing but its deadline ends it. */
const ENDLESS = 'SELECT sum(hash(range)) AS n FROM range(1000000000000)'
/** Ten gigabytes, if nobody stops it. */
const HUGE = "SELECT length(string_agg(repeat('x', 10000), '')) FROM range(1000000)"

/** What happens beside the reader and the generator; each is measured right after the one before. */
const DISTURBANCES = [
  [QUIET, () => undefined],
  ['beside four endless SELECTs and a huge text', askForEver],
  ['beside a busy neighbour process', startNeighbour],
]

/** Each query is asked again as soon as it has ended; returns what stops that. */
function askForEver(engine) {
  let isOver = false
  const loop = async (sql) => {
    while (!isOver) {
      await engine.query(sql).catch(() => sleep(100)) // its limits, or the end of the engine
    }
  }
  for (const sql of [ENDLESS, ENDLESS, ENDLESS, ENDLESS, HUGE]) void loop(sql)
  return () => {
    isOver = true
  }
}

/** A process that computes all the time, with the priority of any other. */
function startNeighbour() {
  const neighbour = spawn(process.execPath, ['-e', 'for (;;) Math.random()'], { stdio: 'ignore' })
  return () => neighbour.kill('SIGKILL')
}

async function openLoop(data, eps, seconds, disturb) {
  const engine = await startEngine(data)
  let calm = () => undefined
  try {
    const warmUpMs = disturb ? 3 * WARM_UP_MS : WARM_UP_MS
    const gen = generator(data, eps, warmUpMs / 1000 + seconds)
    const reader = readOften(engine)
    await sleep(WARM_UP_MS)
    calm = disturb?.(engine) ?? calm
    await sleep(warmUpMs - WARM_UP_MS)
    const before = cpuSeconds(engine.pid)
    const startMs = performance.now()
    await gen.ended
    const cpu = (cpuSeconds(engine.pid) - before) / ((performance.now() - startMs) / 1000)
    await sleep(3_000)
    const answers = await reader.end()
    const memory = engine.peakBytes()
    const stopMs = performance.now()
    await engine.stop()
    const endMs = performance.now() - stopMs
    const latencies = await latenciesMs(data, answers, warmUpMs)
    const at = (share) => quantile(latencies, share)
    return {
      'p50 ms': at(0.5),
      'p90 ms': at(0.9),
      'p99 ms': at(0.99),
      'p99.9 ms': at(0.999),
      'max ms': at(1),
      'CPU %': cpu * 100,
      'peak MB': mb(memory),
      endMs,
    }
  } finally {
    calm()
    await engine.kill()
  }
}

/** CPU of an engine that takes in `eps` events a second (0: none) and is asked nothing. */
async function costOnly(data, eps, seconds) {
  const engine = await startEngine(data)
  try {
    const gen = eps > 0 ? generator(data, eps, seconds + 20) : undefined
    await sleep(10_000)
    const before = cpuSeconds(engine.pid)
    await sleep(seconds * 1000)
    const cpu = (cpuSeconds(engine.pid) - before) / seconds
    const memory = residentBytes(engine.pid)
    await gen?.stop()
    await engine.stop()
    return { 'CPU %': cpu * 100, 'peak MB': mb(memory) }
  } finally {
    await engine.kill()
  }
}

function generator(data, eps, seconds) {
  return startCcs([
    'gen',
    '--data',
    data,
    '--seed',
    '7',
    '--eps',
    String(eps),
    '--for',
    `${seconds}s`,
  ])
}

/** Asks how many events Gold counts, as often as it may; one query at a time. */
function readOften(engine) {
  const answers = []
  let isOver = false
  const loop = async () => {
    for (let dueMs = performance.now(); !isOver; ) {
      const [row] = await engine.query(COUNT)
      answers.push({ atMs: Date.now(), n: Number(row?.n ?? 0) })
      dueMs = Math.max(dueMs + POLL_MS, performance.now())
      await sleep(dueMs - performance.now())
    }
  }
  const ended = loop()
  return {
    end: async () => {
      isOver = true
      await ended
      return answers
    },
  }
}

/** Latency of each event that Gold counts, ascending, without those due during the warm-up. */
async function latenciesMs(data, answers, warmUpMs) {
  const due = await withDuck((all) =>
    all(`SELECT epoch_ms(event_time) AS ms FROM read_parquet('${data}/lake/silver/events/*/*.parquet')
      WHERE NOT is_bot ORDER BY "offset"`),
  )
  const firstMs = Number(due[0]?.ms)
  const found = []
  let answer = 0
  for (const [index, { ms }] of due.entries()) {
    while (answer < answers.length && answers[answer].n <= index) answer++
    if (answer === answers.length)
      throw new Error(`Gold never counted event ${index + 1} of ${due.length}.`)
    if (Number(ms) >= firstMs + warmUpMs) found.push(answers[answer].atMs - Number(ms))
  }
  return found.sort((a, b) => a - b)
}
