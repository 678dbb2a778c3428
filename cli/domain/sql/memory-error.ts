/** What a person reads when a statement needs more memory than DuckDB may use. */
import { CcsError } from '../kernel/errors.ts'

/** undefined for any other error. */
export function memoryError(thrown: unknown): CcsError | undefined {
  const [first = ''] = thrown instanceof Error ? thrown.message.split('\n') : []
  if (!first.startsWith('Out of Memory Error')) return undefined
  return new CcsError('CCS_MEMORY_SHORT', `DuckDB needs more memory: ${first}`, {
    hint:
      'Raise engine.memory_limit in ccs.yml, or give the container more memory; ccs doctor ' +
      'prints both. Committed data is safe.',
    cause: thrown,
  })
}
