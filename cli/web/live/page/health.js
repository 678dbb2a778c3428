/** The pipeline's status as one line: quiet while all is well, loud with the reason if not. */
import { make } from './elements.js'
import { count, dateOf, dayAndTime, duration, hourMinute, timeOfDay } from './format.js'

/** @typedef {import('./stream.js').Health} Health */

const REJECTS_WATCHED_MS = 60_000
const REJECTED_SHARE_MAX = 0.05
const RECORDS_MIN = 100
const PATIENCE_MS = 15_000
const LAG_SECONDS_MAX = 10
const DAY_MS = 86_400_000

/**
 * Of the last minute.
 * @type {{ atMs: number, records: number, dlq: number, setAside: number, lag: number }[]}
 */
const recent = []

/**
 * What is wrong, in sentences; empty if nothing is.
 * @param {Health} health
 * @returns {string[]}
 */
export function troubles(health) {
  const found = []
  if (!health.running && !health.job)
    found.push('No engine is running: these are the last committed numbers.')
  if (health.stalled) found.push(health.stalled)
  if (isBehind(health) && !isCatchingUp())
    found.push(
      `${health.job ? 'The job' : 'The engine'} is behind: ${count(health.lagEvents)} events are queued.`,
    )
  const share = rejectedShare()
  if (share > REJECTED_SHARE_MAX)
    found.push(`${Math.round(share * 100)}% of the last minute’s events were rejected.`)
  const aside = (health.setAside ?? 0) - (recent[0]?.setAside ?? health.setAside ?? 0)
  if (aside > 0)
    found.push(`A model failed on ${count(aside)} of the last minute’s events: ccs dlq ls`)
  if (health.disk) found.push(health.disk.text)
  if (health.marts && !health.marts.ok)
    found.push(`The last build of the daily marts failed: ${health.marts.message}`)
  return found
}

/** @param {Health} health */
function isBehind({ lagEvents, eventsPerSecond }) {
  return (lagEvents ?? 0) > LAG_SECONDS_MAX * Math.max(eventsPerSecond ?? 0, 100)
}

/** After an import or a pause a long queue is normal, as long as it gets shorter. */
function isCatchingUp() {
  const first = recent[0]
  const last = recent.at(-1)
  return !first || !last || last.atMs - first.atMs < PATIENCE_MS || last.lag < first.lag
}

/** Share of the last minute's records that were rejected; 0 if there are too few to judge. */
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
  const { records, dlq, setAside, lagEvents: lag } = health
  recent.push({
    atMs: nowMs,
    records: records ?? 0,
    dlq: dlq ?? 0,
    setAside: setAside ?? 0,
    lag: lag ?? 0,
  })
  const wrong = troubles(health)
  place.classList.toggle('loud', wrong.length > 0)
  place.classList.toggle('of-job', health.job !== null)
  const button = place.querySelector('button') ?? make('button')
  button.setAttribute('type', 'button')
  button.dataset.opens = 'health'
  const { marts } = health
  const facts = health.job ? jobFacts(health) : engineFacts(health)
  if (marts?.builtAt) facts.push(makeFact('marts built at ', hourMinute(marts.builtAt)))
  const text = wrong.length > 0 ? wrong.join(' ') : quietText(health)
  button.replaceChildren(make('strong', text), ...facts)
  if (!button.isConnected) place.append(button)
}

/**
 * Without an engine there is no rate, and nothing is counted.
 * @param {Health} health
 */
function engineFacts({ running, eventsPerSecond, freshnessMs }) {
  if (!running) return []
  const rate = makeFact('', count(eventsPerSecond), ' events per second')
  return freshnessMs === null ? [rate] : [rate, makeFact('updated ', duration(freshnessMs), ' ago')]
}

/**
 * What the numbers of a cluster's topics are from, also while its job does not run.
 * @param {Health} health
 */
function jobFacts({ job, lagEvents, dlq, late }) {
  const facts = [makeFact('as of ', asOfText(job), ''), makeFact('topics at ', job?.from ?? '')]
  if (lagEvents !== null) facts.push(makeFact('', count(lagEvents), ' events queued'))
  if (dlq !== null) facts.push(makeFact('', count(dlq), ' rejected'))
  if (late !== null) facts.push(makeFact('', count(late), ' dropped by windows'))
  return facts
}

/**
 * The time of the newest record that the numbers are from.
 * @param {Health['job']} job
 */
export function asOfText(job) {
  const newest = dateOf(job?.newestAt)
  if (!newest) return 'no record yet'
  const isOld = Date.now() - newest.getTime() > DAY_MS
  return isOld ? dayAndTime(newest) : timeOfDay(newest)
}

/**
 * Without a connection nobody knows the state: no number of the last message stays.
 * @param {HTMLElement} place
 * @param {string} text
 */
export function drawUnknownHealth(place, text) {
  const button = place.querySelector('button')
  if (!button || (button.childElementCount === 1 && button.textContent === text)) return
  place.classList.remove('loud')
  button.replaceChildren(make('strong', text))
}

/**
 * @param {string} before
 * @param {string} value
 * @param {string} [after]
 */
function makeFact(before, value, after = '') {
  return make('span.fact', before, make('b', value), after)
}

/** @param {Health} health */
function quietText(health) {
  if (isBehind(health)) return `Catching up, ${count(health.lagEvents)} events to go`
  return health.job ? 'Job running' : 'Pipeline healthy'
}

/**
 * All facts for the dialog.
 * @param {Health} health
 * @returns {[name: string, value: string][]}
 */
export function healthFacts(health) {
  const { job } = health
  const reasons = Object.entries(health.dlqByReason)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, number]) => `${reason} ${count(number)}`)
  const rejected = makePair(
    'Rejected',
    [`${count(health.dlq)} since the log began`, ...reasons].join(' · '),
  )
  if (job)
    return [
      makePair('Numbers as of', `${dayAndTime(job.newestAt)}, the newest record of the topics`),
      makePair('Topics', `at ${job.from}, last read to their end ${dayAndTime(job.readAt)}`),
      ...job.facts.map(([label, text]) => makePair(label, text)),
      rejected,
      makePair('Duplicates', 'not counted by the job; those of today are under “Left out today”'),
      makePair('Marts', health.marts ? martsText(health.marts) : 'none are built of this target'),
    ]
  return [
    ['Events per second', `${count(health.eventsPerSecond)}, average of the last 10 s`],
    ['Freshness', `the newest counted event is ${duration(health.freshnessMs)} old`],
    ['Queued', `${count(health.lagEvents)} events in the log, not yet counted`],
    ['Records ingested', count(health.records)],
    [
      'Late',
      `${count(health.late)} since the log began, most of them in time for the live numbers`,
    ],
    ['Duplicates', `${count(health.duplicates)} since the log began, repeated orders among them`],
    rejected,
    ['Set aside', `${count(health.setAside)}, as a model failed on them; part of the rejected`],
    ['Watermark', health.watermark ? dayAndTime(health.watermark) : 'none yet'],
    [
      'Last commit',
      health.commit
        ? `${dayAndTime(health.commit.at)}, number ${health.commit.serial}`
        : 'none yet',
    ],
    ['Marts', martsText(health.marts)],
    ...(health.disk ? [makePair('Disk', health.disk.hint)] : []),
  ]
}

/**
 * @param {string} name
 * @param {string} value
 * @returns {[name: string, value: string]}
 */
function makePair(name, value) {
  return [name, value]
}

/** @param {Health['marts']} marts */
function martsText(marts) {
  if (!marts) return 'none yet'
  const built = marts.builtAt ? `built ${dayAndTime(marts.builtAt)}` : 'none yet'
  return marts.ok ? built : `${built}; the last build failed: ${marts.message}`
}
