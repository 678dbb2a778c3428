/**
 * What was imported, recorded in the log itself: topic ccs.imports, with one JSON record before
 * each append. An interrupted run of `ccs import` continues after the last event that was appended,
 * and a file that is given again is recognized no matter how long ago it was imported.
 */
import { CcsError } from '../kernel/errors.ts'
import type { EventLog, LogWriter } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { IMPORTS_TOPIC } from '../log/topics.ts'

/** A file of a run: SHA-256 of its bytes, its path as the user gave it, its number of rows. */
export interface LedgerFile {
  readonly file: string
  readonly name: string
  readonly rows: number
}

/** How much of a run is in the log. The events of a run have one order; see record-sorter.ts. */
export interface RunProgress {
  readonly events: number
  readonly rejects: number
  /** Of the bytes of those events in their order. */
  readonly checksum: number
}

/**
 * Written before the records up to `events` and `rejects` of a run are appended. The append is
 * complete once both topics have reached the ends given here. Stored as JSON: do not rename
 * members.
 */
export interface ImportLedgerEntry extends RunProgress {
  /** Identifies a run by its files and its mapping; the same command gives the same. */
  readonly run: string
  /** In the first entry of a run: all files that have rows. */
  readonly files?: readonly LedgerFile[]
  /** In the first entry of a run: from which offset on its orders' fingerprints are kept. */
  readonly ordersFrom?: number | undefined
  /** SHA-256 of the mapping's text. */
  readonly mapping: string
  /** The time by which rows of this run are judged to be in the future. */
  readonly startedMs: number
  readonly atMs: number
  /** Everything is in the log once this append is complete. */
  readonly isDone: boolean
  readonly topic: string
  readonly dlqTopic: string
  readonly partition: number
  readonly eventsEnd: number
  readonly rejectsEnd: number
  /** Offset of the first event that this process appends. */
  readonly runStart: number
  /** Corrects the entry before it: what was not appended, because the import was interrupted. */
  readonly undone?: { readonly events: boolean; readonly rejects: boolean }
}

/** As ccs wrote them for each file, before it sorted the rows of a run. */
interface OldLedgerEntry
  extends Pick<ImportLedgerEntry, 'mapping' | 'atMs' | 'isDone' | 'undone' | keyof AppendEnds> {
  readonly file: string
  readonly name: string
  readonly rows: number
}

type AppendEnds = Pick<
  ImportLedgerEntry,
  'topic' | 'dlqTopic' | 'partition' | 'eventsEnd' | 'rejectsEnd'
>

const NOTHING: RunProgress = { events: 0, rejects: 0, checksum: 0 }

interface KnownRun {
  readonly startedMs: number
  readonly ordersFrom: number | undefined
  readonly files: readonly LedgerFile[]
  readonly progress: RunProgress
  /** Before the last entry. */
  readonly before: RunProgress
  readonly isDone: boolean
}

interface KnownFile {
  readonly mapping: string
  readonly atMs: number
  readonly rows: number
  readonly isDone: boolean
  /** undefined: an old entry. */
  readonly run: string | undefined
}

/** Where an interrupted run continues. */
export interface InterruptedRun {
  readonly startedMs: number
  /** undefined: an older ccs began it, and kept no fingerprints before the run was complete. */
  readonly ordersFrom: number | undefined
  readonly progress: RunProgress
}

/** Reads all entries on opening; one process can hold it at a time. */
export class ImportLedger {
  readonly #log: EventLog
  readonly #writer: LogWriter
  readonly #runs = new Map<string, KnownRun>()
  readonly #files = new Map<string, KnownFile>()
  #last: ImportLedgerEntry | OldLedgerEntry | undefined

  private constructor(log: EventLog, writer: LogWriter) {
    this.#log = log
    this.#writer = writer
  }

  /** Takes the ledger's lock; throws CCS_LOG_LOCKED, naming the owner, if another import runs. */
  static async open(log: EventLog, owner: string, nowMs: number): Promise<ImportLedger> {
    const writer = await log.writer(IMPORTS_TOPIC, 0, owner)
    try {
      const ledger = new ImportLedger(log, writer)
      for (const entry of await readEntries(log)) ledger.#apply(entry)
      await ledger.#completeLastEntry(nowMs)
      return ledger
    } catch (error) {
      await writer.close()
      throw error
    }
  }

  async write(entry: ImportLedgerEntry | OldLedgerEntry): Promise<void> {
    this.#apply(entry)
    await this.#writer.append(RecordBatch.of([Buffer.from(JSON.stringify(entry))]), entry.atMs)
  }

  /**
   * The number of the file's rows if it was imported whole. Throws CCS_IMPORT_INVALID if it was
   * imported with another mapping: its rows would be imported twice.
   */
  findRows(file: string, mapping: string, name: string): number | undefined {
    const known = this.#files.get(file)
    if (known !== undefined && known.mapping !== mapping)
      throw invalidError(
        `${name} was imported with another mapping on ${new Date(known.atMs).toISOString()}.`,
        'Add --again to import all rows again; rows with the same ids may count twice.',
      )
    return known?.isDone ? known.rows : undefined
  }

  /** Throws CCS_IMPORT_INVALID if the file belongs to an interrupted run that is not `run`. */
  refuseInterrupted(file: string, run: string, name: string): void {
    const known = this.#files.get(file)
    if (known === undefined || known.isDone || known.run === run) return
    const others = known.run === undefined ? [] : (this.#runs.get(known.run)?.files ?? [])
    const names = others.map((one) => one.name).join(' ')
    const again = 'dd --again to import all rows again; those with the same ids count once.'
    throw invalidError(
      `${name} belongs to an import that was interrupted on ${new Date(known.atMs).toISOString()}.`,
      names === '' ? `A${again}` : `First import the same files: ${names}\nOr a${again}`,
    )
  }

  /** undefined: no such run, or it is complete. */
  findInterrupted(run: string): InterruptedRun | undefined {
    const known = this.#runs.get(run)
    return known === undefined || known.isDone ? undefined : known
  }

  #apply(entry: ImportLedgerEntry | OldLedgerEntry): void {
    this.#last = entry
    if ('run' in entry) this.#applyRun(entry)
    else this.#applyOld(entry)
  }

  #applyRun(entry: ImportLedgerEntry): void {
    const { run, mapping, startedMs, atMs, isDone, undone } = entry
    const { events, rejects, checksum } = entry
    const known = this.#runs.get(run)
    const isFirst = entry.files !== undefined && undone === undefined
    const before = isFirst ? NOTHING : (known?.progress ?? NOTHING)
    const files = entry.files ?? known?.files ?? []
    const ordersFrom = isFirst ? entry.ordersFrom : known?.ordersFrom
    const progress = { events, rejects, checksum }
    this.#runs.set(run, { startedMs, ordersFrom, files, progress, before, isDone })
    for (const { file, rows } of files) {
      const old = this.#files.get(file)
      // It stays imported although another run imports it again.
      const wasDone = old?.isDone === true && old.mapping === mapping && old.run !== run
      this.#files.set(file, { mapping, atMs, rows, run, isDone: isDone || wasDone })
    }
  }

  #applyOld({ file, mapping, atMs, rows, isDone, undone }: OldLedgerEntry): void {
    const isWhole = isDone && undone === undefined
    this.#files.set(file, { mapping, atMs, rows, run: undefined, isDone: isWhole })
  }

  /**
   * Only the last entry can be incomplete. This is checked and recorded before anything else is
   * appended, because later the ends of the topics no longer show it.
   */
  async #completeLastEntry(nowMs: number): Promise<void> {
    const last = this.#last
    if (last === undefined || last.undone !== undefined) return
    const events = await this.#log.range(last.topic, last.partition)
    const rejects = await this.#log.range(last.dlqTopic, last.partition)
    const undone = {
      events: events.end < last.eventsEnd,
      rejects: rejects.end < last.rejectsEnd,
    }
    if (!undone.events && !undone.rejects) return
    const ends = { eventsEnd: events.end, rejectsEnd: rejects.end, atMs: nowMs, undone }
    if (!('run' in last)) {
      await this.write({ ...last, ...ends })
      return
    }
    const before = this.#runs.get(last.run)?.before ?? NOTHING
    await this.write({
      ...last,
      ...ends,
      ...(undone.events ? { events: before.events, checksum: before.checksum } : {}),
      ...(undone.rejects ? { rejects: before.rejects } : {}),
      isDone: false,
    })
  }

  async close(): Promise<void> {
    await this.#writer.close()
  }
}

/** A run and its mapping. */
export interface RunKey {
  readonly run: string
  readonly mapping: string
}

function invalidError(message: string, hint: string): CcsError {
  return new CcsError('CCS_IMPORT_INVALID', message, { hint })
}

async function readEntries(log: EventLog): Promise<(ImportLedgerEntry | OldLedgerEntry)[]> {
  const { start: from } = await log.range(IMPORTS_TOPIC, 0)
  const entries: (ImportLedgerEntry | OldLedgerEntry)[] = []
  // Only `write` appends to this topic, and the log verifies its checksums.
  for await (const { records } of readRecords(log, { topic: IMPORTS_TOPIC, partition: 0, from }))
    for (const { bytes } of records) entries.push(JSON.parse(bytes.toString('utf8')))
  return entries
}
