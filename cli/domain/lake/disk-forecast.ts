/**
 * How long the disk lasts: what log and lake grew by in the last three days goes on, and the log of
 * a topic stops growing once it is as long as its retention.
 */
import type { Retention } from '../config/retention.ts'
import { formatBytes } from '../kernel/units.ts'
import { listRetained, type SegmentedPartition } from './prune-plan.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const WINDOW_MS = 3 * DAY_MS
/** A younger shop has no trend yet. */
const AGE_MS_MIN = 6 * HOUR_MS
/** From then on it is a warning. */
const WARN_DAYS = 7
/** Further ahead nobody plans. */
const DAYS_MAX = 3_650

/** Bytes that came evenly from one time to another. */
export interface GrownBytes {
  readonly fromMs: number
  readonly toMs: number
  readonly bytes: number
}

/** What log and lake take, and when it came. */
export interface DiskUse {
  readonly freeBytes: number
  readonly nowMs: number
  /** By topic, all of its segments. */
  readonly log: readonly { readonly topic: string; readonly grown: readonly GrownBytes[] }[]
  readonly lake: readonly { readonly partition: string; readonly bytes: number }[]
  readonly retention: Retention
}

/** When the bytes of these partitions came, by topic. */
export function listLogGrowth(partitions: readonly SegmentedPartition[]): DiskUse['log'] {
  const topics = new Map<string, GrownBytes[]>()
  for (const { topic, closed, lastBytes, lastFirstMs, newestMs } of partitions) {
    const last = { bytes: lastBytes, firstMs: lastFirstMs, untilMs: newestMs }
    const grown = [...closed, last].flatMap(({ bytes, firstMs, untilMs }) =>
      firstMs === null ? [] : [{ fromMs: firstMs, toMs: Math.max(firstMs, untilMs ?? 0), bytes }],
    )
    topics.set(topic, [...(topics.get(topic) ?? []), ...grown])
  }
  return [...topics].map(([topic, grown]) => ({ topic, grown }))
}

/** How long the disk lasts. */
export interface DiskForecast {
  readonly freeBytes: number
  readonly logBytes: number
  readonly lakeBytes: number
  /** Growth of log and lake; null: too young to tell. */
  readonly bytesPerDay: number | null
  /** null: not within ten years, or too young to tell. */
  readonly fullInDays: number | null
}

/** Computes it from what is there. */
export function forecastDisk(use: DiskUse): DiskForecast {
  const { freeBytes, nowMs, log, lake, retention } = use
  const grown = log.flatMap((one) => one.grown)
  const logBytes = sum(grown.map(({ bytes }) => bytes))
  const lakeBytes = sum(lake.map(({ bytes }) => bytes))
  const sizes = { freeBytes, logBytes, lakeBytes }
  const days = datedBytes(lake, nowMs, findStart(grown))
  const startMs = findStart(grown.length > 0 ? grown : days)
  const windowMs = Math.min(WINDOW_MS, nowMs - startMs)
  if (!(windowMs >= AGE_MS_MIN)) return { ...sizes, bytesPerDay: null, fullInDays: null }
  const perDay = (some: readonly GrownBytes[]) =>
    (sum(some.map((one) => countSince(one, nowMs - windowMs))) * DAY_MS) / windowMs
  const dated = sum(days.map(({ bytes }) => bytes))
  // Files without a day, such as those of Gold, grow with those that have one.
  const lakePerDay = dated === 0 ? 0 : (perDay(days) * lakeBytes) / dated
  const topics = log.map(({ topic, grown: own }): GrowingTopic => {
    const keptMs = listRetained(retention).find((one) => one.topic === topic)?.keptMs ?? null
    const rate = perDay(own)
    const room = keptMs === null ? Infinity : (rate * keptMs) / DAY_MS
    return { rate, leftBytes: Math.max(0, room - sum(own.map(({ bytes }) => bytes))) }
  })
  const bytesPerDay = Math.round(lakePerDay + sum(topics.map(({ rate }) => rate)))
  const fullInDays = findFullDay(freeBytes, lakePerDay, topics)
  return { ...sizes, bytesPerDay, fullInDays: fullInDays > DAYS_MAX ? null : fullInDays }
}

interface GrowingTopic {
  /** Bytes per day. */
  readonly rate: number
  /** By how much it still grows; Infinity: for ever. */
  readonly leftBytes: number
}

/** Days until `free` bytes are used, with one topic after another ending its growth. */
function findFullDay(free: number, lakePerDay: number, topics: readonly GrowingTopic[]): number {
  const growing = topics
    .filter(({ rate, leftBytes }) => rate > 0 && leftBytes > 0)
    .map(({ rate, leftBytes }) => ({ rate, ends: leftBytes / rate }))
    .sort((a, b) => a.ends - b.ends)
  let [left, day] = [free, 0]
  let rate = lakePerDay + sum(growing.map((one) => one.rate))
  for (const { rate: own, ends } of growing) {
    if (rate * (ends - day) >= left) break
    left -= rate * (ends - day)
    day = ends
    rate -= own
  }
  return rate > 0 ? day + left / rate : Infinity
}

/** The files that have a day of event time; the first of them begin no earlier than the log. */
function datedBytes(
  lake: DiskUse['lake'],
  nowMs: number,
  logStartMs: number,
): readonly GrownBytes[] {
  return lake.flatMap(({ partition, bytes }) => {
    const dayMs = Date.parse(/=(\d{4}-\d{2}-\d{2})$/.exec(partition)?.[1] ?? '')
    if (Number.isNaN(dayMs)) return []
    const isFirst = logStartMs > dayMs && logStartMs < dayMs + DAY_MS
    const fromMs = Math.min(isFirst ? logStartMs : dayMs, nowMs)
    return [{ fromMs, toMs: Math.min(dayMs + DAY_MS, nowMs), bytes }]
  })
}

/** The part of the bytes that came after `sinceMs`. */
function countSince({ fromMs, toMs, bytes }: GrownBytes, sinceMs: number): number {
  if (fromMs >= sinceMs) return bytes
  if (toMs <= sinceMs) return 0
  return (bytes * (toMs - sinceMs)) / (toMs - fromMs)
}

function findStart(some: readonly GrownBytes[]): number {
  return some.reduce((first, { fromMs }) => Math.min(first, fromMs), Infinity)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}

/** What to show of it, and what to type if the disk is soon full. */
export interface DescribedDisk {
  readonly text: string
  /** Absent: there is time. */
  readonly warning?: { readonly text: string; readonly hint: string }
}

/** As text for people. */
export function describeDisk(forecast: DiskForecast, retention: Retention): DescribedDisk {
  const { freeBytes, bytesPerDay, fullInDays } = forecast
  const free = `${formatBytes(freeBytes)} free`
  if (bytesPerDay === null) return { text: free }
  const growth = `log and lake grow by ${formatBytes(bytesPerDay)} a day`
  if (fullInDays === null) return { text: `${free}, ${growth}` }
  const text = `${free}, for about ${describeDays(fullInDays)}: ${growth}`
  if (fullInDays >= WARN_DAYS) return { text }
  const what = `The disk is full in about ${describeDays(fullInDays)} at this rate`
  const how =
    retention.rawMs === null
      ? 'To keep less of the log: retention.events.raw in ccs.yml, such as 30 days, then ccs prune.'
      : 'To keep less of the log: a shorter retention.events.raw in ccs.yml, then ccs prune.'
  return {
    text,
    warning: {
      text: `${what}: ${free}, ${growth}.`,
      hint: `${how} Or move the data directory to a larger disk (--data).`,
    },
  }
}

function describeDays(days: number): string {
  if (days >= 2) return `${Math.floor(days)} days`
  const hours = Math.max(1, Math.floor(days * 24))
  return hours === 1 ? 'an hour' : `${hours} hours`
}
