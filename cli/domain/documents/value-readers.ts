/**
 * Readers of single values, as ccs.yml and other files have them: each checks the value and
 * converts it.
 */
import { didYouMean } from '../kernel/did-you-mean.ts'
import { redactAddress } from '../kernel/redact.ts'
import { parseDurationMs, parseSizeBytes } from '../kernel/units.ts'

/**
 * Gives the converted value, or what is wrong with it: the rest of a sentence that begins with the
 * key.
 */
export type ValueReader<Value> = (
  value: unknown,
) => { readonly value: Value } | { readonly wrong: string }

/** A text that is not blank. */
export function readText(value: unknown): ReturnType<ValueReader<string>> {
  return typeof value === 'string' && value.trim() !== ''
    ? { value }
    : { wrong: `must be a text, not ${show(value)}.` }
}

/** A name that can be part of topic names, file names and titles. */
export function readName(value: unknown): ReturnType<ValueReader<string>> {
  return typeof value === 'string' && /^[a-z][a-z0-9_-]{0,62}$/.test(value)
    ? { value }
    : { wrong: `must be lower-case letters, digits, "-" and "_", not ${show(value)}.` }
}

/** The name of a timezone in the IANA database of this Node. */
export function readTimezone(value: unknown): ReturnType<ValueReader<string>> {
  if (typeof value === 'string') {
    try {
      // Looking into the list costs a tenth of making a format, which knows older names too.
      if (Intl.supportedValuesOf('timeZone').includes(value)) return { value }
      // Offsets such as +02:00 are accepted by Intl, but they have no daylight-saving time.
      if (/^[A-Za-z]/.test(value) && new Intl.DateTimeFormat('en', { timeZone: value }))
        return { value }
    } catch {
      const known = [...Intl.supportedValuesOf('timeZone'), 'UTC']
      const hint = didYouMean(value, known)
      const near = hint.startsWith('Did') ? ` ${hint}` : ' Use an IANA name such as Europe/Berlin.'
      return { wrong: `is not a timezone: ${show(value)}.${near}` }
    }
  }
  return { wrong: `must be an IANA timezone such as Europe/Berlin, not ${show(value)}.` }
}

/** A size in bytes: text with a unit, or a plain number. */
export function readSize(bytesMin: number, bytesMax: number): ValueReader<number> {
  return (value) =>
    ranged(typeof value === 'number' ? value : parseSizeBytes(String(value)), bytesMin, bytesMax, {
      what: 'a size such as 512 MiB',
      shown: show(value),
      range: `${bytesMin} and ${bytesMax} bytes`,
    })
}

/** A length of time in ms: text with a unit. */
export function readDuration(msMin: number, msMax: number): ValueReader<number> {
  return (value) =>
    ranged(typeof value === 'string' ? parseDurationMs(value) : undefined, msMin, msMax, {
      what: 'a length of time such as 30 seconds',
      shown: show(value),
      range: `${msMin / 1000} and ${msMax / 1000} seconds`,
    })
}

/** One of some words. */
export function readChoice<T extends string>(words: readonly T[]): ValueReader<T> {
  return (value) => {
    const found = words.find((word) => word === value)
    if (found !== undefined) return { value: found }
    return { wrong: `must be one of ${words.join(', ')}, not ${show(value)}.` }
  }
}

/** true or false, also as the text that an environment variable holds. */
export function readFlag(value: unknown): ReturnType<ValueReader<boolean>> {
  if (value === true || value === 'true') return { value: true }
  if (value === false || value === 'false') return { value: false }
  return { wrong: `must be true or false, not ${show(value)}.` }
}

/** A list of texts: a YAML list, or one text with commas. */
export function readList(value: unknown): ReturnType<ValueReader<readonly string[]>> {
  const items = typeof value === 'string' ? value.split(',').map((one) => one.trim()) : value
  if (
    Array.isArray(items) &&
    items.length > 0 &&
    items.every((one) => typeof one === 'string' && one !== '')
  )
    return { value: items.map(String) }
  return { wrong: `must be a list of texts, not ${show(value)}.` }
}

/** A prefix for names of topics; may be empty. */
export function readTopicPrefix(value: unknown): ReturnType<ValueReader<string>> {
  return typeof value === 'string' && /^[A-Za-z0-9._-]{0,60}$/.test(value)
    ? { value }
    : { wrong: `must be letters, digits, ".", "-" and "_", not ${show(value)}.` }
}

/** An http or https address. A wrong one is not shown, as it may hold a password. */
export function readUrl(value: unknown): ReturnType<ValueReader<string>> {
  return typeof value === 'string' && /^https?:\/\//.test(value) && URL.canParse(value)
    ? { value }
    : { wrong: 'must be an address such as http://127.0.0.1:8081.' }
}

/** Places of brokers as host:port. A wrong one is not shown, as it may hold a password. */
export function readBrokers(value: unknown): ReturnType<ValueReader<readonly string[]>> {
  const list = readList(value)
  const wrong = 'value' in list ? list.value.findIndex((one) => !BROKER.test(one)) : 0
  if (wrong < 0) return list
  const entry = `must be a list of host:port, such as 127.0.0.1:9092; entry ${wrong + 1} is not.`
  return { wrong: `${entry} User and password belong to kafka.sasl.` }
}

const BROKER = /^([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?$/i

/** A text that no message shows. */
export function readSecret(value: unknown): ReturnType<ValueReader<string>> {
  return 'value' in readText(value) ? readText(value) : { wrong: 'must be a text in quotes.' }
}

/** A whole number within bounds, both included. */
export function readWholeNumber(min: number, max: number): ValueReader<number> {
  return (value) =>
    ranged(Number.isSafeInteger(value) ? Number(value) : undefined, min, max, {
      what: 'a whole number',
      shown: show(value),
      range: `${min} and ${max}`,
    })
}

function ranged(
  value: number | undefined,
  min: number,
  max: number,
  words: { readonly what: string; readonly shown: string; readonly range: string },
): ReturnType<ValueReader<number>> {
  if (value === undefined) return { wrong: `must be ${words.what}, not ${words.shown}.` }
  if (value < min || value > max)
    return { wrong: `must lie between ${words.range}, not be ${words.shown}.` }
  return { value }
}

/** Without what stands before an `@`: it may be a password. */
function show(value: unknown): string {
  return redactAddress(JSON.stringify(value) ?? String(value))
}
