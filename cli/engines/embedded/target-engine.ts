/**
 * The embedded engine as the engine of a target. Its record is the manifest in the data directory:
 * changed rows are made beside the old ones, and one rename swaps rows and logic together, so a
 * crash leaves either all old or all new.
 */
import { getEngineProfile } from '../../domain/config/engines.ts'
import type { Deployment } from '../../domain/deploy/deployment.ts'
import { removeModels } from '../../domain/deploy/destroy.ts'
import { readDeployedModels } from '../../domain/deploy/plan/desired.ts'
import type { EnginePlan } from '../../domain/deploy/plan/plan.ts'
import { findWidestEffect, type Step } from '../../domain/deploy/plan/step.ts'
import type { EngineState, TargetEngine } from '../../domain/deploy/target-engine.ts'
import { withoutModels } from '../../domain/dlq/plan-lake-repair.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { EMPTY_MANIFEST } from '../../domain/lake/empty-manifest.ts'
import { dataLayout, parseGenerationName } from '../../domain/lake/layout.ts'
import type { DeployedModel, Manifest } from '../../domain/lake/manifest.ts'
import type { Logic } from '../../domain/models/logic.ts'
import { requireLimits } from './limits.ts'
import { describeLogLoss, findLogLoss, type LogLoss } from './log-loss.ts'
import { diffModels } from './model-diff.ts'
import type { EngineStore } from './open-engine.ts'
import { adoptRows, buildGold, type RebuildParts, rebuildAll } from './rebuild.ts'

/** What the engine of a target is opened with. */
export interface EmbeddedTargetParts extends Omit<RebuildParts, 'logic'> {
  /** By the ids of the project's files. */
  readonly logic: Logic
  /** The same logic by the ids of the target's registry; only once its subjects are registered. */
  readonly registeredLogic: () => Promise<Logic>
  /** Takes the data directory's lock; CCS_ENGINE_LOCKED while an engine runs there. */
  readonly lock: () => Promise<{ release(): Promise<void> }>
  /** A running engine asks the target's registry for schemas that it doesn't know. */
  readonly learnsSchemas: boolean
  /** Rebuild all rows, changed or not. */
  readonly isRebuild: boolean
  /** All models go. */
  readonly isDestroying: boolean
  /** A rebuild may end with fewer rows than there were. */
  readonly mayLoseRows: boolean
}

interface EmbeddedState extends EngineState {
  readonly serial: number
  /** Undefined before the first commit. */
  readonly manifest: Manifest | undefined
  /** What a rebuild from the log would lose. */
  readonly loss: LogLoss | undefined
  /** Models of the last deployment; undefined where there is none, or it broke off. */
  readonly deployed: readonly DeployedModel[] | undefined
}

/** The embedded engine of one target. */
export class EmbeddedTargetEngine implements TargetEngine {
  readonly profile = getEngineProfile('embedded')
  readonly #parts: EmbeddedTargetParts
  #lock: { release(): Promise<void> } | undefined

  constructor(parts: EmbeddedTargetParts) {
    this.#parts = parts
  }

  async inspect(deployment: Deployment | undefined): Promise<EmbeddedState> {
    const { store, topic } = this.#parts
    const manifest = await store.manifests.load()
    const isComplete = deployment?.complete ?? false
    return {
      serial: manifest?.serial ?? 0,
      manifest,
      loss: manifest && (await findLogLoss(store, topic, manifest)),
      deployed: isComplete ? readDeployedModels(deployment?.resources ?? []) : undefined,
    }
  }

  diff({ manifest, loss, deployed }: EmbeddedState): EnginePlan {
    const { logic, isRebuild, isDestroying, learnsSchemas } = this.#parts
    const own = manifest?.pruned ? RESCUE_PRUNED : RESCUE_OWN
    const rescue = learnsSchemas ? RESCUE_SHARED : own
    if (isDestroying) return { steps: removeModels(manifest?.models ?? []), unchanged: 0 }
    return diffModels({
      logic,
      manifest,
      loss: loss && { destroys: describeLogLoss(loss), rescue },
      isRebuild,
      ...(deployed ? { deployed } : {}),
    })
  }

  checkModels(steps: readonly Step[]): Promise<void> {
    const { logic, config, isDestroying } = this.#parts
    return isDestroying ? Promise.resolve() : requireLimits(logic, steps, config.timezone)
  }

  async hold(steps: readonly Step[]): Promise<readonly string[]> {
    // Beside an engine that learns schemas by itself, a deployment may have only other steps.
    if (steps.length === 0 && this.#parts.learnsSchemas) return []
    try {
      this.#lock = await this.#parts.lock()
      return []
    } catch (error) {
      const isRunning = error instanceof CcsError && error.code === 'CCS_ENGINE_LOCKED'
      const canWait = this.#parts.learnsSchemas && steps.every((one) => one.kind === 'schema')
      if (!isRunning || !canWait) throw error
      return steps.map((one) => one.name)
    }
  }

  async apply(steps: readonly Step[], state: EmbeddedState): Promise<void> {
    const { store, isDestroying } = this.#parts
    if (isDestroying) return removeData(store)
    await adoptRows(this.#parts, state.serial, await this.#makeRows(steps, state))
  }

  async close(): Promise<void> {
    await this.#parts.store.log.close()
    await this.#lock?.release()
  }

  async #makeRows(
    steps: readonly Step[],
    { manifest: base, loss }: EmbeddedState,
  ): Promise<Manifest> {
    if (!base) return EMPTY_MANIFEST
    const openParts = async () => ({
      ...this.#parts,
      logic: await this.#parts.registeredLogic(),
    })
    const { mayLoseRows } = this.#parts
    if (findWidestEffect(steps) === 'rebuild from log')
      return rebuildAll(await openParts(), base, { loss, mayLoseRows })
    const models = steps.filter((step) => step.kind === 'model')
    const built = new Set(
      models.filter((step) => step.state === 'build from silver').map((step) => step.name),
    )
    const removed = new Set(
      models.filter((step) => step.action === 'remove').map((step) => step.name),
    )
    const kept = withoutModels(base, new Set([...removed, ...built]))
    return built.size === 0 ? kept : buildGold(await openParts(), kept, built)
  }
}

/** How to keep events that Bronze has and the log no longer has: a log of its own, or Kafka. */
const RESCUE_OWN = 'To put them back into the log: ccs log repair.'
const RESCUE_PRUNED = 'To put them back into the log: ccs log repair --pruned.'
const RESCUE_SHARED = 'Kafka has deleted them. To keep them, leave the models as they are.'

/** Lake and state of the target; other files of the directory are not ccs's to delete. */
async function removeData({ files, root }: EngineStore): Promise<void> {
  const { manifest, state, stage, lake, log } = dataLayout(root)
  const generations = (await files.readdir(root)).filter(
    (name) => parseGenerationName(name) !== undefined,
  )
  // The manifest first: files that no manifest names are not part of the lake.
  for (const path of [manifest, lake, state, stage, log]) await files.remove(path)
  for (const name of generations) await files.remove(`${root}/${name}`)
}
