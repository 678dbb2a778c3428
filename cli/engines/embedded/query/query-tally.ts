/** Counts the queries of an engine by how they ended. */
import { CcsError } from '../../../domain/kernel/errors.ts'
import { QUERY_OUTCOMES, type QueryOutcome } from '../../../domain/monitoring/engine-usage.ts'

/** Starts at 0 with each engine. */
export class QueryTally {
  readonly #ended = new Map<QueryOutcome, number>(QUERY_OUTCOMES.map((one) => [one, 0]))

  /** Counts a query that ended with `error`; undefined: it was answered. */
  add(error: unknown, wasStopped: boolean): void {
    const outcome = error === undefined ? 'answered' : classify(error, wasStopped)
    this.#ended.set(outcome, (this.#ended.get(outcome) ?? 0) + 1)
  }

  read(): Readonly<Record<QueryOutcome, number>> {
    // The map has each of the outcomes.
    return Object.fromEntries(this.#ended) as Record<QueryOutcome, number>
  }
}

/** `wasStopped`: from outside, by its client, its time limit or the end of the engine. */
function classify(error: unknown, wasStopped: boolean): QueryOutcome {
  const code = error instanceof CcsError ? error.code : undefined
  if (!wasStopped) return code === 'CCS_QUERY_LIMIT' ? 'too_large' : 'refused'
  if (code === 'CCS_QUERY_LIMIT') return 'timed_out'
  return code === 'CCS_ENGINE_UNREACHABLE' ? 'stopped' : 'cancelled'
}
