/**
 * Sends events to a collector, open loop: each request is due at a fixed time, whatever became of
 * those before, and its latency begins when it is due. A process of its own; prints one JSON line.
 * Arguments: one JSON document { port, path, rate, seconds, events, connections }.
 */
import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { performance } from 'node:perf_hooks'

const { port, path, rate, seconds, events, connections } = JSON.parse(process.argv[2])
const RUN = randomBytes(6).toString('hex')
const WARM_UP_MS = 2_000

let made = 0
function makeEvent(nowMs) {
  const id = (made++).toString(16).padStart(12, '0')
  const who = made % 5_000
  const base = `{"event_id":"${RUN.slice(0, 8)}-${RUN.slice(8)}-4000-8000-${id}","event_ts":${nowMs},"anonymous_id":"bench-${who}","source":"app","device":"mobile","user_agent":"Shop/1.0 (iPhone)","page_url":"https://shop.example/p/${who % 200}","page":"/p/${who % 200}"`
  return made % 3 === 0
    ? `${base},"event_type":"view_item","items":[{"sku":"sku-${who % 200}","name":"A thing to have","category":"Things","unit_price_minor":1999,"quantity":1}]}`
    : `${base},"event_type":"page_view","page_title":"A thing to have"}`
}

function makeRequest() {
  const nowMs = Date.now()
  const list = Array.from({ length: events }, () => makeEvent(nowMs))
  const body = events === 1 ? list[0] : `[${list.join(',')}]`
  return `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

const latencies = []
let acknowledged = 0
let refused = 0
let isMeasured = false
const free = []
const waiting = []

function connect() {
  const socket = net.connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  let text = ''
  const one = { socket, dueMs: 0, isCounted: false, isWaiting: false }
  socket.on('data', (data) => {
    text += data.toString('latin1')
    const head = text.indexOf('\r\n\r\n')
    if (head < 0) return
    const length = Number(/content-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0)
    if (text.length < head + 4 + length) return
    const status = text.slice(9, 12)
    if (status === '202') acknowledged++
    else refused++
    if (one.isCounted) latencies.push(performance.now() - one.dueMs)
    text = ''
    one.isWaiting = false
    const next = waiting.shift()
    if (next === undefined) free.push(one)
    else send(one, next)
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    if (one.isWaiting) refused++
    const at = free.indexOf(one)
    if (at >= 0) free.splice(at, 1)
    connect()
  })
  return new Promise((resolve) => socket.once('connect', () => resolve(free.push(one))))
}

function send(one, dueMs) {
  one.dueMs = dueMs
  one.isCounted = isMeasured
  one.isWaiting = true
  one.socket.write(makeRequest())
}

await Promise.all(Array.from({ length: connections }, connect))
const startMs = performance.now()
const total = Math.round((rate * (WARM_UP_MS + seconds * 1000)) / 1000)
let sent = 0
let cpu
await new Promise((resolve) => {
  const tick = () => {
    const nowMs = performance.now()
    const due = Math.min(total, Math.floor(((nowMs - startMs) / 1000) * rate) + 1)
    if (!isMeasured && nowMs - startMs >= WARM_UP_MS) {
      isMeasured = true
      cpu = process.cpuUsage()
    }
    for (; sent < due; sent++) {
      const dueMs = startMs + (sent / rate) * 1000
      const one = free.pop()
      if (one === undefined) waiting.push(dueMs)
      else send(one, dueMs)
    }
    if (sent < total) setTimeout(tick, 1)
    else resolve()
  }
  tick()
})
const sentMs = performance.now()
// All are answered, so that what was written is what was acknowledged.
for (let i = 0; i < 12_000 && free.length < connections; i++)
  await new Promise((resolve) => setTimeout(resolve, 10))
const doneMs = performance.now()
latencies.sort((a, b) => a - b)
const at = (share) =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]
const { user, system } = process.cpuUsage(cpu)
console.log(
  JSON.stringify({
    acknowledged,
    refused,
    perSecond: latencies.length / ((doneMs - startMs - WARM_UP_MS) / 1000),
    behindMs: doneMs - sentMs,
    ...{ p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) },
    cpuSeconds: (user + system) / 1e6,
  }),
)
process.exit(0)
