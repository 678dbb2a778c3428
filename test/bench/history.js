/**
 * Does history matter? One engine runs throughout; the log grows in steps of half a million events, five
 * million a day, so that the two days of the dedupe horizon hold ten million ids. CPU an event and memory
 * are read after each step, its commit included.
 */
import { startEngine } from './engine.js'
import { ccs, cpuSeconds, median, residentBytes, sleep } from './measure.js'
import { goal, mb, number } from './report.js'

const STEP = 500_000
const STEP_MS = 8_640_000
const FROM_MS = Date.UTC(2026, 0, 1)
const DAY_STEPS = 10

export const history = {
  name: 'history',
  title: 'CPU an event and memory as history grows',
  events: { full: 50_000_000, quick: 2_000_000 },
  async run({ events, dir, say }) {
    const data = `${dir}/data`
    const step = Math.min(STEP, Math.ceil(events / 4))
    const steps = Math.ceil(events / step)
    const engine = await startEngine(data)
    const found = []
    try {
      for (let i = 0; i < steps; i++) {
        const from = new Date(FROM_MS + i * STEP_MS).toISOString()
        const to = new Date(FROM_MS + (i + 1) * STEP_MS).toISOString()
        const before = cpuSeconds(engine.pid)
        const range = ['--from', from, '--to', to, '--count', String(step)]
        await ccs(['gen', '--data', data, '--seed', '7', '--duplicates', '1%', ...range])
        await takenIn(engine, (i + 1) * step)
        await engine.commit()
        found.push({
          events: (i + 1) * step,
          cpu: cpuSeconds(engine.pid) - before,
          resident: residentBytes(engine.pid),
          peak: engine.peakBytes(),
        })
        const last = found.at(-1)
        say(
          `${number(last.events)}: ${number((last.cpu / step) * 1e6)} µs an event, ${mb(last.resident)} MB`,
        )
      }
      await engine.stop()
    } finally {
      await engine.kill()
    }
    // The first step also starts the process and compiles its code.
    const cost = (part) => (median(part.map((one) => one.cpu)) / step) * 1e6
    const early = cost(found.slice(1, 3))
    const late = cost(found.slice(-5))
    // A median says nothing of what happens once a day, such as compaction.
    const mean = (part) => (part.reduce((sum, one) => sum + one.cpu, 0) / part.length / step) * 1e6
    const firstDay = mean(found.slice(1, 1 + DAY_STEPS))
    const lastDay = mean(found.slice(-DAY_STEPS))
    return {
      rows: thinned(found).map((one) => ({
        events: one.events,
        'CPU s of the step': one.cpu,
        'µs an event': (one.cpu / step) * 1e6,
        'RSS MB': mb(one.resident),
        'peak RSS MB': mb(one.peak),
      })),
      steps: found,
      goals: [
        goal(`CPU an event at ${number(events)} / at ${number(2 * step)}`, late / early, '<= 1.2'),
        goal('the same, mean of the last day / of the first', lastDay / firstDay, '<= 1.2'),
        goal('peak memory of the engine', found.at(-1).peak / 1024 / 1024, '<= 700', 'MB'),
      ],
      notes: [
        `Steps of ${number(step)} events; medians of steps 2 and 3 and of the last 5: ${number(early)} and ${number(late)} µs an event.`,
        `Means of whole days (${DAY_STEPS} steps, compaction included), the first without the first step, and the last: ${number(firstDay)} and ${number(lastDay)} µs an event.`,
        `Ids in the dedupe horizon at the end: ${number(Math.min(events, 20 * step))}.`,
      ],
    }
  },
}

/** Waits until the engine has taken in so many records. */
export async function takenIn(engine, records) {
  while ((await engine.status()).counts.records < records) {
    if (!engine.isAlive()) throw new Error(engine.output().stderr)
    await sleep(200)
  }
}

/** About twenty of them, the first and the last among them. */
function thinned(found) {
  const every = Math.ceil(found.length / 20)
  return found.filter((_, i) => i % every === 0 || i === found.length - 1)
}
