/**
 * What has been imported, kept in the log beside the events: topic ccs.imports, one JSON record before each
 * append. With it an import that was cut off goes on at the very row, and a file that is given again is
 * known however long ago it came; the pipeline's own deduplication looks back for a horizon only.
 */
import { CcsError, EXIT } from '../kernel/errors.ts'
import type { EventLog, LogWriter } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { IMPORTS_TOPIC } from '../log/topics.ts'

/** Written before the rows up to `line` are appended; they are there once both topics have these ends. */
export interface ImportLedgerEntry {
  /** SHA-256 of the file's bytes, and of the mapping's text. */
  readonly file: string
  readonly mapping: string
  /** As the user called it. */
  readonly name: string
  readonly atMs: number
  /** Last line taken; rows up to it are counted in `rows`. */
  readonly line: number
  readonly rows: number
  readonly isDone: boolean
  readonly topic: string
  readonly dlqTopic: string
  readonly partition: number
  readonly eventsEnd: number
  readonly rejectsEnd: number
  /** Corrects the step before: what of it never got into the log, because the import was cut off. */
  readonly undone?: { readonly events: boolean; readonly rejects: boolean }
}

/** Where to go on in a file: rows up to these lines are in the log already. */
export interface ImportStart {
  readonly eventsThrough: number
  readonly rejectsThrough: number
}

export class ImportLedger {
  readonly #log: EventLog
  readonly #writer: LogWriter
  readonly #steps: ImportLedgerEntry[]

  private constructor(log: EventLog, writer: LogWriter, steps: ImportLedgerEntry[]) {
    this.#log = log
    this.#writer = writer
    this.#steps = steps
  }

  /** Takes the ledger's lock: one import at a time, CCS_LOG_LOCKED names the other. */
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

  async write(step: ImportLedgerEntry): Promise<void> {
    this.#steps.push(step)
    await this.#writer.append(RecordBatch.of([Buffer.from(JSON.stringify(step))]), step.atMs)
  }

  /**
   * Where the import of this file begins. CCS_IMPORT_INVALID for a file that came last by another mapping:
   * its rows would come twice.
   */
  findStart(file: string, mapping: string, name: string): ImportStart {
    const last = this.#steps.findLast((step) => step.file === file)
    if (last !== undefined && last.mapping !== mapping)
      throw new CcsError(
        'CCS_IMPORT_INVALID',
        `${name} was imported with another mapping before, on ${new Date(last.atMs).toISOString()}.`,
        {
          exit: EXIT.usage,
          hint: 'Add --again to send all its rows anew; those that give the same ids may count twice.',
        },
      )
    let eventsThrough = 0
    let rejectsThrough = 0
    for (const [i, step] of this.#steps.entries()) {
      if (step.file !== file || step.mapping !== mapping || step.undone !== undefined) continue
      const undone = this.#steps[i + 1]?.undone
      if (!undone?.events) eventsThrough = Math.max(eventsThrough, step.line)
      if (!undone?.rejects) rejectsThrough = Math.max(rejectsThrough, step.line)
    }
    return { eventsThrough, rejectsThrough }
  }

  /**
   * Only the newest step can be one whose rows are not all in the log. That is found out, and written down,
   * before anything else is appended: afterwards the ends of the topics could not tell it any more.
   */
  async #completeLastEntry(nowMs: number): Promise<void> {
    const last = this.#steps.at(-1)
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
  const steps: ImportLedgerEntry[] = []
  // Only `write` above appends here, and the log checks its bytes.
  for await (const { records } of readRecords(log, { topic: IMPORTS_TOPIC, partition: 0, from }))
    for (const { bytes } of records) steps.push(JSON.parse(bytes.toString('utf8')))
  return steps
}
