/** Printed parts of expressions, and when they need parentheses. */

/** `strength`: OR 1, AND 2, NOT 3, comparison 4, || 5, + - 6, * / 7, unary minus 8, else 9. */
export interface Piece {
  readonly sql: string
  readonly strength: number
}

/** Strength of AND: of the conditions that a WHERE joins. */
export const AND_STRENGTH = 2

/** By operator; all others compare: 4. */
export const STRENGTH: Readonly<Record<string, number>> = {
  OR: 1,
  AND: AND_STRENGTH,
  '+': 6,
  '-': 6,
  '*': 7,
  '/': 7,
}

/** What never needs parentheses. */
export function indivisible(sql: string): Piece {
  return { sql, strength: 9 }
}

/** Adds parentheses to what binds weaker than its surroundings. */
export function enclose({ sql, strength }: Piece, least: number): string {
  return strength < least ? `(${sql})` : sql
}
