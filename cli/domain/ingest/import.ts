/**
 * Imports files: the mapping turns each row into an event, which is encoded and validated by
 * the pipeline's own gate. It goes to events.raw or, with its bytes, reason and place, to
 * events.dlq. No row is dropped silently: rows = accepted + merged into the event of another
 * row + rejected + left out by the mapping + imported before.
 */
import type { RowReader } from '../documents/source-row.ts'
import type { Reason } from '../events/contracts.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import type { ImportContract } from './import-contract.ts'
import {
  FileImport,
  type ImportCounts,
  type ImportedFile,
  type ImportOptions,
  type ImportPorts,
  ImportSink,
  type RejectedRow,
} from './import-file.ts'
import { bindMapping } from './mapping/bind-mapping.ts'
import { bindGroupKey, type ReadKey, type ScatteredKeys, scanGroups } from './mapping/group-rows.ts'

/** What `ccs import --json` prints: totals, then each file. */
export interface ImportResult extends ImportCounts {
  readonly isDryRun: boolean
  /** Interrupted by a signal; running the same command again resumes. */
  readonly isStopped: boolean
  readonly topic: string
  readonly partition: number
  readonly files: readonly ImportedFile[]
  /** The first rejected rows, as examples; events.dlq has all of them. */
  readonly examples: readonly RejectedRow[]
}

/**
 * Imports the files in the given order. All of them are opened before anything is written, and all
 * missing columns are reported at once: CCS_IMPORT_INVALID.
 */
export async function importFiles(
  ports: ImportPorts,
  contract: ImportContract,
  options: ImportOptions,
): Promise<ImportResult> {
  const { bytesTotal, scattered } = await checkFiles(ports, contract, options)
  const sink = options.isDryRun ? undefined : await ImportSink.open(ports, options)
  const files: ImportedFile[] = []
  const examples: RejectedRow[] = []
  let bytesBefore = 0
  try {
    for (const [i, file] of options.files.entries()) {
      const reader = await ports.openRows(file)
      const run = new FileImport({
        ports,
        contract,
        options,
        reader,
        file,
        scattered: scattered[i] ?? new Map(),
        sink,
        examples,
      })
      try {
        await run.run((bytes) => options.onProgress(bytesBefore + bytes, bytesTotal))
      } finally {
        await reader.close()
      }
      files.push(run.result())
      bytesBefore += reader.bytesTotal
      if (options.signal.aborted) break
    }
  } finally {
    await sink?.close()
  }
  const { isDryRun, topic, partition } = options
  const isStopped = options.signal.aborted
  return { isDryRun, isStopped, topic, partition, ...sum(files), files, examples }
}

interface CheckedFiles {
  readonly bytesTotal: number
  /** For each file the groups whose rows lie apart; empty without `group`. */
  readonly scattered: readonly ScatteredKeys[]
}

/** Throws the errors of all files together. */
async function checkFiles(
  { openRows }: ImportPorts,
  { event }: ImportContract,
  { files, mapping }: ImportOptions,
): Promise<CheckedFiles> {
  const faults: CcsError[] = []
  const scattered: ScatteredKeys[] = []
  let bytesTotal = 0
  for (const file of files) {
    try {
      const reader = await openRows(file)
      try {
        bindMapping(mapping, event, { file, format: reader.format, columns: reader.columns })
        bytesTotal += reader.bytesTotal
      } finally {
        await reader.close()
      }
      if (mapping.group !== undefined)
        scattered.push(await scanGroups(() => openRows(file), bindKey(mapping, file), file))
    } catch (error) {
      if (!(error instanceof CcsError)) throw error
      faults.push(error)
    }
  }
  throwAll(faults)
  return { bytesTotal, scattered }
}

function bindKey(
  mapping: ImportOptions['mapping'],
  file: string,
): (reader: RowReader) => ReadKey | undefined {
  return ({ format, columns }) => bindGroupKey(mapping, { file, format, columns })
}

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
