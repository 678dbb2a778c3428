/**
 * Imports files: the mapping turns each row into an event, which is encoded and validated by
 * the pipeline's own gate. It goes to events.raw or, with its bytes, reason and place, to
 * events.dlq. No row is dropped silently: rows = accepted + merged into the event of another
 * row + rejected + left out by the mapping + imported before.
 *
 * All files of a run are read first, and its events are sorted by their time, because an event that
 * comes after newer ones is late. A file that can't be read to its end stops the run before
 * anything is written.
 */
import type { Reason } from '../events/contracts.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import { checkFiles } from './check-files.ts'
import { EventDays, type ImportedDays } from './event-days.ts'
import type { ImportContract } from './import-contract.ts'
import {
  FileImport,
  type ImportCounts,
  type ImportedFile,
  type ImportOptions,
  type ImportPorts,
  type RejectedRow,
  type SortedImport,
} from './import-file.ts'
import { type ImportPlan, planImport } from './import-plan.ts'
import { ImportSink } from './import-sink.ts'
import { type FileFault, joinFaults } from './join-faults.ts'
import { NO_GROUPS } from './mapping/group-rows.ts'
import type { FileGroups } from './mapping/row-grouper.ts'
import { RecordSorter } from './record-sorter.ts'
import { nextOrderOffset, OrderPrints, type RepeatedOrders } from './repeated-orders.ts'

/** What `ccs import --json` prints: totals, then each file. */
export interface ImportResult extends ImportCounts {
  readonly isDryRun: boolean
  /** Interrupted by a signal; running the same command again resumes. */
  readonly isStopped: boolean
  readonly topic: string
  readonly partition: number
  /** Orders that came again with other contents: all but the first purchase are left out. */
  readonly repeatedOrders: RepeatedOrders
  /** The days of the events that were read. */
  readonly days: ImportedDays
  readonly files: readonly ImportedFile[]
  /** The first rejected rows, as examples; events.dlq has all of them. */
  readonly examples: readonly RejectedRow[]
}

/** Rejects are held in memory up to this many bytes. */
const REJECT_BYTES = 16 * 1024 * 1024

/**
 * Imports the files. All of them are opened before anything is written, and all missing columns are
 * reported at once: CCS_IMPORT_INVALID.
 */
export async function importFiles(
  ports: ImportPorts,
  contract: ImportContract,
  options: ImportOptions,
): Promise<ImportResult> {
  const { bytesTotal, groups } = await checkFiles(ports, contract, options)
  const isWritten = !options.isDryRun && !options.signal.aborted
  const sink = !isWritten ? undefined : await ImportSink.open(ports, options)
  try {
    const plan = await planImport(ports, options, sink?.ledger)
    const run = new ImportRun({ ports, contract, options, plan, groups })
    try {
      await run.read(bytesTotal)
      if (sink !== undefined) await run.write(sink)
      return await run.result()
    } finally {
      await run.close()
    }
  } finally {
    await sink?.close()
  }
}

interface ImportRunParts {
  readonly ports: ImportPorts
  readonly contract: ImportContract
  readonly options: ImportOptions
  readonly plan: ImportPlan
  /** With `group`: what the scan of each file found. */
  readonly groups: ReadonlyMap<string, FileGroups>
}

/** One run: read, then write. */
class ImportRun {
  readonly #parts: ImportRunParts
  readonly #sorted: SortedImport
  /** Those that were read, by the index in the plan. */
  readonly #read = new Map<number, FileImport>()
  #isStopped = false
  #repeatedOrders: RepeatedOrders = { orders: 0, example: null }

  constructor(parts: ImportRunParts) {
    this.#parts = parts
    const { openSpill, clock } = parts.ports
    const { interrupted } = parts.plan
    this.#sorted = {
      events: new RecordSorter(openSpill, parts.options.sortBytes),
      rejects: new RecordSorter(openSpill, REJECT_BYTES),
      orders: new OrderPrints(openSpill),
      days: new EventDays(),
      examples: [],
      nowMs: interrupted?.startedMs ?? clock.nowMs(),
      rejectsBefore: interrupted?.progress.rejects ?? 0,
    }
  }

  /** Throws the faults of all files that can't be read to their ends. */
  async read(bytesTotal: number): Promise<void> {
    const { ports, contract, options, plan } = this.#parts
    const faults: FileFault[] = []
    let bytesBefore = 0
    for (const [tag, { file, rowsBefore, sameAs }] of plan.files.entries()) {
      if (options.signal.aborted) break
      if (rowsBefore !== undefined || sameAs !== undefined) continue
      const reader = await ports.openRows(file)
      try {
        if (reader.isEmpty) continue
        const sorted = this.#sorted
        const groups = this.#parts.groups.get(file) ?? NO_GROUPS
        const parts = { ports, contract, options, reader, file, groups, tag, sorted }
        const one = new FileImport(parts)
        await one.run((bytes) => options.onProgress('read', bytesBefore + bytes, bytesTotal))
        this.#read.set(tag, one)
      } catch (error) {
        if (!(error instanceof CcsError)) throw error
        faults.push({ file, fault: error })
      } finally {
        await reader.close()
      }
      bytesBefore += reader.bytesTotal
    }
    throwAll(joinFaults(faults))
    this.#isStopped = options.signal.aborted
    if (this.#isStopped) this.#read.clear()
  }

  async write(sink: ImportSink): Promise<void> {
    const { key, interrupted, files } = this.#parts.plan
    const { ports, options } = this.#parts
    const { events, rejects, orders, nowMs } = this.#sorted
    const ledgerFiles = [...this.#read].flatMap(([tag, one]) => {
      const { file: name, rows } = one.result()
      return rows === 0 ? [] : [{ file: files[tag]?.hash ?? '', name, rows }]
    })
    if (ledgerFiles.length === 0) return
    const progress = interrupted?.progress ?? { events: 0, rejects: 0, checksum: 0 }
    const runFrom = interrupted ? interrupted.ordersFrom : await nextOrderOffset(ports.log)
    const records = { files: ledgerFiles, events, rejects }
    const run = { key, startedMs: nowMs, ordersFrom: runFrom, progress, ...records }
    const pending = await sink.append(run, {
      onImportedBefore: (tag) => this.#read.get(tag)?.countImportedBefore(),
      onProgress: (done) => options.onProgress('write', done, events.count),
      // Before the run counts as complete, so that a process that is killed here repeats it.
      onLast: async () => {
        const writesTo = { owner: 'ccs import', atMs: ports.clock.nowMs(), runFrom }
        this.#repeatedOrders = await orders.find(ports.log, writesTo)
      },
    })
    for (const [tag, count] of pending) this.#read.get(tag)?.excludePending(count)
    this.#isStopped = pending.size > 0
  }

  async result(): Promise<ImportResult> {
    const { options, plan, ports } = this.#parts
    const { isDryRun, topic, partition } = options
    const { examples, days, orders } = this.#sorted
    // Of a run that is not complete, the same command finds them later.
    if (isDryRun && !this.#isStopped) this.#repeatedOrders = await orders.find(ports.log, undefined)
    const rows = new Map<string, number>()
    const files = plan.files.map(({ file, rowsBefore, sameAs }, tag) => {
      const result = this.#read.get(tag)?.result()
      const before = rowsBefore ?? (sameAs === undefined ? 0 : (rows.get(sameAs) ?? 0))
      const one = result ?? { ...NO_ROWS, file, rows: before, importedBefore: before }
      rows.set(file, one.rows)
      return one
    })
    return {
      isDryRun,
      isStopped: this.#isStopped,
      topic,
      partition,
      ...sum(files),
      repeatedOrders: this.#repeatedOrders,
      days: days.summarize(),
      files,
      examples,
    }
  }

  async close(): Promise<void> {
    await this.#sorted.events.close()
    await this.#sorted.rejects.close()
    await this.#sorted.orders.close()
  }
}

const NO_ROWS = { accepted: 0, merged: 0, rejected: 0, leftOut: 0, reasons: {}, repeatedHeaders: 0 }

function sum(files: readonly ImportedFile[]): ImportCounts {
  const total = { rows: 0, accepted: 0, merged: 0, rejected: 0, leftOut: 0, importedBefore: 0 }
  const reasons: Partial<Record<Reason, number>> = {}
  for (const file of files) {
    total.rows += file.rows
    total.accepted += file.accepted
    total.merged += file.merged
    total.rejected += file.rejected
    total.leftOut += file.leftOut
    total.importedBefore += file.importedBefore
    for (const [reason, count] of Object.entries(file.reasons) as [Reason, number][])
      reasons[reason] = (reasons[reason] ?? 0) + count
  }
  return { ...total, reasons }
}
