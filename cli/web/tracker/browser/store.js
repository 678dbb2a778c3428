/**
 * What stays in the browser: localStorage, or this page's memory where that is blocked or full.
 * Each queued event has a key of its own, which begins with its time, so that tabs never overwrite
 * one another's events.
 */
import { warn } from './warn.js'

const QUEUE = 'ccs:'
const QUEUE_EVENTS = 200

/** @type {Record<string, string>} */
let stored = {}

/** Whether what is written outlives this page. */
export let isKept = false

/** Starts to use localStorage, if the browser allows that. */
export const openStore = () => {
  try {
    // Where it is blocked, it throws or is null.
    Object.keys(localStorage)
    stored = localStorage
    isKept = true
  } catch {
    // The memory of this page has to do.
  }
}

/** @param {string} key */
export const read = (key) => stored[key]

/**
 * @param {string} key
 * @param {string} text
 */
export const write = (key, text) => {
  try {
    stored[key] = text
  } catch {
    // It is full: from here on this page keeps a copy of its own.
    stored = { ...stored, [key]: text }
  }
}

/** @param {string} key */
export const remove = (key) => {
  delete stored[key]
}

/** Keys of all events that no answer has confirmed, those of other tabs too, oldest first. */
export const listQueue = () =>
  Object.keys(stored)
    .filter((key) => key.startsWith(QUEUE))
    .sort()

/**
 * Adds an event; the oldest leave a queue that is full.
 * @param {string} name sorts by time, and is the event's alone
 * @param {string} text the event as JSON
 */
export const enqueue = (name, text) => {
  write(QUEUE + name, text)
  for (const key of listQueue().slice(0, -QUEUE_EVENTS)) {
    warn('queue full')
    remove(key)
  }
}
