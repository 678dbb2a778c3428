/**
 * The import of one file. Rows become events and rejects in batches; each batch is announced in the
 * ledger before it is appended, so that an interruption neither duplicates nor loses rows.
 */

import { RowFault, type RowReader, type SourceRow } from '../documents/source-row.ts'
import type { Reason } from '../events/contracts.ts'
import type { Rejection } from '../gate/contract-rules.ts'
import type { Clock } from '../kernel/clock.ts'
import type { EventLog, LogWriter } from '../log/event-log.ts'
import { RecordBatch } from '../log/record-batch.ts'
import type { ImportContract } from './import-contract.ts'
import { ImportLedger, type ImportStart } from './import-ledger.ts'
import { bindMapping, type RowMapper } from './mapping/bind-mapping.ts'
import {
  bindGroupKey,
  groupRows,
  type ReadKey,
  type RowGroup,
  type ScatteredKeys,
} from './mapping/group-rows.ts'
import type { MappingSpec } from './mapping/mapping-spec.ts'

/** What an import needs from outside. */
export interface ImportPorts {
  readonly log: EventLog
  readonly clock: Clock
  readonly openRows: (file: string) => Promise<RowReader>
  /** Returns the SHA-256 of a file's bytes in hex. */
  readonly hashFile: (file: string) => Promise<string>
}

/** What to import and how; `mapping` is already checked against the contract. */
export interface ImportOptions {
  readonly files: readonly string[]
  readonly mapping: MappingSpec
  /** SHA-256 of the mapping's text. */
  readonly mappingHash: string
  readonly topic: string
  readonly dlqTopic: string
  /** Partition of both topics; no other writer may use it. */
  readonly partition: number
  /** Rows are appended once they have this many bytes; 4 MiB by default. */
  readonly batchBytes?: number
  /** Reads and validates everything but writes nothing. */
  readonly isDryRun: boolean
  /** Also sends files that were imported before. */
  readonly includesImported: boolean
  readonly signal: AbortSignal
  readonly onProgress: (bytesRead: number, bytesTotal: number) => void
}

/**
 * Counts of one file, or of all; rows = accepted + merged + rejected + leftOut + importedBefore.
 */
export interface ImportCounts {
  readonly rows: number
  readonly accepted: number
  /** With `group`: rows that belong to the event or the reject of an earlier row. */
  readonly merged: number
  readonly rejected: number
  /** Rows of event types that the mapping leaves out. */
  readonly leftOut: number
  /** Rows that an earlier import of the same file has already put into the log. */
  readonly importedBefore: number
  /** Number of rejected rows by reason. */
  readonly reasons: Readonly<Partial<Record<Reason, number>>>
}

/** The outcome of one file. */
export interface ImportedFile extends ImportCounts {
  readonly file: string
  /** Lines inside the file that repeat the header; they do not count as rows. */
  readonly repeatedHeaders: number
}

/** A rejected row, as an example for the user. */
export interface RejectedRow {
  /** `file:line` */
  readonly origin: string
  readonly reason: Reason
  readonly message: string
}

const BATCH_BYTES = 4 * 1024 * 1024
const EXAMPLES_MAX = 10

/** The ledger and the import's partition of both topics, locked while open. */
export class ImportSink {
  readonly ledger: ImportLedger
  readonly events: LogWriter
  readonly rejects: LogWriter
  /** Offset of the first event of this run. */
  readonly runStart: number
  eventsEnd: number
  rejectsEnd: number

  private constructor(
    ledger: ImportLedger,
    events: LogWriter,
    rejects: LogWriter,
    ends: { readonly events: number; readonly rejects: number },
  ) {
    this.ledger = ledger
    this.events = events
    this.rejects = rejects
    this.runStart = ends.events
    this.eventsEnd = ends.events
    this.rejectsEnd = ends.rejects
  }

  static async open({ log, clock }: ImportPorts, options: ImportOptions): Promise<ImportSink> {
    const { topic, dlqTopic, partition } = options
    const owner = 'ccs import'
    const opened: { close(): Promise<void> }[] = []
    try {
      const ledger = await ImportLedger.open(log, owner, clock.nowMs())
      opened.push(ledger)
      const events = await log.writer(topic, partition, owner)
      opened.push(events)
      const rejects = await log.writer(dlqTopic, partition, owner)
      opened.push(rejects)
      return new ImportSink(ledger, events, rejects, {
        events: (await log.range(topic, partition)).end,
        rejects: (await log.range(dlqTopic, partition)).end,
      })
    } catch (error) {
      for (const one of opened) await one.close()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.events.close()
    await this.rejects.close()
    await this.ledger.close()
  }
}

interface FileImportParts {
  readonly ports: ImportPorts
  readonly contract: ImportContract
  readonly options: ImportOptions
  readonly reader: RowReader
  readonly file: string
  /** Groups whose rows lie apart, as `scanGroups` found them. */
  readonly scattered: ScatteredKeys
  /** undefined: dry run. */
  readonly sink: ImportSink | undefined
  readonly examples: RejectedRow[]
}

/** Runs once for one file. The constructor throws CCS_IMPORT_INVALID for missing columns. */
export class FileImport {
  readonly #parts: FileImportParts
  readonly #map: RowMapper
  readonly #readKey: ReadKey | undefined
  readonly #events = new RecordBatch()
  readonly #rejects = new RecordBatch()
  readonly #scratch = new RecordBatch()
  readonly #reasons: Partial<Record<Reason, number>> = {}
  #rows = 0
  #accepted = 0
  #merged = 0
  #rejected = 0
  #leftOut = 0
  #importedBefore = 0
  #line = 0
  #start: ImportStart = { eventsThrough: 0, rejectsThrough: 0 }
  #hash = ''

  constructor(parts: FileImportParts) {
    this.#parts = parts
    const { file, reader, options, contract } = parts
    const source = { file, format: reader.format, columns: reader.columns }
    this.#map = bindMapping(options.mapping, contract.event, source)
    this.#readKey = bindGroupKey(options.mapping, source)
  }

  async run(onBytes: (bytes: number) => void): Promise<void> {
    const { ports, options, reader, file, scattered, sink } = this.#parts
    if (sink !== undefined) {
      this.#hash = await ports.hashFile(file)
      if (!options.includesImported)
        this.#start = sink.ledger.findStart(this.#hash, options.mappingHash, file)
    }
    const batchBytes = options.batchBytes ?? BATCH_BYTES
    for await (const rows of groupRows(reader, this.#readKey, scattered, file)) {
      const nowMs = ports.clock.nowMs()
      for (const row of rows) this.#importRow(row, nowMs)
      onBytes(reader.bytesRead())
      if (this.#events.bytes + this.#rejects.bytes >= batchBytes) await this.#flush(false)
      if (options.signal.aborted) break
    }
    await this.#flush(!options.signal.aborted)
  }

  result(): ImportedFile {
    const { file, reader } = this.#parts
    return {
      file,
      rows: this.#rows,
      accepted: this.#accepted,
      merged: this.#merged,
      rejected: this.#rejected,
      leftOut: this.#leftOut,
      importedBefore: this.#importedBefore,
      reasons: this.#reasons,
      repeatedHeaders: reader.repeatedHeaders(),
    }
  }

  /** Imports one row, or a group of rows as one event. */
  #importRow(row: SourceRow | RowGroup, nowMs: number): void {
    const group = 'rows' in row ? row : { rows: undefined, lastLine: row.line }
    const count = group.rows?.length ?? 1
    this.#rows += count
    this.#line = group.lastLine
    const { eventsThrough, rejectsThrough } = this.#start
    if (group.lastLine <= Math.min(eventsThrough, rejectsThrough)) {
      this.#importedBefore += count
      return
    }
    const mapped =
      row.values instanceof RowFault ? row.values : this.#map(row.values, row.line, group.rows)
    if (mapped instanceof RowFault) {
      this.#rejectRow(row, mapped, nowMs)
      return
    }
    if (mapped.kind === 'left_out') {
      this.#leftOut += count
      return
    }
    const { contract } = this.#parts
    const record = this.#scratch.encodeOne((batch) => contract.encodeEvent(batch, mapped.event))
    const rejection = contract.validate(record, nowMs)
    if (rejection !== undefined) this.#rejectRow(row, rejection, nowMs)
    else if (group.lastLine <= eventsThrough) this.#importedBefore += count
    else {
      this.#accepted++
      this.#merged += count - 1
      this.#events.add(record)
    }
  }

  #rejectRow(row: SourceRow | RowGroup, fault: Rejection, nowMs: number): void {
    const [count, lastLine] = 'rows' in row ? [row.rows.length, row.lastLine] : [1, row.line]
    if (lastLine <= this.#start.rejectsThrough) {
      this.#importedBefore += count
      return
    }
    this.#merged += count - 1
    const { file, options, contract, examples } = this.#parts
    const { reason, message } = fault
    const origin = `${file}:${row.line}`
    this.#rejected++
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1
    if (examples.length < EXAMPLES_MAX) examples.push({ origin, reason, message })
    contract.encodeReject(this.#rejects, {
      reason,
      message,
      topic: options.topic,
      partition: options.partition,
      // The row was never in the topic and so has no offset.
      offset: -1,
      first_seen: nowMs,
      schema_id: null,
      origin,
      bytes: row.raw,
    })
  }

  /**
   * Appends what was collected. The ledger entry comes first, so that an interruption is detected.
   */
  async #flush(isDone: boolean): Promise<void> {
    const { sink, ports, options, file } = this.#parts
    const [events, rejects] = [this.#events, this.#rejects]
    if (sink !== undefined && this.#rows > this.#importedBefore) {
      const nowMs = ports.clock.nowMs()
      sink.eventsEnd += events.count
      sink.rejectsEnd += rejects.count
      await sink.ledger.write({
        file: this.#hash,
        mapping: options.mappingHash,
        name: file,
        atMs: nowMs,
        line: this.#line,
        rows: this.#rows,
        isDone,
        topic: options.topic,
        dlqTopic: options.dlqTopic,
        partition: options.partition,
        eventsEnd: sink.eventsEnd,
        rejectsEnd: sink.rejectsEnd,
        runStart: sink.runStart,
      })
      if (rejects.count > 0) await sink.rejects.append(rejects, nowMs)
      if (events.count > 0) await sink.events.append(events, nowMs)
    }
    events.clear()
    rejects.clear()
  }
}
