/**
 * The history of a data directory: which queries were asked by whom, and which commands changed
 * something. One line of JSON each, without secrets; nothing is read from it but by people.
 */
import { isObject } from '../kernel/json.ts'
import { redactText } from '../kernel/redact.ts'

/** The header in which a client names its door; see QueryControl. */
export const DOOR_HEADER = 'x-ccs-door'
/** The door of queries that the program asks by itself, such as those of the page. */
export const OWN_DOOR = 'own'

/** One line. */
export interface HistoryEntry {
  /** When it ended, ISO 8601 UTC. */
  readonly at: string
  /** `query`, or the command: `deploy`, `lake compact`. */
  readonly what: string
  /** A query's way in: `http`, `ccs query`, `ccs sql`; of a command user and machine. */
  readonly by: string
  /** The SQL, or the command as it was typed; secrets are left out, a long one is cut. */
  readonly text: string
  /** Of a query's answer; null: it has none, or it is unbounded. */
  readonly rows: number | null
  readonly ms: number
  /** `ok`, or the code of the error. */
  readonly outcome: string
}

/** Where entries go: to a file, in the background. */
export interface HistoryWriter {
  /** Returns at once, and never fails: what can't be written is left out. */
  add(entry: HistoryEntry): void
  /** Resolves when everything is written that can be. */
  flush(): Promise<void>
}

/** Characters of a query or a command that are kept. */
const TEXT_MAX = 4_000

/** An entry as a line, with its end. */
export function formatEntry(entry: HistoryEntry): string {
  const text = redactText(entry.text)
  const kept = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text
  return `${JSON.stringify({ ...entry, text: kept })}\n`
}

/** The entries of a text, in its order, and how many lines are none. */
export function parseEntries(text: string): {
  readonly entries: readonly HistoryEntry[]
  readonly unreadable: number
} {
  const lines = text.split('\n').filter((line) => line !== '')
  const entries = lines.flatMap((line) => parseEntry(line) ?? [])
  return { entries, unreadable: lines.length - entries.length }
}

function parseEntry(line: string): HistoryEntry | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (!isObject(value) || typeof value.at !== 'string' || typeof value.what !== 'string')
      return undefined
    const { at, what, by, text, rows, ms, outcome } = value
    return {
      ...{ at, what, by: String(by ?? ''), text: String(text ?? '') },
      rows: typeof rows === 'number' ? rows : null,
      ...{ ms: Number(ms ?? 0), outcome: String(outcome ?? '') },
    }
  } catch {
    return undefined // the last line of a process that was killed
  }
}
