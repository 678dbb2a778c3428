/**
 * Where an import writes: its partition of both topics and the ledger, locked while open. Each
 * append is announced in the ledger first, so that an interruption neither doubles nor loses
 * records.
 */
import { CcsError } from '../kernel/errors.ts'
import { crc32c } from '../log/crc32c.ts'
import type { LogWriter } from '../log/event-log.ts'
import { RecordBatch } from '../log/record-batch.ts'
import type { ImportOptions, ImportPorts } from './import-file.ts'
import { ImportLedger, type LedgerFile, type RunKey, type RunProgress } from './import-ledger.ts'
import type { RecordSorter, SortedRecords } from './record-sorter.ts'

const BATCH_BYTES = 4 * 1024 * 1024

/** What a run appends; `tag` of a record is the index of its file. */
export interface RunRecords {
  readonly key: RunKey
  readonly startedMs: number
  /** From which offset on the fingerprints of its orders are kept. */
  readonly ordersFrom: number | undefined
  /** What is in the log already. */
  readonly progress: RunProgress
  /** Files with rows. */
  readonly files: readonly LedgerFile[]
  readonly events: RecordSorter
  /** Without those that `progress` has. */
  readonly rejects: RecordSorter
}

/** Gets each event that is in the log already, by its tag, and how many there are so far. */
export interface AppendListener {
  readonly onImportedBefore: (tag: number) => void
  readonly onProgress: (eventsDone: number) => void
  /** Called before the entry of the ledger after which nothing of the run is done again. */
  readonly onLast: () => Promise<void>
}

/** The ledger and the import's partition of both topics. */
export class ImportSink {
  readonly ledger: ImportLedger
  readonly #ports: ImportPorts
  readonly #options: ImportOptions
  readonly #events: LogWriter
  readonly #rejects: LogWriter
  readonly #runStart: number
  #eventsEnd: number
  #rejectsEnd: number

  private constructor(
    { ports, options }: { readonly ports: ImportPorts; readonly options: ImportOptions },
    opened: {
      readonly ledger: ImportLedger
      readonly events: LogWriter
      readonly rejects: LogWriter
    },
    ends: { readonly events: number; readonly rejects: number },
  ) {
    this.#ports = ports
    this.#options = options
    this.ledger = opened.ledger
    this.#events = opened.events
    this.#rejects = opened.rejects
    this.#runStart = ends.events
    this.#eventsEnd = ends.events
    this.#rejectsEnd = ends.rejects
  }

  static async open(ports: ImportPorts, options: ImportOptions): Promise<ImportSink> {
    const { log, clock } = ports
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
      return new ImportSink(
        { ports, options },
        { ledger, events, rejects },
        {
          events: (await log.range(topic, partition)).end,
          rejects: (await log.range(dlqTopic, partition)).end,
        },
      )
    } catch (error) {
      for (const one of opened) await one.close()
      throw error
    }
  }

  /**
   * Appends all rejects, then the events in the order of time; a signal stops it between events.
   * Returns how many events are left then, by their tags. Throws CCS_IMPORT_INVALID if the events
   * that an interrupted run has appended are not the first ones of these.
   */
  async append(run: RunRecords, listener: AppendListener): Promise<ReadonlyMap<number, number>> {
    const events = await run.events.sorted()
    const skipped = await skipRecords(events, run.progress, listener.onImportedBefore)
    if (skipped !== run.progress.checksum) throw changedError()
    const bytesMax = this.#options.batchBytes ?? BATCH_BYTES
    const rejects = await run.rejects.sorted()
    let { progress } = run
    let isFirst = progress.events + progress.rejects === 0
    const batch = new RecordBatch()
    while (!rejects.isAtEnd) {
      await rejects.read(batch, { bytesMax })
      progress = { ...progress, rejects: progress.rejects + batch.count }
      const isDone = rejects.isAtEnd && events.isAtEnd
      if (isDone) await listener.onLast()
      await this.#append('rejects', batch, { run, progress, isFirst, isDone })
      isFirst = false
    }
    let isDone = events.isAtEnd && run.rejects.count > 0
    while (!isDone && !this.#options.signal.aborted) {
      let { checksum } = progress
      await events.read(batch, { bytesMax }, (_, record) => {
        checksum = addChecksum(checksum, record)
      })
      progress = { ...progress, events: progress.events + batch.count, checksum }
      isDone = events.isAtEnd
      if (isDone) await listener.onLast()
      await this.#append('events', batch, { run, progress, isFirst, isDone })
      listener.onProgress(progress.events)
      isFirst = false
    }
    return countTags(events)
  }

  /** The ledger's entry comes first, so that an interruption is detected. */
  async #append(
    what: 'events' | 'rejects',
    batch: RecordBatch,
    { run, progress, isFirst, isDone }: Announcement,
  ): Promise<void> {
    const { topic, dlqTopic, partition } = this.#options
    const atMs = this.#ports.clock.nowMs()
    if (what === 'events') this.#eventsEnd += batch.count
    else this.#rejectsEnd += batch.count
    await this.ledger.write({
      ...run.key,
      ...(isFirst ? { files: run.files, ordersFrom: run.ordersFrom } : {}),
      ...progress,
      startedMs: run.startedMs,
      atMs,
      isDone,
      topic,
      dlqTopic,
      partition,
      eventsEnd: this.#eventsEnd,
      rejectsEnd: this.#rejectsEnd,
      runStart: this.#runStart,
    })
    const writer = what === 'events' ? this.#events : this.#rejects
    if (batch.count > 0) await writer.append(batch, atMs)
    batch.clear()
  }

  async close(): Promise<void> {
    await this.#events.close()
    await this.#rejects.close()
    await this.ledger.close()
  }
}

interface Announcement {
  readonly run: RunRecords
  readonly progress: RunProgress
  readonly isFirst: boolean
  readonly isDone: boolean
}

const SKIP_BYTES = 1024 * 1024

/** Reads the records that are left. */
async function countTags(records: SortedRecords): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>()
  const batch = new RecordBatch()
  while (!records.isAtEnd) {
    batch.clear()
    const limit = { bytesMax: SKIP_BYTES }
    await records.read(batch, limit, (tag) => counts.set(tag, (counts.get(tag) ?? 0) + 1))
  }
  return counts
}

/** Reads the events that are in the log already; returns their checksum. */
async function skipRecords(
  records: SortedRecords,
  { events }: RunProgress,
  onSkipped: (tag: number) => void,
): Promise<number> {
  const batch = new RecordBatch()
  let checksum = 0
  for (let left = events; left > 0; left -= batch.count) {
    batch.clear()
    if (records.isAtEnd) throw changedError()
    await records.read(batch, { bytesMax: SKIP_BYTES, countMax: left }, (tag, record) => {
      checksum = addChecksum(checksum, record)
      onSkipped(tag)
    })
  }
  return checksum
}

function addChecksum(checksum: number, record: Uint8Array): number {
  return (Math.imul(checksum, 31) + crc32c(record)) >>> 0
}

function changedError(): CcsError {
  return new CcsError(
    'CCS_IMPORT_INVALID',
    'This import was interrupted, and its files now give other events than before.',
    {
      hint:
        'ccs, the schemas or the gate in ccs.yml have changed since. Add --again to import all\n' +
        'rows again; those with the same ids count once.',
    },
  )
}
