/**
 * When each event of a run is due, as an absolute schedule that does not depend on how long the
 * generation takes. Live runs are even; history follows the shop's day and night.
 */
import type { ShopDays } from './shop-days.ts'

/** Due times of a run, one after another. */
export interface Schedule {
  /** Total number of events; Infinity for an unlimited run. */
  readonly count: number
  readonly startMs: number
  /** Mean rate, events per second. */
  readonly eps: number
  /** Returns the due time of the next event, whole ms since 1970; never decreases. */
  next(): number
}

/** Creates a schedule of `eps` evenly spaced events per second from `startMs` on. */
export function createLiveSchedule(startMs: number, eps: number, count: number): Schedule {
  let made = 0
  return { count, startMs, eps, next: () => startMs + Math.floor((made++ * 1000) / eps) }
}

const BIN_MS = 600_000
/** Load by hour of the shop's day, relative to the peak. */
const RHYTHM = [
  0.22, 0.14, 0.1, 0.08, 0.08, 0.12, 0.22, 0.38, 0.52, 0.62, 0.7, 0.74, 0.8, 0.76, 0.7, 0.68, 0.7,
  0.76, 0.86, 0.96, 1, 0.94, 0.7, 0.42,
]

/**
 * Creates a schedule of `count` events from `fromMs` to `toMs` (exclusive),
 * with peaks in the evening.
 */
export function createHistorySchedule(
  range: { readonly fromMs: number; readonly toMs: number },
  count: number,
  days: ShopDays,
): Schedule {
  const { fromMs, toMs } = range
  const total = sumWeights(fromMs, toMs, days)
  let bin = fromMs
  let weightBefore = 0
  let made = 0
  let binFirst = 0
  let binLast = 0
  let binEnd = fromMs
  const next = (): number => {
    while (made >= binLast) {
      bin = binEnd
      if (bin >= toMs) return toMs - 1
      binEnd = Math.min((Math.floor(bin / BIN_MS) + 1) * BIN_MS, toMs)
      weightBefore += weighBin(bin, binEnd, days)
      binFirst = binLast
      binLast = binEnd === toMs ? count : Math.round((count * weightBefore) / total)
    }
    const at = (made++ - binFirst) / (binLast - binFirst)
    return bin + Math.floor(at * (binEnd - bin))
  }
  return { count, startMs: fromMs, eps: (count * 1000) / Math.max(toMs - fromMs, 1), next }
}

function sumWeights(fromMs: number, toMs: number, days: ShopDays): number {
  let sum = 0
  for (let at = fromMs; at < toMs; ) {
    const end = Math.min((Math.floor(at / BIN_MS) + 1) * BIN_MS, toMs)
    sum += weighBin(at, end, days)
    at = end
  }
  return sum
}

function weighBin(fromMs: number, toMs: number, days: ShopDays): number {
  const local = fromMs + days.offsetMs(fromMs)
  const hour = (((local % 86_400_000) + 86_400_000) % 86_400_000) / 3_600_000
  const before = RHYTHM[Math.floor(hour) % 24] ?? 1
  const after = RHYTHM[(Math.floor(hour) + 1) % 24] ?? 1
  return (before + (after - before) * (hour % 1)) * (toMs - fromMs)
}
