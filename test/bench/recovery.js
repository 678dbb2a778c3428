/**
 * kill -9 with a long history behind: how long after its restart an engine answers with a row that did not
 * exist when it was started. Events keep coming at 1,000 a second throughout.
 */
import { generateHistory } from './batch.js'
import { startEngine } from './engine.js'
import { ccs, median, sleep, startCcs } from './measure.js'
import { EVENTS_WRONG, goal, mb, number } from './report.js'

export const recovery = {
  name: 'recovery',
  title: 'from the restart after kill -9 to the first fresh row in Gold',
  events: { full: 10_000_000, quick: 500_000 },
  async run({ events, pairs, dir, say }) {
    const data = `${dir}/data`
    const empty = await coldStart(`${dir}/empty`)
    say(`a history of ${number(events)} events`)
    await generateHistory(data, events)
    await ccs(['run', '--once', '--data', data])
    const rows = [{ start: 'cold, no history', ...empty }]
    const times = []
    const live = generator(data)
    let engine = await startEngine(data)
    try {
      await freshRow(engine, Date.now())
      for (let i = 0; i < Math.max(3, pairs); i++) {
        await sleep(8_000 + i * 5_000)
        await engine.kill()
        say(`killed, ${i + 1}`)
        const found = await restart(data)
        engine = found.engine
        times.push(found.seconds)
        rows.push({ start: `after kill -9, ${i + 1}`, ...found.row })
      }
      await live.stop()
      await engine.stop()
    } finally {
      await live.kill()
      await engine.kill()
    }
    say('auditing: nothing lost, nothing doubled')
    const wrong = await lostOrDoubled(data)
    return {
      rows,
      goals: [
        goal(`first fresh row, worst of ${times.length}`, Math.max(...times), '<= 5', 's'),
        goal(EVENTS_WRONG, wrong, '<= 0'),
      ],
      notes: [
        `Median ${number(median(times))} s with ${number(events)} events of history, 1,000 eps throughout.`,
      ],
    }
  },
}

async function coldStart(data) {
  const live = generator(data)
  const { engine, row } = await restart(data)
  await live.stop()
  await engine.stop()
  return row
}

async function restart(data) {
  const startMs = Date.now()
  const engine = await startEngine(data)
  const answersSeconds = (Date.now() - startMs) / 1000
  await freshRow(engine, startMs)
  const seconds = (Date.now() - startMs) / 1000
  const row = {
    'answers s': answersSeconds,
    'fresh row s': seconds,
    'peak MB': mb(engine.peakBytes()),
  }
  return { engine, seconds, row }
}

/** Waits until Gold counts an event that happened after `sinceMs`. */
async function freshRow(engine, sinceMs) {
  const minuteMs = Math.floor(sinceMs / 60_000) * 60_000
  const sql = `SELECT
    (SELECT count(*) FROM silver.people WHERE event_time >= make_timestamp_ms(${sinceMs})) AS fresh,
    (SELECT coalesce(sum(events), 0) FROM gold.activity_1m
      WHERE window_start >= make_timestamp_ms(${minuteMs})) AS counted`
  for (;;) {
    const [row] = await engine.query(sql)
    if (Number(row.fresh) > 0 && Number(row.counted) >= Number(row.fresh)) return
    if (!engine.isAlive()) throw new Error(engine.output().stderr)
    await sleep(20)
  }
}

function generator(data) {
  return startCcs(['gen', '--data', data, '--seed', '7', '--eps', '1000'])
}

/** Records that the log holds and Bronze or the rejects do not, and event ids that Silver holds twice. */
async function lostOrDoubled(data) {
  const status = JSON.parse((await ccs(['status', '--json', '--data', data])).stdout)
  const sql = `SELECT (SELECT count(*) FROM bronze.events) AS bronze,
    (SELECT count(DISTINCT "offset") FROM bronze.events) AS offsets,
    (SELECT count(*) FROM silver.events) AS silver,
    (SELECT count(DISTINCT event_id) FROM bronze.events) AS ids`
  const [row] = JSON.parse((await ccs(['query', sql, '--json', '--data', data])).stdout).rows
  const { records, dlq } = status.counts
  const lost = Math.abs(records - dlq - row.bronze) + Math.abs(row.ids - row.silver)
  return lost + (row.bronze - row.offsets)
}
