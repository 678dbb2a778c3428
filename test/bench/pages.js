/**
 * What open pages cost the engine: `ccs up` with its shop at 100 events a second, with nobody looking and with
 * 200 streams open, CPU of the one process over the same length of time. The readers are in this process and
 * count what they receive, so that pages that get nothing would not look cheap.
 */
import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { endpointOf } from './engine.js'
import { cpuSeconds, residentBytes, sleep, startCcs } from './measure.js'
import { goal, mb } from './report.js'

const PAGES = 200
const WARM_UP_MS = 20_000

export const pages = {
  name: 'pages',
  title: 'what open live pages cost the engine, over what it costs while nobody looks',
  events: { full: 100, quick: 100 },
  /** `events`: a second. */
  async run({ events: eps, seconds, dir, say }) {
    const data = `${dir}/data`
    const up = startCcs(['up', '--no-dbt', '--data', data, '--eps', String(eps), '--port', '0'])
    try {
      const port = await portOf(data, up)
      const token = (await readFile(`${data}/access-token`, 'utf8')).trim()
      say(`${eps} events a second, nobody looks: ${seconds} s`)
      await sleep(WARM_UP_MS)
      const nobody = await cost(up, [], seconds)
      const rows = [{ ...nobody, 'today every s': '', 'latest every s': '' }]
      for (const count of [1, PAGES]) {
        say(`${count} pages: ${seconds} s`)
        const readers = Array.from({ length: count }, () => openPage(port, token))
        await sleep(WARM_UP_MS / 2)
        const row = await cost(up, readers, seconds)
        rows.push({ ...row, ...(await paces(port)) })
        for (const reader of readers) reader.close()
        await sleep(2_000)
      }
      const [none, one, many] = rows
      const more = many['CPU %'] - none['CPU %']
      return {
        rows,
        goals: [
          goal(`CPU of ${PAGES} pages`, more, '<= 10', '% of a core'),
          goal('messages a page and second', many['messages/s'], '>= 0.9'),
        ],
        notes: [
          `${seconds} s each, one after the other in one life of the engine, so later rows have more history behind them.`,
          `One page costs ${(one['CPU %'] - none['CPU %']).toFixed(1)} % of a core: what is left is the answers, asked once for all.`,
          'CPU %: of one core, the process of ccs up, simulated shoppers included.',
          'today, latest: two figures that want to be asked each second, and how often they are.',
        ],
      }
    } finally {
      await up.stop()
    }
  },
}

async function portOf(data, up) {
  for (;;) {
    if (!up.isAlive()) throw new Error(`ccs up ended: ${up.output().stderr}`)
    const engine = await endpointOf(data)
    if (engine) return engine.port
    await sleep(50)
  }
}

/** How often figures that say `every: 1 second` are asked: dear ones wait, so that pages stay cheap. */
async function paces(port) {
  const response = await fetch(`http://127.0.0.1:${port}/api/usage`)
  const { paceMs } = await response.json()
  return {
    'today every s': paceMs.today / 1000,
    'latest every s': paceMs.latest_events / 1000,
  }
}

async function cost(up, readers, seconds) {
  const before = cpuSeconds(up.pid)
  const heard = readers.map(({ messages }) => messages())
  const bytes = readers.map((reader) => reader.bytes())
  await sleep(seconds * 1000)
  const cpu = (cpuSeconds(up.pid) - before) / seconds
  const count = readers.length
  const messages = readers.reduce((sum, one, i) => sum + one.messages() - heard[i], 0)
  const sent = readers.reduce((sum, one, i) => sum + one.bytes() - bytes[i], 0)
  return {
    pages: count,
    'CPU %': cpu * 100,
    'messages/s': count === 0 ? '' : messages / count / seconds,
    'KB/s': count === 0 ? '' : sent / count / seconds / 1024,
    'resident MB': mb(residentBytes(up.pid)),
  }
}

/** A stream whose messages are counted by their ends and not parsed: readers must not be the bottleneck. */
function openPage(port, token) {
  // With the token, so that each page gets everything.
  const headers = { authorization: `Bearer ${token}` }
  let messages = 0
  let bytes = 0
  const request = get(
    { host: '127.0.0.1', port, path: '/api/stream', agent: false, headers },
    (response) => {
      response.on('data', (part) => {
        bytes += part.length
        for (let at = part.indexOf('\n\n'); at >= 0; at = part.indexOf('\n\n', at + 2)) messages++
      })
      response.on('error', () => {})
    },
  )
  request.on('error', () => {})
  return { messages: () => messages, bytes: () => bytes, close: () => request.destroy() }
}
