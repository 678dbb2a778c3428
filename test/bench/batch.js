/**
 * End to end against the floor: `ccs run --once` over a log that is written already, and one plain DuckDB
 * batch over the same events as NDJSON, writing the same tables by the same models.
 */
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { batchTables, differences } from './compare.js'
import { exportEvents } from './export.js'
import { abba, ccs, measure, median, ratio } from './measure.js'
import { copyProject, ROOT, sameLog } from './project.js'
import { goal, mb, number, ROWS_DIFFER } from './report.js'

const TIMEZONE = 'Europe/Berlin' // as in ccs.yml
/** What the prototype of the engine wrote. */
const SMALL = [
  'bronze.events',
  'silver.events',
  'silver.people',
  'gold.activity_1m',
  'gold.revenue_daily',
  'gold.sessions',
]

export const batch = {
  name: 'batch',
  title: 'log to Bronze, Silver and Gold, against one plain DuckDB batch over NDJSON',
  events: { full: 5_000_000, quick: 500_000 },
  async run({ events, pairs, dir, threads, memory, say }) {
    const log = `${dir}/log`
    const file = `${dir}/events.json`
    const out = `${dir}/duckdb`
    const data = `${dir}/data`
    say(`writing a log of ${number(events)} events`)
    await generateHistory(log, events)
    const small = `${dir}/small`
    await copyProject(small, SMALL)
    const once = async (project) => {
      say(`ccs run --once, ${project === ROOT ? 'all models' : 'the smaller set'}`)
      await sameLog(log, data)
      return ccs(['run', '--once', '--data', data, '--project', project])
    }
    const floor = () => {
      say('DuckDB batch')
      const options = { file, out, project: ROOT, threads, memory, timezone: TIMEZONE }
      const script = fileURLToPath(import.meta.resolve('./duckdb-batch.js'))
      return measure(process.execPath, [script, JSON.stringify(options)])
    }
    say('warming up: one run, which also tells the rejects')
    await once(ROOT)
    const admitted = await exportEvents({ data, file })

    const found = await abba(pairs, () => once(ROOT), floor)
    const tables = await batchTables(out)
    const wrong = await differences(tables, data, ROOT)
    const smallRuns = []
    for (let i = 0; i < pairs; i++) {
      smallRuns.push(await once(small))
    }
    const smallTables = tables.filter(({ name }) => SMALL.includes(name))
    wrong.push(...(await differences(smallTables, data, small)))
    await rm(file, { force: true })

    const cpu = ratio(found, (one) => one.cpuSeconds)
    const smallCpu = median(smallRuns.map((one) => one.cpuSeconds))
    return {
      rows: [
        row(
          'ccs run --once',
          found.map(({ a }) => a),
          events,
        ),
        row(
          'DuckDB batch',
          found.map(({ b }) => b),
          events,
        ),
        row('ccs, smaller set', smallRuns, events),
      ],
      goals: [
        goal('CPU of ccs / CPU of the batch', cpu.median, '<= 1'),
        goal('events per CPU-second, smaller set', events / smallCpu, '>= 100000'),
        goal(ROWS_DIFFER, wrong.length, '<= 0'),
      ],
      notes: [
        `CPU ratio ${number(cpu.median)} (${number(cpu.min)} to ${number(cpu.max)}), ${pairs} pairs, ABBA.`,
        `${number(admitted)} admitted of ${number(events)}: 1 % duplicates, 0.1 % broken, none late, so no row is too late for Gold.`,
        `The batch: ${threads} thread(s), memory_limit ${memory}; it is given late_ms and the rejects are taken out for it.`,
        `${tables.length} tables compared, all columns: ${wrong.length === 0 ? 'all rows equal' : wrong.join('; ')}.`,
      ],
    }
  },
}

/** A log of one week of the shop, with duplicates and broken records, seeded: always the same events. */
export async function generateHistory(data, events, more = []) {
  await rm(data, { recursive: true, force: true })
  const range = ['--from', '2026-01-01', '--to', '2026-01-08', '--count', String(events)]
  const faults = ['--duplicates', '1%', '--invalid', '0.1%']
  return ccs(['gen', '--data', data, '--seed', '7', ...range, ...faults, ...more])
}

function row(side, runs, events) {
  const cpu = median(runs.map((one) => one.cpuSeconds))
  const wall = median(runs.map((one) => one.wallSeconds))
  return {
    side,
    'CPU s': cpu,
    'wall s': wall,
    'events per CPU-s': events / cpu,
    'events per s': events / wall,
    'peak MB': mb(Math.max(...runs.map((one) => one.peakBytes))),
  }
}
