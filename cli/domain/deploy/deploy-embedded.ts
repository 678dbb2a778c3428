/**
 * Carries out a plan on the local target. Changed rows are made beside the old ones and swapped in by the
 * manifest's rename, so a crash leaves either all old or all new, and old and new logic never mix.
 */
import { CcsError, EXIT } from '../kernel/errors.ts'
import type { ManifestStore } from '../lake/lake.ts'
import { MANIFEST_FORMAT, type Manifest } from '../lake/manifest.ts'
import { type Plan, type StateEffect, widestEffect } from './plan/plan.ts'

export interface DeployResult {
  readonly applied: boolean
  readonly effect: StateEffect
  readonly steps: number
  readonly serial: number
}

export interface DeployParts {
  readonly manifests: ManifestStore
  readonly nowMs: () => number
  /** Makes the named Gold models anew from committed Silver; returns the manifest that has them. */
  readonly buildGold: (base: Manifest, models: ReadonlySet<string>) => Promise<Manifest>
  /** Makes everything anew from the log, beside what is there; returns the manifest that has it. */
  readonly rebuild: (base: Manifest) => Promise<Manifest>
  /** Moves files to where the committed manifest names them. */
  readonly settle: (manifest: Manifest) => Promise<void>
}

export interface DeployOptions {
  readonly logic: Pick<Manifest, 'models' | 'schemas'>
  readonly allowDestructive: boolean
  /** Rebuild from the log even where no step asks for it. */
  readonly isRebuild: boolean
}

/** Why a plan can't be applied; undefined when it can. */
export function refusal(plan: Plan, allowDestructive: boolean): CcsError | undefined {
  const refused = plan.steps.find((step) => step.refused)
  if (refused)
    return new CcsError('CCS_PLAN_CHANGES', `${refused.name}: ${refused.refused}.`, {
      exit: EXIT.usage,
    })
  const dropped = plan.steps.filter((step) => step.state === 'drop').map((step) => step.name)
  if (dropped.length === 0 || allowDestructive) return undefined
  return new CcsError('CCS_PLAN_CHANGES', `This would delete the rows of ${dropped.join(', ')}.`, {
    exit: EXIT.usage,
    hint: 'If that is meant: ccs deploy --allow-destructive',
  })
}

export async function deploy(
  plan: Plan,
  parts: DeployParts,
  options: DeployOptions,
): Promise<DeployResult> {
  const refused = refusal(plan, options.allowDestructive)
  if (refused) throw refused
  const base = await parts.manifests.load()
  const effect = options.isRebuild && base ? 'rebuild from log' : widestEffect(plan)
  const serial = base?.serial ?? 0
  if (plan.serial !== serial)
    throw new CcsError('CCS_PLAN_CHANGES', 'The data moved on since the plan was made.', {
      exit: EXIT.changes,
      hint: 'Make it again: ccs plan',
    })
  if (plan.steps.length === 0 && effect === 'none')
    return { applied: false, effect, steps: 0, serial }
  const next = await newManifest(plan, effect, base, parts)
  const committed: Manifest = {
    ...next,
    serial: serial + 1,
    committedMs: parts.nowMs(),
    ...options.logic,
  }
  await parts.manifests.commit(committed)
  await parts.settle(committed)
  return { applied: true, effect, steps: plan.steps.length, serial: serial + 1 }
}

async function newManifest(
  plan: Plan,
  effect: StateEffect,
  base: Manifest | undefined,
  parts: DeployParts,
): Promise<Manifest> {
  if (!base) return EMPTY
  if (effect === 'rebuild from log') return parts.rebuild(base)
  const removed = new Set(
    plan.steps
      .filter((step) => step.kind === 'model' && step.action === 'remove')
      .map((s) => s.name),
  )
  const built = new Set(
    plan.steps.filter((step) => step.state === 'build from silver').map((step) => step.name),
  )
  const isGone = (name: string) => removed.has(name) || built.has(name)
  const kept: Manifest = {
    ...base,
    files: base.files.filter((file) => !isGone(file.table)),
    state: base.state.filter((file) => !isGone(file.model)),
  }
  return built.size === 0 ? kept : parts.buildGold(kept, built)
}

const EMPTY: Manifest = {
  format: MANIFEST_FORMAT,
  serial: 0,
  generation: 1,
  committedMs: 0,
  positions: [],
  dlqEnd: 0,
  counts: { records: 0, bronze: 0, duplicates: 0, dlq: 0, late: 0 },
  files: [],
  state: [],
  models: [],
  schemas: [],
}
