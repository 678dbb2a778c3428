/** A plan in words: a line a step, the changed lines where they are asked for, and a summary. */
import type { Plan, Step } from './plan.ts'

const SIGNS = { add: '+', change: '~', remove: '-' } as const

export function planLines(plan: Plan, options: { readonly withDiff: boolean }): readonly string[] {
  const lines: string[] = []
  for (const kind of ['schema', 'model'] as const) {
    const steps = plan.steps.filter((step) => step.kind === kind)
    if (steps.length === 0) continue
    lines.push(kind === 'schema' ? 'Schemas' : 'Models')
    for (const step of steps) lines.push(...stepLines(step, options.withDiff))
    lines.push('')
  }
  const count = (action: Step['action']) => plan.steps.filter((one) => one.action === action).length
  lines.push(
    plan.steps.length === 0
      ? `Nothing to do: ${plan.unchanged} models are as deployed.`
      : `Plan: ${count('add')} to add, ${count('change')} to change, ${count('remove')} to remove; ${plan.unchanged} models kept.`,
  )
  return lines
}

function stepLines(step: Step, withDiff: boolean): readonly string[] {
  const sign = step.action === 'change' && step.state !== 'none' ? '-/+' : SIGNS[step.action]
  const effect = step.state === 'none' ? '' : `; ${step.state}`
  const head = `  ${sign.padEnd(3)} ${step.name.padEnd(32)} ${step.category}: ${step.reason}${effect}`
  const refused = step.refused ? [`      refused: ${step.refused}`] : []
  const isText = step.action === 'change' && step.before !== step.after
  const diff = withDiff && isText ? diffLines(step.before ?? '', step.after ?? '') : []
  return [head, ...refused, ...diff.map((line) => `      ${line}`)]
}

/** Changed lines with `-` and `+`, two lines around them; by longest common subsequence. */
export function diffLines(before: string, after: string): readonly string[] {
  const a = before.split('\n')
  const b = after.split('\n')
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1))
  const at = (i: number, j: number) => common[i]?.[j] ?? 0
  for (let i = a.length - 1; i >= 0; i--) {
    const row = common[i] as Uint32Array // i counts rows that were made
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
