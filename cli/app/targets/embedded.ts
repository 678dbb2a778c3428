/**
 * Composition of plan and deploy for the local target: how Gold is built from Silver, and how everything is
 * rebuilt from the log in a directory of its own before it takes the old one's place.
 */

import { systemClock } from '../../adapters/process/system-clock.ts'
import type { DeployParts } from '../../domain/deploy/deploy-embedded.ts'
import { makePlan, type Plan } from '../../domain/deploy/plan/plan.ts'
import type { DataLayout } from '../../domain/lake/layout.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import type { Project } from '../../project.ts'
import {
  deployedLogic,
  type Logic,
  openCodec,
  openEngine,
  openStore,
  RAW_TOPIC,
  type Store,
} from '../project-logic.ts'
import { openProjectStore, withTargetIds } from './log.ts'

export interface OpenDeployment {
  readonly plan: Plan
  readonly parts: DeployParts
  close(): Promise<void>
}

/** The plan alone needs no lock; applying it does, so that no engine runs meanwhile. */
export async function openDeployment(
  project: Project,
  logic: Logic,
  options: { readonly isLocked: boolean },
): Promise<OpenDeployment> {
  const store = await openProjectStore(project)
  const lock = options.isLocked
    ? await (await import('../../adapters/lake/engine-lock.ts')).takeEngineLock(
        store.files,
        store.root,
        'ccs deploy',
      )
    : undefined
  const close = async () => {
    await store.log.close()
    await lock?.release()
  }
  try {
    const manifest = await store.manifests.load()
    const plan = makePlan(logic, manifest, await isLogWhole(store))
    const parts: DeployParts = {
      manifests: store.manifests,
      nowMs: () => Date.now(),
      // By the ids of the records: of a target's registry they are known once its subjects are deployed.
      buildGold: async (base, models) =>
        buildGold(project, await withTargetIds(project, logic), store, { base, models }),
      rebuild: async (base) => rebuild(project, await withTargetIds(project, logic), store, base),
      settle: async (next) => {
        await store.lake.finalize(next)
        const { removeUnreferencedState } = await import(
          '../../engines/embedded/checkpoint/state-files.ts'
        )
        await removeUnreferencedState(store.files, (await layout(store)).state, next.state)
        await store.files.remove(`${store.root}/rebuild`)
      },
    }
    return { plan, parts, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function layout(store: Store): Promise<DataLayout> {
  const { dataLayout } = await import('../../domain/lake/layout.ts')
  return dataLayout(store.root)
}

async function isLogWhole(store: Store): Promise<boolean> {
  for (const partition of await store.log.partitions(RAW_TOPIC))
    if ((await store.log.range(RAW_TOPIC, partition)).start > 0) return false
  return true
}

async function buildGold(
  project: Project,
  logic: Logic,
  store: Store,
  { base, models }: { readonly base: Manifest; readonly models: ReadonlySet<string> },
): Promise<Manifest> {
  await store.lake.finalize((await store.manifests.load()) ?? base)
  const engine = await openEngine(project, logic, store, {
    manifest: base,
    lakePath: (file) => store.lake.path(file),
  })
  try {
    await engine.rebuildGold(models)
    const serial = base.serial + 1
    const commit = `d${String(serial).padStart(8, '0')}`
    const stage = await store.lake.stage(commit)
    const frozen = await engine.freeze()
    if (!frozen) return base
    const written = await engine.write(frozen, { serial, stage, previous: base.state })
    const files = await store.lake.seal(written.staged, commit)
    return { ...base, files: [...base.files, ...files], state: written.state }
  } finally {
    await engine.close()
  }
}

/** Runs the whole log through a pipeline in `rebuild/`, then brings lake and state over under new names. */
async function rebuild(
  project: Project,
  logic: Logic,
  store: Store,
  base: Manifest,
): Promise<Manifest> {
  const [
    { openRejectWriter },
    { createOriginFinder },
    { Pipeline },
    { dataLayout, generationName },
  ] = await Promise.all([
    import('../../domain/gate/reject-writer.ts'),
    import('../../domain/dlq/replay-ledger.ts'),
    import('../../domain/pipeline/pipeline.ts'),
    import('../../domain/lake/layout.ts'),
  ])
  const side = `${store.root}/rebuild`
  await store.files.remove(side)
  await store.files.mkdir(side)
  const sideStore = await openStore(side)
  const engine = await openEngine(
    project,
    logic,
    { ...sideStore, root: store.root },
    {
      lakePath: (file) => sideStore.lake.path(file),
      stateRoot: dataLayout(side).state,
    },
  )
  const rejects = await openRejectWriter(store.log, await openCodec(logic), {
    owner: 'ccs deploy',
    findOrigins: createOriginFinder(store.log, systemClock()),
  })
  try {
    const { checkpointRows } = project.config.engine
    const pipeline = new Pipeline(
      {
        clock: systemClock(),
        log: store.log,
        engine,
        lake: sideStore.lake,
        manifests: sideStore.manifests,
        writeRejects: (some) => rejects.write(some),
      },
      {
        topic: RAW_TOPIC,
        checkpointMs: Number.POSITIVE_INFINITY,
        checkpointRows,
        logic: deployedLogic(logic),
        dlqEnd: rejects.replayedEnd,
        onNotice: () => {},
      },
    )
    await pipeline.run(new AbortController().signal, true)
    const built = await sideStore.manifests.load()
    if (!built) return { ...base, files: [], state: [] }
    const generation = base.generation + 1
    await store.files.remove(`${store.root}/${generationName(generation)}`)
    await store.files.rename(
      `${side}/${generationName(built.generation)}`,
      `${store.root}/${generationName(generation)}`,
    )
    const folder = `rebuilt-${base.serial + 1}`
    const stateRoot = dataLayout(store.root).state
    await store.files.mkdir(stateRoot)
    await store.files.remove(`${stateRoot}/${folder}`)
    await store.files.rename(dataLayout(side).state, `${stateRoot}/${folder}`)
    await store.files.fsyncDir(stateRoot)
    await store.files.fsyncDir(store.root)
    const state = built.state.map((file) => ({ ...file, path: `${folder}/${file.path}` }))
    return { ...built, generation, state, dlqEnd: rejects.end }
  } finally {
    await engine.close()
    await rejects.close()
    await sideStore.log.close()
  }
}
