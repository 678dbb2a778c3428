/**
 * Sends the queue, one request at a time. An event leaves the queue when an answer says that it is
 * durable, or that it never will be; everything else is tried again, later and later.
 */
import { listQueue, read, remove } from './store.js'
import { sizeOf } from './values.js'
import { readConsent } from './visitor.js'
import { guard, warn } from './warn.js'

const BATCH_EVENTS = 50
/** Browsers refuse more than 64 KiB in a request that outlives its page. */
const BATCH_BYTES = 59_000
const RETRY_MS = 1_000
/** 64 s at most. */
const DOUBLINGS_MAX = 6
const WAIT_MAX_MS = 3_600_000
const ANSWER_MS = 20_000

/** @type {string | URL} */
let url
/** @type {readonly string[]} keys of the request on its way */
let sending = []
/** @type {string[]} keys that the browser has been handed */
const handed = []
let failures = 0
/** @type {ReturnType<typeof setTimeout> | undefined} set: nothing is sent before it runs */
let timer

/** @param {URL} address where the collector takes events */
export const useAddress = (address) => {
  url = address
}

/** @param {readonly string[]} without */
const nextBatch = (without) => {
  let bytes = 0
  return listQueue()
    .filter((key) => {
      if (without.includes(key)) return false
      bytes += sizeOf(read(key)) + 1
      return bytes < BATCH_BYTES
    })
    .slice(0, BATCH_EVENTS)
}

/** @param {readonly string[]} keys */
const makeBody = (keys) => `{"sent_ts":${Date.now()},"events":[${keys.map(read)}]}`

/** Sends what waits, unless a request is on its way or it is too early. */
export const flush = () => {
  if (timer || sending[0]) return
  sending = nextBatch([])
  if (sending[0]) request()
}

/** @param {number} ms at least; half as much again at random, so that tabs don't move in step */
export const flushIn = (ms) => {
  clearTimeout(timer)
  timer = setTimeout(
    guard(() => {
      timer = undefined
      flush()
    }),
    ms * (1 + Math.random() / 2),
  )
}

const request = async () => {
  let isOver = false
  let waitMs = 0
  try {
    const answer = await fetch(url, {
      method: 'POST',
      body: makeBody(sending),
      keepalive: true,
      credentials: readConsent() ? 'include' : 'omit',
      signal: AbortSignal.timeout?.(ANSWER_MS),
    })
    const { status } = answer
    isOver = /^(202|4(?!29))/.test(`${status}`)
    waitMs = +(answer.headers.get('Retry-After') || 0) * 1_000
    if (isOver) sending.forEach(remove)
    if (status !== 202) warn('status', status)
    for (const { reason, message } of (await answer.json()).events)
      if (reason) warn(reason, message)
  } catch {
    // No network, no answer in time, or one without a list: what is not over is kept.
  }
  sending = []
  if (isOver) {
    failures = 0
    flush()
  } else {
    waitMs ||= RETRY_MS * 2 ** Math.min(failures++, DOUBLINGS_MAX)
    flushIn(Math.min(waitMs, WAIT_MAX_MS))
  }
}

/**
 * Hands what is not on its way to the browser, which sends it after the page is gone. It stays in
 * the queue, for nobody sees the answer; where the page lives on, it is sent again.
 */
export const leave = () => {
  const keys = nextBatch([...sending, ...handed])
  if (!keys[0] || !navigator.sendBeacon(url, makeBody(keys))) return
  handed.push(...keys)
  flushIn(RETRY_MS)
}
