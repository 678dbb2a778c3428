/** What a backfill is asked for, and what it says. */
import type { DayComparison, DayRange } from './compare-days.ts'

/** How a backfill goes. */
export interface BackfillRun {
  readonly range: DayRange
  /** Fewer rows than there were are accepted. */
  readonly mayLoseRows: boolean
  /** Asked once both sides are compared and something differs. */
  readonly confirm: (compared: DayComparison) => Promise<boolean>
}

/** What differed, and whether the new rows are live. */
export interface BackfillResult extends DayRange, DayComparison {
  readonly applied: boolean
  /** Of the live commit now; null: nothing was committed yet. */
  readonly serial: number | null
}
