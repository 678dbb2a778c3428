/** The generator: how exactly it keeps a rate, measured by the log it wrote, and how fast it can be. */
import { generateHistory } from './batch.js'
import { frames } from './export.js'
import { ccs, median, quantile } from './measure.js'
import { goal, mb, number } from './report.js'

const RATES = [100, 1_000, 10_000, 100_000]

export const gen = {
  name: 'gen',
  title: 'the generator: its rate over time, and its capacity',
  events: { full: 1_000_000, quick: 200_000 },
  /** `events`: of the capacity run. */
  async run({ events, seconds, pairs, dir, say }) {
    const rows = []
    const goals = []
    for (const eps of RATES) {
      say(`${eps} events a second for ${seconds} s`)
      const data = `${dir}/at-${eps}`
      const args = ['--data', data, '--seed', '7', '--eps', String(eps), '--for', `${seconds}s`]
      const ran = await ccs(['gen', '--json', ...args])
      const { records, latenessMs, eps: rate } = await paceOf(data)
      const error = (Math.abs(rate - eps) / eps) * 100
      rows.push({
        run: `${number(eps)} eps`,
        records,
        'events per s': rate,
        'error %': error,
        'p50 late ms': quantile(latenessMs, 0.5),
        'p99 late ms': quantile(latenessMs, 0.99),
        kept: JSON.parse(ran.stdout).live.kept,
        'CPU s': ran.cpuSeconds,
      })
      goals.push(goal(`rate error at ${eps} eps`, error, '<= 0.1', '%'))
    }
    const runs = []
    let bytes = 0
    for (let i = 0; i < pairs; i++) {
      say(`${number(events)} events as fast as it can`)
      runs.push(await generateHistory(`${dir}/fast`, events))
      bytes = 0
      for await (const { body } of frames(`${dir}/fast`, 'events.raw')) bytes += body.length
    }
    const cpu = median(runs.map((one) => one.cpuSeconds))
    const wall = median(runs.map((one) => one.wallSeconds))
    rows.push({
      run: 'as fast as it can',
      records: events,
      'events per s': events / wall,
      'error %': '',
      'p50 late ms': '',
      'p99 late ms': '',
      kept: '',
      'CPU s': cpu,
    })
    return {
      rows,
      goals,
      notes: [
        'Rate: records appended after the first frame over the time from the first frame to the last.',
        'Late: from when the oldest record of a frame was due to when the frame was appended.',
        `As fast as it can: ${number(events / cpu)} events a CPU-second, start included; the log grew by ${mb(bytes / wall)} MB/s, each group fdatasynced.`,
      ],
    }
  },
}

async function paceOf(data) {
  let records = 0
  let firstCount = 0
  let firstMs
  let lastMs = 0
  const latenessMs = []
  for await (const { count, appendMs, firstEvent } of frames(data, 'events.raw')) {
    if (firstMs === undefined) {
      firstMs = appendMs
      firstCount = count
    }
    records += count
    lastMs = appendMs
    latenessMs.push(appendMs - firstEvent().event_ts)
  }
  const eps = ((records - firstCount) * 1000) / (lastMs - firstMs)
  return { records, eps, latenessMs: latenessMs.sort((a, b) => a - b) }
}
