/**
 * Reads one file of an import: rows become events, which are sorted by their time, and rejects,
 * which keep the file's order. Nothing is appended before all files were read whole.
 */

import { RowFault, type RowReader, type SourceRow } from '../documents/source-row.ts'
import type { Reason } from '../events/contracts.ts'
import type { Rejection } from '../gate/contract-rules.ts'
import { ORDER_FIELD, ORDER_KIND } from '../gate/decoder/order-id.ts'
import type { Clock } from '../kernel/clock.ts'
import type { EventLog } from '../log/event-log.ts'
import { RecordBatch } from '../log/record-batch.ts'
import type { EventDays } from './event-days.ts'
import type { ImportContract } from './import-contract.ts'
import { bindMapping, type RowMapper } from './mapping/bind-mapping.ts'
import { bindGroupKey, type ReadKey } from './mapping/group-key.ts'
import { groupRows, limitGroupRows } from './mapping/group-rows.ts'
import type { MappingSpec } from './mapping/mapping-spec.ts'
import type { FileGroups, RowGroup } from './mapping/row-grouper.ts'
import type { OpenSpill, RecordSorter } from './record-sorter.ts'
import type { OrderPrints } from './repeated-orders.ts'

/** What an import needs from outside. */
export interface ImportPorts {
  readonly log: EventLog
  readonly clock: Clock
  readonly openRows: (file: string) => Promise<RowReader>
  /** Returns the SHA-256 of a file's bytes in hex; undefined: the signal came first. */
  readonly hashFile: (file: string, signal: AbortSignal) => Promise<string | undefined>
  readonly openSpill: OpenSpill
}

/** With `group` files are checked first. All are read, then their events are written. */
export type ImportPhase = 'check' | 'read' | 'write'

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
  /** An append has at most this many bytes, or one record; 4 MiB by default. */
  readonly batchBytes?: number
  /** Events are sorted in memory up to this many bytes; 48 MiB by default. */
  readonly sortBytes?: number
  /** Reads and validates everything but writes nothing. */
  readonly isDryRun: boolean
  /** Also sends files that were imported before. */
  readonly includesImported: boolean
  readonly signal: AbortSignal
  /** Bytes of the files that were checked or read, then events that were written. */
  readonly onProgress: (phase: ImportPhase, done: number, total: number) => void
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
  /** Rows that an earlier import has already put into the log. */
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

const EXAMPLES_MAX = 10

interface FileImportParts {
  readonly ports: ImportPorts
  readonly contract: ImportContract
  readonly options: ImportOptions
  readonly reader: RowReader
  readonly file: string
  /** As `scanGroups` found them. */
  readonly groups: FileGroups
  /** Given back with each of the file's records. */
  readonly tag: number
  readonly sorted: SortedImport
}

/** What the files of a run give; shared by all of them. */
export interface SortedImport {
  readonly events: RecordSorter
  readonly rejects: RecordSorter
  readonly orders: OrderPrints
  readonly days: EventDays
  readonly examples: RejectedRow[]
  /** The time by which rows are in the future. */
  readonly nowMs: number
  /** The first rejects, as many as these, are in the log already. */
  rejectsBefore: number
}

/** Reads one file. The constructor throws CCS_IMPORT_INVALID for missing columns. */
export class FileImport {
  readonly #parts: FileImportParts
  readonly #map: RowMapper
  readonly #readKey: ReadKey | undefined
  readonly #batch = new RecordBatch()
  readonly #scratch = new RecordBatch()
  readonly #reasons: Partial<Record<Reason, number>> = {}
  #rows = 0
  #accepted = 0
  #merged = 0
  #rejected = 0
  #leftOut = 0
  #importedBefore = 0

  constructor(parts: FileImportParts) {
    this.#parts = parts
    const { file, reader, options, contract } = parts
    const source = { file, format: reader.format, columns: reader.columns }
    this.#map = bindMapping(options.mapping, contract.event, source)
    this.#readKey = bindGroupKey(options.mapping, source)
  }

  /** Stops early if there is a signal; then what was read must not be written. */
  async run(onBytes: (bytes: number) => void): Promise<void> {
    const { contract, options, reader, file, groups, sorted } = this.#parts
    const rowsMax = limitGroupRows(contract.event)
    const grouping = { file, readKey: this.#readKey, groups, rowsMax }
    for await (const rows of groupRows(reader, grouping)) {
      for (const row of rows) this.#importRow(row)
      onBytes(reader.bytesRead())
      if (sorted.events.isFull) await sorted.events.spill()
      if (sorted.rejects.isFull) await sorted.rejects.spill()
      if (sorted.orders.isFull) await sorted.orders.spill()
      if (options.signal.aborted) return
    }
  }

  /** One of the file's events is in the log since an earlier run. */
  countImportedBefore(): void {
    this.#accepted--
    this.#importedBefore++
  }

  /** So many of the file's events were not written, because the import was stopped. */
  excludePending(events: number): void {
    this.#accepted -= events
    this.#rows -= events
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
  #importRow(row: SourceRow | RowGroup): void {
    const rows = 'rows' in row ? row.rows : undefined
    const count = countRows(row)
    this.#rows += count
    const mapped =
      row.values instanceof RowFault ? row.values : this.#map(row.values, row.line, rows)
    if (mapped instanceof RowFault) {
      this.#rejectRow(row, mapped)
      return
    }
    if (mapped.kind === 'left_out') {
      this.#leftOut += count
      return
    }
    const { contract, options, file, tag, sorted } = this.#parts
    const record = this.#scratch.encodeOne((batch) => contract.encodeEvent(batch, mapped.event))
    const eventMs = contract.readEventMs(record, sorted.nowMs)
    if (typeof eventMs !== 'number') {
      this.#rejectRow(row, eventMs)
      return
    }
    this.#accepted++
    this.#merged += count - 1
    sorted.days.add(eventMs, file, row.line)
    const { event } = mapped
    const { event_type: type, [ORDER_FIELD]: orderId } = event
    const { fields } = contract.event
    if (type === ORDER_KIND && typeof orderId === 'string')
      sorted.orders.add({ orderId, event, fields, record, origin: `${file}:${row.line}` })
    if (!options.isDryRun) sorted.events.add(eventMs, tag, record)
  }

  #rejectRow(row: SourceRow | RowGroup, fault: Rejection): void {
    const { file, tag, options, contract, sorted } = this.#parts
    const count = countRows(row)
    if (sorted.rejectsBefore > 0) {
      sorted.rejectsBefore--
      this.#importedBefore += count
      return
    }
    this.#merged += count - 1
    const { reason, message } = fault
    const origin = `${file}:${row.line}`
    this.#rejected++
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1
    if (sorted.examples.length < EXAMPLES_MAX) sorted.examples.push({ origin, reason, message })
    if (options.isDryRun) return
    const record = this.#batch.encodeOne((batch) =>
      contract.encodeReject(batch, {
        reason,
        message,
        topic: options.topic,
        partition: options.partition,
        // The row was never in the topic and so has no offset.
        offset: -1,
        first_seen: sorted.nowMs,
        schema_id: null,
        origin,
        model: null,
        bytes: row.raw,
      }),
    )
    // Rejects have no order of their own, so they keep that of the rows.
    sorted.rejects.add(0, tag, record)
  }
}

function countRows(row: SourceRow | RowGroup): number {
  return 'rows' in row ? row.rowCount : 1
}
