/**
 * "Did you mean …?": the known word nearest to what was typed, if it is near enough to be a slip.
 */

/** The nearest of `known`, or undefined when none is within about a third of the word's letters. */
export function findNearest(word: string, known: readonly string[]): string | undefined {
  const typed = word.toLowerCase()
  const ranked = known
    .map((candidate) => ({ candidate, edits: editsBetween(typed, candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits || a.candidate.localeCompare(b.candidate))
  const best = ranked[0]
  const editsMax = Math.max(1, Math.floor(word.length / 3))
  return best && best.edits <= editsMax ? best.candidate : undefined
}

/** A hint for an unknown word: the nearest known one, else all of them. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = findNearest(word, known)
  return near === undefined ? `Known: ${[...known].sort().join(', ')}.` : `Did you mean "${near}"?`
}

/** Optimal string alignment: insertions, deletions, substitutions and swapped neighbours. */
function editsBetween(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const at = (line: readonly number[], index: number) => line[index] ?? 0
      const substitution = at(above, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1)
      let edits = Math.min(at(current, column - 1) + 1, at(above, column) + 1, substitution)
      if (a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        edits = Math.min(edits, at(before, column - 2) + 1)
      current.push(edits)
    }
    before = above
    above = current
  }
  return above[b.length] ?? 0
}
