/**
 * Durations and sizes as people write them, such as `30 minutes`, `20s` and `1 MiB`, and as tables
 * show them.
 */
const DURATIONS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  millisecond: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
}

const SIZES_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  byte: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
}

/**
 * A duration such as `30 minutes`, `20s` or `1.5 hours` in whole milliseconds; undefined for
 * anything else.
 */
export function parseDurationMs(text: string): number | undefined {
  return parseQuantity(text, DURATIONS_MS)
}

/**
 * A size such as `1 MiB` or `512KB` in bytes (KB is 1000, KiB 1024); undefined for anything else.
 */
export function parseSizeBytes(text: string): number | undefined {
  return parseQuantity(text, SIZES_BYTES)
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const parts = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim())
  if (!parts) return undefined
  const [, amount = '', unit = ''] = parts
  const word = unit.toLowerCase()
  const factor = Object.hasOwn(units, word) ? units[word] : units[word.replace(/s$/, '')]
  const value = factor === undefined ? Number.NaN : Math.round(Number(amount) * factor)
  return Number.isSafeInteger(value) ? value : undefined
}

/**
 * Milliseconds as `850 ms`, `12.3 s`, `4 min 5 s`, `2 h 10 min` or `3 d 4 h`: two units at most.
 */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return formatPair(seconds, 60, 'min', 's')
  const minutes = Math.round(ms / 60_000)
  if (minutes < 1440) return formatPair(minutes, 60, 'h', 'min')
  return formatPair(Math.round(ms / 3_600_000), 24, 'd', 'h')
}

function formatPair(total: number, size: number, large: string, small: string): string {
  const rest = total % size
  return `${Math.floor(total / size)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`
}

/** Bytes as `512 B`, `1.5 KiB`, `20 MiB`, with powers of 1024. */
export function formatBytes(bytes: number): string {
  let value = bytes
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 1024) return `${unit === 'B' ? value : Number(value.toFixed(1))} ${unit}`
    value /= 1024
  }
  return `${Number(value.toFixed(1))} TiB`
}

/** A whole number with its thousands apart, as `1,234,567`. */
export function formatCount(count: number | bigint): string {
  return count.toLocaleString('en-US')
}
