/**
 * Prints a plan for people: one line per step, each setting that differs, what would be lost, and
 * what to type for a step that is refused.
 */
import { diffLines } from './line-diff.ts'
import type { Plan } from './plan.ts'
import type { Difference, Step, StepAction, StepKind } from './step.ts'

/** The mark before a step, as in `+ gold.sessions`. */
export const SIGNS: Readonly<Record<StepAction, string>> = {
  add: '+',
  change: '~',
  replace: '-/+',
  remove: '-',
}

const TITLES: Readonly<Record<StepKind, string>> = {
  topic: 'Topics',
  subject: 'Subjects',
  schema: 'Schemas',
  model: 'Models',
  job: 'Jobs',
  connector: 'Connectors',
}

const NAME_WIDTH_MAX = 48

/** The lines that `ccs plan` prints; `withDiff`: changed lines of models too. */
export function printPlan(plan: Plan, options: { readonly withDiff: boolean }): readonly string[] {
  const { steps, remarks } = plan
  const lines: string[] = []
  const width = Math.min(NAME_WIDTH_MAX, Math.max(0, ...steps.map((step) => step.name.length)))
  for (const [kind, title] of Object.entries(TITLES)) {
    const some = steps.filter((step) => step.kind === kind)
    if (some.length === 0) continue
    lines.push(title, ...some.flatMap((step) => printStep(step, width, options.withDiff)), '')
  }
  for (const remark of remarks) lines.push(`note: ${remark}`)
  if (remarks.length > 0) lines.push('')
  if (plan.isUnfinished) lines.push('The last deployment broke off; the next one finishes it.')
  return [...lines, printSummary(plan)]
}

/** The last line of a plan: how many steps of each kind. */
export function printSummary({ steps, unchanged }: Pick<Plan, 'steps' | 'unchanged'>): string {
  if (steps.length === 0) return `Nothing to do: ${unchanged} resources are as deployed.`
  const count = (action: StepAction) => steps.filter((one) => one.action === action).length
  const drifted = steps.filter((one) => one.drift).length
  const byHand = drifted === 0 ? '' : ` ${drifted} changed by hand since the last deployment.`
  return (
    `Plan: ${count('add')} to add, ${count('change')} to change, ` +
    `${count('replace')} to replace, ${count('remove')} to remove; ${unchanged} kept.${byHand}`
  )
}

/** The line that `ccs deploy` prints when it comes to a step: `[2/7] ~ topic events.raw`. */
export function printStepHead(step: Step, index: number, count: number): string {
  return `[${index}/${count}] ${SIGNS[step.action]} ${step.kind} ${step.name}`
}

/** Each step as a unified diff from what exists to what the project wants. */
export function printPlanDiff(plan: Plan): readonly string[] {
  return plan.steps.flatMap((step) => {
    const { kind, name, before, after } = step
    const lines = diffLines(before ?? '', after ?? '').filter(
      (line) => line.slice(2) !== '' || (before !== undefined && after !== undefined),
    )
    const drift = step.drift ? ' drift' : ''
    return [
      `--- ${kind} ${name} (${before === undefined ? 'absent' : 'found'})`,
      `+++ ${kind} ${name} (${after === undefined ? 'absent' : 'wanted'})${drift}`,
      ...(lines.length > 0 ? lines : step.differences.map((one) => `! ${printDifference(one)}`)),
      '',
    ]
  })
}

function printStep(step: Step, width: number, withDiff: boolean): readonly string[] {
  const effect = step.state === 'none' ? '' : `; ${step.state}`
  const drift = step.drift ? ' (drift)' : ''
  const head = `  ${SIGNS[step.action].padEnd(3)} ${step.name.padEnd(width)}`
  const diff = withDiff && hasText(step) ? diffLines(step.before ?? '', step.after ?? '') : []
  return [
    `${head}  ${step.category}: ${step.reason}${effect}${drift}`,
    ...step.differences.map((one) => `        ${printDifference(one)}`),
    ...(step.destroys ? [`        deletes ${step.destroys}`] : []),
    ...(step.rescue ? [`        ${step.rescue}`] : []),
    ...(step.refused ? [`        refused: ${step.refused}`] : []),
    ...diff.map((line) => `      ${line}`),
  ]
}

/** Only for models: for other resources the differing settings say more than their texts. */
function hasText({ kind, action, before, after }: Step): boolean {
  return kind === 'model' && action !== 'add' && action !== 'remove' && before !== after
}

/** `retention.ms: 60000 → 604800000 (deployed: 604800000)` */
function printDifference({ key, deployed, found, wanted }: Difference): string {
  const was = deployed === undefined ? '' : ` (deployed: ${deployed ?? 'not set'})`
  return `${key}: ${found ?? 'not set'} → ${wanted ?? 'not set'}${was}`
}
