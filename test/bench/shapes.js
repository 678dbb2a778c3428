/**
 * Does memory follow the batch, or the shape of the data? Files of different shapes are imported and
 * taken in, each in a data directory of its own: many days with few rows, one visitor with all
 * events, as many visitors as events, one product in all lines, no order of time, one wrong clock.
 */

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { ccs } from './measure.js'
import { EVENTS_WRONG, goal, mb, number } from './report.js'

const DAY_MS = 86_400_000
const FROM_MS = Date.UTC(2026, 0, 1)

const MAPPING = `event:
  event_id: { hash: [id] }
  event_type: type
  event_ts: ts
  anonymous_id: user
  order_id: order
  page: { constant: / }
  device: { constant: desktop }
  source: { constant: import }
  currency: { constant: EUR }
  items: { sku: sku, unit_price_minor: { from: price, money: decimal }, quantity: { constant: 1 } }
`

const iso = (ms) => new Date(ms).toISOString()

/** A row of the file; `n` counts from 0. */
const view = (n, ms, user) => `${n},page_view,${iso(ms)},${user},,,`
const sale = (n, ms, user, sku) => `${n},purchase,${iso(ms)},${user},o${n},${sku},10.00`

/** Spreads `count` events over 30 days. */
const spread = (n, count) => FROM_MS + Math.floor((n * 30 * DAY_MS) / count)

/** One order a day, of as many days before FROM_MS; the contract allows none before 2001-09-09. */
const days = (count) => ({
  name: `${number(count)} days, an order each`,
  count,
  row: (n) => sale(n, FROM_MS - (count - n) * DAY_MS, `v${n % 50}`, `s${n % 100}`),
})

/** A step that visits each number below `count` once, in no order. */
const shuffled = (n, count) => Number((BigInt(n) * 2_654_435_761n) % BigInt(count))

function listShapes(events) {
  const many = (name, row) => ({ name, count: events, row })
  return [
    days(300),
    days(3_000),
    ...(events >= 1_000_000 ? [days(8_800)] : []),
    many('one visitor with all events', (n) => view(n, spread(n, events), 'v')),
    many('a visitor an event', (n) => view(n, spread(n, events), `v${n}`)),
    many('one product in all lines', (n) => sale(n, spread(n, events), `v${n % 50_000}`, 's')),
    many('no order of time', (n) => view(n, spread(shuffled(n, events), events), `v${n % 5_000}`)),
    many('one clock months ahead', (n) =>
      n === 4
        ? view(n, FROM_MS + 200 * DAY_MS, 'clock')
        : view(n, spread(n, events), `v${n % 5_000}`),
    ),
  ]
}

export const shapes = {
  name: 'shapes',
  title: 'peak memory and CPU by the shape of the data',
  events: { full: 1_000_000, quick: 100_000 },
  async run({ events, dir, say }) {
    const mapping = `${dir}/shapes.yml`
    await writeFile(mapping, MAPPING)
    const rows = []
    let wrong = 0
    for (const shape of listShapes(events)) {
      say(shape.name)
      const file = `${dir}/shape.csv`
      await writeRows(file, shape)
      const data = `${dir}/data`
      await rm(data, { recursive: true, force: true })
      const imported = await ccs(['import', file, '--mapping', mapping, '--data', data])
      const run = await ccs(['run', '--once', '--json', '--data', data])
      const { counts } = JSON.parse(run.stdout)
      wrong += Math.abs(shape.count - counts.bronze) + counts.duplicates
      rows.push({
        shape: shape.name,
        events: shape.count,
        'import MB': mb(imported.peakBytes),
        'import CPU s': imported.cpuSeconds,
        'run MB': mb(run.peakBytes),
        'run CPU s': run.cpuSeconds,
        late: counts.late,
      })
      const last = rows.at(-1)
      say(`${last['run MB']} MB, ${number(run.cpuSeconds)} CPU s`)
    }
    const peaks = rows.flatMap((one) => [Number(one['import MB']), Number(one['run MB'])])
    return {
      rows,
      goals: [
        goal('peak memory of the worst shape', Math.max(...peaks), '<= 700', 'MB'),
        goal(EVENTS_WRONG, wrong, '<= 0'),
      ],
      notes: [
        'Each shape is one file: `ccs import`, then `ccs run --once`, with the default memory.',
      ],
    }
  },
}

async function writeRows(file, { count, row }) {
  const stream = createWriteStream(file)
  stream.write('id,type,ts,user,order,sku,price\n')
  let lines = []
  for (let n = 0; n < count; n++) {
    lines.push(row(n))
    if (lines.length < 10_000) continue
    if (!stream.write(`${lines.join('\n')}\n`)) await once(stream, 'drain')
    lines = []
  }
  stream.end(lines.length > 0 ? `${lines.join('\n')}\n` : '')
  await once(stream, 'close')
}
