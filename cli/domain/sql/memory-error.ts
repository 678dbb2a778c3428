/** What a person reads when a statement needs more memory than DuckDB may use. */
import { CcsError } from '../kernel/errors.ts'

/** Whether DuckDB needed more memory than it may use; at a commit it says so only further on. */
export function isMemoryShort(thrown: unknown): thrown is Error {
  const text = thrown instanceof Error ? thrown.message : ''
  return /^Out of Memory Error|^[^\n]*could not allocate block/.test(text)
}

/** undefined for any other error. */
export function memoryError(thrown: unknown): CcsError | undefined {
  if (!isMemoryShort(thrown)) return undefined
  const [first = ''] = thrown.message.split('\n')
  return new CcsError('CCS_MEMORY_SHORT', `DuckDB needs more memory: ${first}`, {
    hint:
      'Raise engine.memory_limit in ccs.yml, or give the container more memory; ccs doctor ' +
      'prints both. Committed data is safe.',
    cause: thrown,
  })
}
