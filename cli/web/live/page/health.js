/** The pipeline itself as one line: quiet while all is well, loud with the reason when something is wrong. */
import { make } from './elements.js'
import { count, dayAndTime, duration, hourMinute } from './format.js'

/** @typedef {import('./stream.js').Health} Health */

const REJECTS_WATCHED_MS = 60_000
const REJECTED_SHARE_MAX = 0.05
const RECORDS_MIN = 100
const PATIENCE_MS = 15_000
const LAG_SECONDS_MAX = 10

/** @type {{ atMs: number, records: number, dlq: number, lag: number }[]} rejects are judged by what comes now */
const recent = []

/**
 * What is wrong, in words; empty when nothing is.
 * @param {Health} health
 * @returns {string[]}
 */
export function troubles(health) {
  const found = []
  if (!health.running)
    found.push('No engine runs on this data: these are the last committed numbers.')
  if (health.stalled) found.push(health.stalled)
  if (isBehind(health) && !isCatchingUp())
    found.push(`The engine is behind by ${count(health.lagEvents)} events.`)
  const share = rejectedShare()
  if (share > REJECTED_SHARE_MAX)
    found.push(`${Math.round(share * 100)}% of the last minute’s events broke the contract.`)
  if (health.marts && !health.marts.ok)
    found.push(`The last build of the daily marts failed: ${health.marts.message}`)
  return found
}

/** @param {Health} health */
function isBehind({ lagEvents, eventsPerSecond }) {
  return lagEvents > LAG_SECONDS_MAX * Math.max(eventsPerSecond ?? 0, 100)
}

/** After an import or a pause a long queue is as it should be, as long as it gets shorter. */
function isCatchingUp() {
  const first = recent[0]
  const last = recent.at(-1)
  return !first || !last || last.atMs - first.atMs < PATIENCE_MS || last.lag < first.lag
}

/** Of the records of the last minute, those that broke the contract; 0 while there are too few to say. */
function rejectedShare() {
  const first = recent[0]
  const last = recent.at(-1)
  if (!first || !last || last.records - first.records < RECORDS_MIN) return 0
  return (last.dlq - first.dlq) / (last.records - first.records)
}

/**
 * @param {HTMLElement} place
 * @param {Health} health
 */
export function drawHealth(place, health) {
  const nowMs = Date.now()
  while (recent[0] && recent[0].atMs < nowMs - REJECTS_WATCHED_MS) recent.shift()
  recent.push({ atMs: nowMs, records: health.records, dlq: health.dlq, lag: health.lagEvents })
  const wrong = troubles(health)
  place.classList.toggle('loud', wrong.length > 0)
  const button = place.querySelector('button') ?? make('button')
  button.setAttribute('type', 'button')
  button.dataset.opens = 'health'
  const facts = [
    [`${count(health.eventsPerSecond)}`, 'events a second'],
    [duration(health.freshnessMs), 'fresh'],
    [count(health.lagEvents), 'lag'],
    [count(health.late), 'late'],
    [count(health.duplicates), 'duplicates'],
    [count(health.dlq), 'rejected'],
    ...(health.marts?.builtAt ? [[hourMinute(health.marts.builtAt), 'marts built']] : []),
  ]
  button.replaceChildren(
    make('strong', wrong.length > 0 ? wrong.join(' ') : quietText(health)),
    ...facts.map(([value = '', name = '']) => make('span.fact', make('b', value), ` ${name}`)),
  )
  if (!button.isConnected) place.append(button)
}

/** @param {Health} health */
function quietText(health) {
  if (isBehind(health)) return `Catching up, ${count(health.lagEvents)} events to go`
  return 'Pipeline well'
}

/**
 * The same in full, for the dialog.
 * @param {Health} health
 * @returns {[name: string, value: string][]}
 */
export function healthFacts(health) {
  const reasons = Object.entries(health.dlqByReason)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, number]) => `${reason} ${count(number)}`)
  return [
    ['Events a second', `${count(health.eventsPerSecond)}, over the last 10 s`],
    [
      'Freshness',
      `${duration(health.freshnessMs)} since the newest event that these numbers count`,
    ],
    ['Lag', `${count(health.lagEvents)} events in the log, not yet counted`],
    ['Records taken in', count(health.records)],
    ['Too late for the stream', `${count(health.late)}, kept and left to the daily marts`],
    ['Duplicates left out', count(health.duplicates)],
    ['Rejected', [count(health.dlq), ...reasons].join(' · ')],
    ['Watermark', health.watermark ? dayAndTime(health.watermark) : 'none yet'],
    [
      'Last commit',
      health.commit
        ? `${dayAndTime(health.commit.at)}, number ${health.commit.serial}`
        : 'none yet',
    ],
    ['Marts', martsText(health.marts)],
  ]
}

/** @param {Health['marts']} marts */
function martsText(marts) {
  if (!marts) return 'none yet'
  const built = marts.builtAt ? `built ${dayAndTime(marts.builtAt)}` : 'none yet'
  return marts.ok ? built : `${built}; the last build failed: ${marts.message}`
}
