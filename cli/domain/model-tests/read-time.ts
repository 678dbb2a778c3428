/** Times as tests write them, in UTC; those without a date are on the date of their case. */
import { type DocumentReader, showValue } from '../documents/document-reader.ts'
import type { YamlPath } from '../documents/yaml-document.ts'

/**
 * Reads `10:00`, `10:00:05.250`, `2026-03-01 10:00` or `2026-03-01` as ms since 1970; anything else
 * is noted as a fault and gives undefined.
 */
export function readTime(
  reader: DocumentReader,
  value: unknown,
  path: YamlPath,
  date: string | undefined,
): number | undefined {
  const ms = parseTimeMs(String(value), date)
  if (ms !== undefined) return ms
  if (parseTimeMs(String(value), '2000-01-01') !== undefined)
    reader.fault(
      path,
      `"${String(value)}" has no date.`,
      'Put "date: 2026-03-01" into the case or at the top of the file, or write the date here.',
    )
  else
    reader.fault(
      path,
      `${showValue(value)} is not a time.`,
      'Write 10:00, 10:00:05 or 2026-03-01 10:00:05, in UTC.',
    )
  return undefined
}

/** Parses a time as tests write it into ms since 1970; undefined for anything else. */
export function parseTimeMs(text: string, date?: string): number | undefined {
  const parts =
    /^(?:(\d{4}-\d\d-\d\d)(?:[ T](?=\d)|$))?(?:(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?Z?$/.exec(
      text,
    )
  const [, day = date, hour, minute = '00', second = '00', fraction = ''] = parts ?? []
  if (!parts || text === '' || day === undefined) return undefined
  if (hour === undefined && parts[1] === undefined) return undefined
  const iso = `${day}T${hour ?? '00'}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`
  const ms = Date.parse(iso)
  return Number.isNaN(ms) || new Date(ms).toISOString() !== iso ? undefined : ms
}
