/**
 * What was imported, recorded in the log itself: topic ccs.imports, with one JSON record
 * before each append. An interrupted import resumes at the right row, and a file that is
 * given again is recognized no matter how long ago; the pipeline's deduplication only
 * looks back for a limited time.
 */
import { CcsError } from '../kernel/errors.ts'
import type { EventLog, LogWriter } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { IMPORTS_TOPIC } from '../log/topics.ts'

/**
 * Written before the rows up to `line` are appended. The append is complete once both topics have
 * reached the ends given here. Stored as JSON: do not rename members.
 */
export interface ImportLedgerEntry {
  /** SHA-256 of the file's bytes; `mapping` is that of the mapping's text. */
  readonly file: string
  readonly mapping: string
  /** The file's path as the user gave it. */
  readonly name: string
  readonly atMs: number
  /** The last line read so far; `rows` counts the rows up to it. */
  readonly line: number
  readonly rows: number
  readonly isDone: boolean
  readonly topic: string
  readonly dlqTopic: string
  readonly partition: number
  readonly eventsEnd: number
  readonly rejectsEnd: number
  /** Offset of the first event of this run of `ccs import`. Absent in entries of an older ccs. */
  readonly runStart?: number
  /** Corrects the entry before it: what was not appended, because the import was interrupted. */
  readonly undone?: { readonly events: boolean; readonly rejects: boolean }
}

/** Where to resume a file: rows up to these lines are already in the log. */
export interface ImportStart {
  readonly eventsThrough: number
  readonly rejectsThrough: number
}

/** Reads all entries on opening; one process can hold it at a time. */
export class ImportLedger {
  readonly #log: EventLog
  readonly #writer: LogWriter
  readonly #entries: ImportLedgerEntry[]

  private constructor(log: EventLog, writer: LogWriter, entries: ImportLedgerEntry[]) {
    this.#log = log
    this.#writer = writer
    this.#entries = entries
  }

  /** Takes the ledger's lock; throws CCS_LOG_LOCKED, naming the owner, if another import runs. */
  static async open(log: EventLog, owner: string, nowMs: number): Promise<ImportLedger> {
    const writer = await log.writer(IMPORTS_TOPIC, 0, owner)
    try {
      const ledger = new ImportLedger(log, writer, await readEntries(log))
      await ledger.#completeLastEntry(nowMs)
      return ledger
    } catch (error) {
      await writer.close()
      throw error
    }
  }

  async write(entry: ImportLedgerEntry): Promise<void> {
    this.#entries.push(entry)
    await this.#writer.append(RecordBatch.of([Buffer.from(JSON.stringify(entry))]), entry.atMs)
  }

  /**
   * Returns where the import of this file starts. Throws CCS_IMPORT_INVALID if the file was last
   * imported with another mapping, which would import its rows twice.
   */
  findStart(file: string, mapping: string, name: string): ImportStart {
    const last = this.#entries.findLast((one) => one.file === file)
    if (last !== undefined && last.mapping !== mapping)
      throw new CcsError(
        'CCS_IMPORT_INVALID',
        `${name} was imported with another mapping on ${new Date(last.atMs).toISOString()}.`,
        { hint: 'Add --again to import all rows again; rows with the same ids may count twice.' },
      )
    let eventsThrough = 0
    let rejectsThrough = 0
    for (const [i, one] of this.#entries.entries()) {
      if (one.file !== file || one.mapping !== mapping || one.undone !== undefined) continue
      const undone = this.#entries[i + 1]?.undone
      if (!undone?.events) eventsThrough = Math.max(eventsThrough, one.line)
      if (!undone?.rejects) rejectsThrough = Math.max(rejectsThrough, one.line)
    }
    return { eventsThrough, rejectsThrough }
  }

  /**
   * Only the last entry can be incomplete. This is checked and recorded before anything else is
   * appended, because later the ends of the topics no longer show it.
   */
  async #completeLastEntry(nowMs: number): Promise<void> {
    const last = this.#entries.at(-1)
    if (last === undefined || last.undone !== undefined) return
    const events = await this.#log.range(last.topic, last.partition)
    const rejects = await this.#log.range(last.dlqTopic, last.partition)
    const undone = {
      events: events.end < last.eventsEnd,
      rejects: rejects.end < last.rejectsEnd,
    }
    if (undone.events || undone.rejects) await this.write({ ...last, atMs: nowMs, undone })
  }

  async close(): Promise<void> {
    await this.#writer.close()
  }
}

async function readEntries(log: EventLog): Promise<ImportLedgerEntry[]> {
  const { start: from } = await log.range(IMPORTS_TOPIC, 0)
  const entries: ImportLedgerEntry[] = []
  // Only `write` appends to this topic, and the log verifies its checksums.
  for await (const { records } of readRecords(log, { topic: IMPORTS_TOPIC, partition: 0, from }))
    for (const { bytes } of records) entries.push(JSON.parse(bytes.toString('utf8')))
  return entries
}
