/** The lines in which two texts differ, by their longest common subsequence. */

/** Returns changed lines marked `- ` and `+ `, with two unchanged lines around them. */
export function diffLines(before: string, after: string): readonly string[] {
  const a = before.split('\n')
  const b = after.split('\n')
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1))
  const at = (i: number, j: number) => common[i]?.[j] ?? 0
  for (let i = a.length - 1; i >= 0; i--) {
    const row = common[i] as Uint32Array // the row exists for every i
    for (let j = b.length - 1; j >= 0; j--)
      row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
  }
  const lines: { sign: ' ' | '-' | '+'; text: string }[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i] ?? '' })
      i++
      j++
    } else if (i < a.length && (j >= b.length || at(i + 1, j) >= at(i, j + 1)))
      lines.push({ sign: '-', text: a[i++] ?? '' })
    else lines.push({ sign: '+', text: b[j++] ?? '' })
  }
  const isNear = (index: number) =>
    lines.slice(Math.max(0, index - 2), index + 3).some((line) => line.sign !== ' ')
  return lines.flatMap((line, index) => (isNear(index) ? [`${line.sign} ${line.text}`] : []))
}
