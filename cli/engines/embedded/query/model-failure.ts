/** Remembers that a model fails on a record: then no query of it can include all rows. */
import { readDataError } from '../../../adapters/duckdb/data-error.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'

/** Of one engine, until its next commit. */
export class ModelFailure {
  /** Why a model could not include all rows, if that lies in one of them. */
  error: CcsError | undefined

  /** Runs what brings models up to date; CCS_QUERY_INVALID if one fails on a record. */
  async watch<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      const message = readDataError(error)
      if (message === undefined) throw error
      this.error ??= new CcsError('CCS_QUERY_INVALID', `A model fails on a record: ${message}`, {
        hint: 'The running engine sets the record aside (ccs dlq ls): run the query again.',
        cause: error,
      })
      throw this.error
    }
  }
}
