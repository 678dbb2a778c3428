/** What a query that fails or is cancelled says. */
import { CcsError } from '../../domain/kernel/errors.ts'

/** Why a query ends whose client has gone. */
export function toCancelError(reason: unknown): CcsError {
  if (reason instanceof CcsError) return reason
  return new CcsError('CCS_QUERY_INVALID', 'The query was cancelled.', { cause: reason })
}

/** An error of a query, in DuckDB's words. */
export function toQueryError(error: unknown): CcsError {
  if (error instanceof CcsError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new CcsError('CCS_QUERY_INVALID', message.trim(), { cause: error })
}
