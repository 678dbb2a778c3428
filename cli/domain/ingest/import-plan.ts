/** Decides before an import reads its files which of them are new, and where it continues. */
import { createHash } from 'node:crypto'
import { CcsError, throwAll } from '../kernel/errors.ts'
import type { ImportOptions, ImportPorts } from './import-file.ts'
import type { ImportLedger, InterruptedRun, RunKey } from './import-ledger.ts'
import { type FileFault, joinFaults } from './join-faults.ts'

/** A file of the command; `hash` is the SHA-256 of its bytes, '' in a dry run. */
export interface PlannedFile {
  readonly file: string
  readonly hash: string
  /** It was imported before, and has this many rows. */
  readonly rowsBefore?: number
  /** It has the same bytes as this file, which comes before it. */
  readonly sameAs?: string
}

/** What a run reads; `interrupted` if an earlier process has written a part of it. */
export interface ImportPlan {
  readonly files: readonly PlannedFile[]
  readonly key: RunKey
  readonly interrupted: InterruptedRun | undefined
}

/**
 * Without a ledger (a dry run) all files are new; so they are if a signal ends it early, and must
 * not be imported.
 */
export async function planImport(
  { hashFile }: ImportPorts,
  options: ImportOptions,
  ledger: ImportLedger | undefined,
): Promise<ImportPlan> {
  const mapping = options.mappingHash
  const allNew: ImportPlan = {
    files: options.files.map((file) => ({ file, hash: '' })),
    key: { run: '', mapping },
    interrupted: undefined,
  }
  if (ledger === undefined) return allNew
  const planned: PlannedFile[] = []
  const first = new Map<string, string>()
  const faults: FileFault[] = []
  for (const file of options.files) {
    const hash = await hashFile(file, options.signal)
    if (hash === undefined) return allNew
    const sameAs = first.get(hash)
    const find = () => (options.includesImported ? undefined : ledger.findRows(hash, mapping, file))
    const rowsBefore = sameAs === undefined ? collect(faults, file, find) : undefined
    first.set(hash, sameAs ?? file)
    planned.push({
      file,
      hash,
      ...(sameAs === undefined ? {} : { sameAs }),
      ...(rowsBefore === undefined ? {} : { rowsBefore }),
    })
  }
  throwAll(joinFaults(faults))
  const isNew = (one: PlannedFile) => one.rowsBefore === undefined && one.sameAs === undefined
  const read = planned.filter(isNew)
  const hashes = read.map(({ hash }) => hash)
  const run = createHash('sha256')
    .update([mapping, ...hashes].join())
    .digest('hex')
  if (options.includesImported)
    return { files: planned, key: { run, mapping }, interrupted: undefined }
  for (const { file, hash } of read)
    collect(faults, file, () => ledger.refuseInterrupted(hash, run, file))
  throwAll(joinFaults(faults))
  return { files: planned, key: { run, mapping }, interrupted: ledger.findInterrupted(run) }
}

/** Returns what `run` returns; its CcsError goes to `faults`. */
export function collect<T>(faults: FileFault[], file: string, run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    faults.push({ file, fault: error })
    return undefined
  }
}
