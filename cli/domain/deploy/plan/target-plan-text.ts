/** A plan for a cluster in words: a line a step, each setting that differs, and what to type where it is refused. */

import { diffLines } from './plan-text.ts'
import { type ClusterPlan, stepsOf } from './target-plan.ts'
import type { ClusterStep, Difference, StepAction, StepKind } from './target-step.ts'

export const SIGNS: Readonly<Record<StepAction, string>> = {
  add: '+',
  change: '~',
  replace: '-/+',
  remove: '-',
}

const TITLES: Readonly<Record<StepKind, string>> = {
  topic: 'Topics',
  subject: 'Subjects',
  schema: 'Schemas of the engine',
  model: 'Models',
  connector: 'Connectors',
}

const NAME_WIDTH_MAX = 48

export function clusterPlanLines(
  plan: ClusterPlan,
  options: { readonly withDiff: boolean },
): readonly string[] {
  const steps = stepsOf(plan)
  const lines: string[] = []
  const width = Math.min(NAME_WIDTH_MAX, Math.max(0, ...steps.map((step) => step.name.length)))
  for (const [kind, title] of Object.entries(TITLES)) {
    const some = steps.filter((step) => step.kind === kind)
    if (some.length === 0) continue
    lines.push(title, ...some.flatMap((step) => stepLines(step, width, options.withDiff)), '')
  }
  for (const remark of plan.remarks) lines.push(`note: ${remark}`)
  if (plan.remarks.length > 0) lines.push('')
  if (plan.isUnfinished) lines.push('The last deployment was broken off; the next one finishes it.')
  return [...lines, summaryLine(plan)]
}

export function summaryLine(plan: ClusterPlan): string {
  const steps = stepsOf(plan)
  if (steps.length === 0) return `Nothing to do: ${plan.unchanged} resources are as deployed.`
  const count = (action: StepAction) => steps.filter((one) => one.action === action).length
  const drifted = steps.filter((one) => one.drift).length
  const byHand = drifted === 0 ? '' : ` ${drifted} changed by hand since the last deployment.`
  return (
    `Plan: ${count('add')} to add, ${count('change')} to change, ${count('replace')} to replace, ` +
    `${count('remove')} to remove; ${plan.unchanged} kept.${byHand}`
  )
}

function stepLines(step: ClusterStep, width: number, withDiff: boolean): readonly string[] {
  const effect = step.state === 'none' ? '' : `; ${step.state}`
  const drift = step.drift ? ' (drift)' : ''
  const head = `  ${SIGNS[step.action].padEnd(3)} ${step.name.padEnd(width)}  ${step.category}: ${step.reason}${effect}${drift}`
  const diff = withDiff && isText(step) ? diffLines(step.before ?? '', step.after ?? '') : []
  return [
    head,
    ...step.differences.map((one) => `        ${differenceText(one)}`),
    ...(step.destroys ? [`        deletes ${step.destroys}`] : []),
    ...(step.refused ? [`        refused: ${step.refused}`] : []),
    ...diff.map((line) => `      ${line}`),
  ]
}

/** Texts whose lines say more than the settings: models. */
function isText({ kind, action, before, after }: ClusterStep): boolean {
  return kind === 'model' && action !== 'add' && action !== 'remove' && before !== after
}

/** `retention.ms: 60000 → 604800000 (deployed: 604800000)` */
export function differenceText({ key, deployed, found, wanted }: Difference): string {
  const was = deployed === undefined ? '' : ` (deployed: ${deployed ?? 'not set'})`
  return `${key}: ${found ?? 'not set'} → ${wanted ?? 'not set'}${was}`
}

/** Each step as a unified diff from what is there to what the project wants. */
export function clusterDiffLines(plan: ClusterPlan): readonly string[] {
  return stepsOf(plan).flatMap((step) => {
    const { kind, name, before, after } = step
    const lines = diffLines(before ?? '', after ?? '').filter(
      (line) => line.slice(2) !== '' || (before !== undefined && after !== undefined),
    )
    return [
      `--- ${kind} ${name} (${before === undefined ? 'absent' : 'found'})`,
      `+++ ${kind} ${name} (${after === undefined ? 'absent' : 'wanted'})${step.drift ? ' drift' : ''}`,
      ...(lines.length > 0 ? lines : step.differences.map((one) => `! ${differenceText(one)}`)),
      '',
    ]
  })
}
