/**
 * The history of a data directory in files: `history/history.ndjson` is appended to, also by
 * several processes at once; when it is large, it becomes `history.1.ndjson`, and the oldest goes.
 * Nothing waits for a write, and a disk that is full costs the history, not the query.
 */
import * as fs from 'node:fs/promises'
import { isObject } from '../../domain/kernel/json.ts'
import { formatEntry, type HistoryWriter } from '../../domain/monitoring/history.ts'
import { isErrno } from './files.ts'
import { lockFile } from './kernel-lock.ts'

/** About so large a file gets. */
const FILE_BYTES_MAX = 8 * 1024 * 1024
/** Files that are kept, that which is written included. */
const FILES_MAX = 5
/** Entries that wait to be written, at most; more are left out. */
const WAITING_MAX = 1_000

/** Its limits, for tests. */
interface HistoryLimits {
  readonly fileBytesMax?: number
  readonly filesMax?: number
}

/** How a history is opened. */
export interface HistoryOptions extends HistoryLimits {
  /** Also makes the data directory if there is none; otherwise nothing is recorded then. */
  readonly makesRoot?: boolean
}

/** Opens the history of the data directory `root`; nothing is created before the first entry. */
export function openHistory(root: string, options: HistoryOptions = {}): HistoryWriter {
  const waiting: string[] = []
  let writing: Promise<void> | undefined
  const write = async () => {
    while (waiting.length > 0) {
      const text = waiting.splice(0).join('')
      // One write, so that lines of two processes never mix.
      await append(root, text, options).catch(() => undefined)
    }
  }
  return {
    add: (entry) => {
      if (waiting.length >= WAITING_MAX) return
      waiting.push(formatEntry(entry))
      writing ??= write().finally(() => {
        writing = undefined
      })
    },
    flush: async () => {
      while (writing) await writing
    },
  }
}

/** The texts of the files, oldest first; [] if there is no history. */
export async function readHistory(root: string): Promise<readonly string[]> {
  const texts: string[] = []
  for (let number = FILES_MAX - 1; number >= 0; number--) {
    const text = await fs.readFile(filePath(root, number), 'utf8').catch(() => undefined)
    if (text !== undefined) texts.push(text)
  }
  return texts
}

/** Replaces texts, such as ids of a person who was erased, by `***` in all of the history. */
export async function redactHistory(root: string, secrets: readonly string[]): Promise<void> {
  const redact = createRedactor(secrets)
  for (let number = 0; number < FILES_MAX; number++) {
    const path = filePath(root, number)
    const text = await fs.readFile(path, 'utf8').catch(() => '')
    const redacted = text
      .split('\n')
      .map((line) => redactEntry(line, redact))
      .join('\n')
    if (redacted === text) continue
    await fs.writeFile(`${path}.tmp`, redacted, { mode: 0o600 })
    await fs.rename(`${path}.tmp`, path)
  }
}

/** Replaces each of the texts where it stands as a whole word: 1042 is not found in 11042. */
function createRedactor(secrets: readonly string[]): (text: string) => string {
  if (secrets.length === 0) return (text) => text
  const list = secrets.map((one) => one.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|')
  const whole = new RegExp(`(?<![\\p{L}\\p{N}_-])(?:${list})(?![\\p{L}\\p{N}_-])`, 'gu')
  return (text) => text.replace(whole, '***')
}

/** Numbers of an entry stay: how many rows it had is nobody's id. */
function redactEntry(line: string, redact: (text: string) => string): string {
  let entry: unknown
  try {
    entry = JSON.parse(line)
  } catch {
    return redact(line) // cut off when a process was killed
  }
  if (!isObject(entry) || typeof entry['text'] !== 'string') return redact(line)
  const text = redact(entry['text'])
  return text === entry['text'] ? line : JSON.stringify({ ...entry, text })
}

async function append(root: string, text: string, options: HistoryOptions): Promise<void> {
  const { fileBytesMax = FILE_BYTES_MAX, filesMax = FILES_MAX } = options
  if (options.makesRoot) await fs.mkdir(root, { recursive: true })
  await fs.mkdir(`${root}/history`, { mode: 0o700 }).catch((error: unknown) => {
    if (!isErrno(error, 'EEXIST')) throw error
  })
  const path = filePath(root, 0)
  const size = await fs.stat(path).then(
    (stat) => stat.size,
    () => 0,
  )
  if (size >= fileBytesMax) await rotate(root, { fileBytesMax, filesMax })
  await fs.appendFile(path, text, { mode: 0o600 })
}

/** Only one process does it; the others go on writing meanwhile. */
async function rotate(root: string, limits: Required<HistoryLimits>): Promise<void> {
  const attempt = await lockFile(`${root}/history/lock`)
  if (attempt.state === 'held') return
  try {
    const { size } = await fs.stat(filePath(root, 0))
    if (size < limits.fileBytesMax) return // another process has just done it
    await fs.rm(filePath(root, limits.filesMax - 1), { force: true })
    for (let number = limits.filesMax - 2; number >= 0; number--)
      await fs.rename(filePath(root, number), filePath(root, number + 1)).catch(() => undefined)
  } finally {
    if (attempt.state === 'locked') attempt.lock.release()
  }
}

function filePath(root: string, number: number): string {
  return `${root}/history/history${number === 0 ? '' : `.${number}`}.ndjson`
}
