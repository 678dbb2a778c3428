/**
 * Finds the rows that make a computation fail, by halves. Rows are taken in their order, each on
 * top of those before it that went through: so a row that only makes a sum overflow together with
 * others is found too, as the one whose addition makes it fail.
 */

/** A computation over rows, which are numbered. */
export interface RowTrial {
  /**
   * Computes rows `from` up to, not including, `to`, on top of those that went through before.
   * Resolves to why that fails; undefined: these rows went through, too.
   */
  attempt(from: number, to: number): Promise<string | undefined>
  /** Leaves these rows out from now on. */
  exclude(failing: FailingRows): Promise<void>
}

/** Rows `from` up to, not including, `to`: one row, or several if there was no time to divide. */
export interface FailingRows {
  readonly from: number
  readonly to: number
  readonly message: string
}

/**
 * Calls `exclude` for the rows that fail, in order, and returns the number of calls. About
 * 2 × log2(rows) attempts for each failing row. As soon as `isOverdue`, what is known to fail is
 * excluded as a whole.
 */
export async function findFailingRows(
  { from, to }: { readonly from: number; readonly to: number },
  trial: RowTrial,
  isOverdue: () => boolean,
): Promise<number> {
  let found = 0
  /** Returns whether all of them went through; `known`: why they don't, if that is known. */
  const visit = async (first: number, end: number, known?: string): Promise<boolean> => {
    const isSingle = end - first === 1
    // That a single row fails is never concluded from others.
    const message = (isSingle ? undefined : known) ?? (await trial.attempt(first, end))
    if (message === undefined) return true
    if (isSingle || isOverdue()) {
      await trial.exclude({ from: first, to: end, message })
      found++
      return false
    }
    const middle = first + Math.ceil((end - first) / 2)
    const isFirstHalfGood = await visit(first, middle)
    await visit(middle, end, isFirstHalfGood ? message : undefined)
    return false
  }
  if (to > from) await visit(from, to)
  return found
}
