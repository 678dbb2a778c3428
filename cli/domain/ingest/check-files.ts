/**
 * Checks all files of an import before anything is written: their columns, and with `group` where
 * the rows of each group are.
 */
import type { RowReader } from '../documents/source-row.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import type { ImportContract } from './import-contract.ts'
import type { ImportOptions, ImportPorts } from './import-file.ts'
import { type FileFault, joinFaults } from './join-faults.ts'
import { bindMapping } from './mapping/bind-mapping.ts'
import { bindGroupKey, type ReadKey } from './mapping/group-key.ts'
import { limitGroupRows, scanGroups } from './mapping/group-rows.ts'
import type { FileGroups } from './mapping/row-grouper.ts'

/** What is known of the files before they are read. */
export interface CheckedFiles {
  /** Of all files, as stored. */
  readonly bytesTotal: number
  /** With `group`: what the scan of each file found. */
  readonly groups: ReadonlyMap<string, FileGroups>
}

/**
 * Throws the errors of all files together. A signal ends it early: then the files must not be
 * imported.
 */
export async function checkFiles(
  { openRows }: ImportPorts,
  { event }: ImportContract,
  { files, mapping, signal, onProgress }: ImportOptions,
): Promise<CheckedFiles> {
  if (mapping.rows !== undefined)
    throw new CcsError(
      'CCS_IMPORT_INVALID',
      `${mapping.file} has "rows", which is for what the collector receives.`,
      { hint: 'In a file each line is a row; write a mapping without "rows".' },
    )
  const faults: FileFault[] = []
  const sizes = new Map<string, number>()
  let bytesTotal = 0
  for (const file of files)
    await collectFault(faults, file, async () => {
      const reader = await openRows(file)
      try {
        const { format, columns } = reader
        if (!reader.isEmpty) bindMapping(mapping, event, { file, format, columns })
        if (!reader.isEmpty) sizes.set(file, reader.bytesTotal)
        bytesTotal += reader.bytesTotal
      } finally {
        await reader.close()
      }
    })
  const groups = new Map<string, FileGroups>()
  const rowsMax = limitGroupRows(event)
  if (mapping.group !== undefined) {
    // A file may have to be read twice.
    const total = 2 * [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)
    let before = 0
    for (const [file, bytes] of sizes) {
      const onBytes = (read: number) => onProgress('check', before + read, total)
      await collectFault(faults, file, async () => {
        const bind = bindKey(mapping, file)
        const options = { file, signal, onBytes, rowsMax }
        groups.set(file, await scanGroups(() => openRows(file), bind, options))
      })
      before += 2 * bytes
    }
  }
  throwAll(joinFaults(faults))
  return { bytesTotal, groups }
}

async function collectFault(
  faults: FileFault[],
  file: string,
  run: () => Promise<void>,
): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    faults.push({ file, fault: error })
  }
}

function bindKey(
  mapping: ImportOptions['mapping'],
  file: string,
): (reader: RowReader) => ReadKey | undefined {
  return ({ format, columns }) => bindGroupKey(mapping, { file, format, columns })
}
