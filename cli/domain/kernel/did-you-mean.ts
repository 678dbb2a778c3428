/** "Did you mean …?": finds the known word that was probably meant by a misspelt one. */

/** The nearest of `known`; undefined when all differ by more than a third of the word's letters. */
export function findNearest(word: string, known: readonly string[]): string | undefined {
  const typed = word.toLowerCase()
  const ranked = known
    .map((candidate) => ({ candidate, edits: countEdits(typed, candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits || a.candidate.localeCompare(b.candidate))
  const best = ranked[0]
  const editsMax = Math.max(1, Math.floor(word.length / 3))
  return best && best.edits <= editsMax ? best.candidate : undefined
}

/** A hint for an unknown word: the nearest known one; where none is near, all of them. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = findNearest(word, known)
  return near === undefined ? `Known: ${[...known].sort().join(', ')}.` : `Did you mean "${near}"?`
}

/**
 * Optimal string alignment distance: insertions, deletions, substitutions and swapped neighbours.
 */
function countEdits(a: string, b: string): number {
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
