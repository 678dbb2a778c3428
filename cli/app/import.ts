/**
 * The composition root of `ccs import`: files, the contract and the log. It needs neither the SQL
 * models nor a DuckDB, but for Parquet.
 */

import { systemClock } from '../adapters/process/system-clock.ts'
import type { ImportContract } from '../domain/ingest/import-contract.ts'
import type { ImportPorts } from '../domain/ingest/import-file.ts'
import type { MappingSpec } from '../domain/ingest/mapping/mapping-spec.ts'
import { DLQ_TOPIC, RAW_TOPIC, subjectFor } from '../domain/log/topics.ts'
import type { Project } from '../project.ts'
import { openStore } from './store.ts'

/** What an import needs, opened. */
export interface OpenImport {
  readonly ports: ImportPorts
  readonly contract: ImportContract
  readonly mapping: MappingSpec
  /** SHA-256 of the mapping's text. */
  readonly mappingHash: string
  close(): Promise<void>
}

/** CCS_IMPORT_INVALID with all faults of the mapping file. */
export async function openImport(project: Project, mappingFile: string): Promise<OpenImport> {
  const [{ createHash }, rows, { compileImportContract }, { parseMapping }, { openFilesRegistry }] =
    await Promise.all([
      import('node:crypto'),
      import('../adapters/files/open-rows.ts'),
      import('../domain/ingest/import-contract.ts'),
      import('../domain/ingest/mapping/parse-mapping.ts'),
      import('../adapters/registry/files-registry.ts'),
    ])
  const text = await rows.readMapping(mappingFile)
  const registry = await openFilesRegistry(`${project.dir}/schemas`)
  const dlqSchema = (await registry.versions(subjectFor(DLQ_TOPIC))).at(-1)
  const { recordBytesMax, futureToleranceMs } = project.config.gate
  const contract = compileImportContract({
    rawSchemas: await registry.versions(subjectFor(RAW_TOPIC)),
    dlqSchema,
    recordBytesMax,
    futureToleranceMs,
  })
  const mapping = parseMapping(text, mappingFile, contract.event)
  const store = await openStore(project.dataDir)
  return {
    ports: {
      log: store.log,
      clock: systemClock(),
      openRows: (file) => rows.openRows(file, mapping),
      hashFile: rows.hashFile,
      openSpill: async () =>
        (await import('../adapters/files/spill-file.ts')).openSpillFile(store.files, store.root),
    },
    contract,
    mapping,
    mappingHash: createHash('sha256').update(text).digest('hex'),
    close: () => store.log.close(),
  }
}
