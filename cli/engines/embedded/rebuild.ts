/**
 * Makes rows again for a deployment: Gold from committed Silver, or everything from the log. Both
 * write beside what is there; only the manifest that the caller commits makes it visible.
 */

import { randomBytes } from 'node:crypto'
import { readDataError } from '../../adapters/duckdb/data-error.ts'
import type { Config } from '../../domain/config/config.ts'
import { createOriginFinder } from '../../domain/dlq/replay-ledger.ts'
import type { Reject } from '../../domain/gate/reject.ts'
import { compileRejectCodec } from '../../domain/gate/reject-codec.ts'
import { openRejectWriter } from '../../domain/gate/reject-writer.ts'
import type { Clock } from '../../domain/kernel/clock.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { EMPTY_MANIFEST } from '../../domain/lake/empty-manifest.ts'
import { dataLayout, generationName } from '../../domain/lake/layout.ts'
import { type Manifest, pickMarks } from '../../domain/lake/manifest.ts'
import type { Logic } from '../../domain/models/logic.ts'
import { Pipeline } from '../../domain/pipeline/pipeline.ts'
import { removeUnreferencedState } from './checkpoint/state-files.ts'
import { type LogLoss, toGaps } from './log-loss.ts'
import { manifestLogic } from './model-diff.ts'
import { type EngineStore, openEngine, openRestartable } from './open-engine.ts'
import { compareRows, refuseLostVersions } from './row-loss.ts'

/** The data directory whose rows are made again. */
export interface RebuildStore extends EngineStore {
  readonly lake: EngineStore['lake'] & {
    locate(manifest: Manifest): Promise<ReadonlyMap<string, string>>
  }
}

/** What a rebuild needs. */
export interface RebuildParts {
  readonly config: Config
  /** With the schema ids that the records of the target's log carry. */
  readonly logic: Logic
  readonly store: RebuildStore
  readonly clock: Clock
  readonly topic: string
  /** Gets sentences for the user. */
  readonly onNotice: (text: string) => void
  /** Opens a data directory of its own for a rebuild from the log. */
  readonly openSide: (root: string) => Promise<EngineStore>
}

/** Where a rebuild from the log works until it is whole; left by one that broke off. */
export function sideDirectory(root: string): string {
  return `${root}/rebuild`
}

/**
 * Computes the named Gold models from committed Silver; returns the manifest that has them. Without
 * `places`, the paths of the files of Silver by name, the lake is finalized first.
 */
export async function buildGold(
  { config, logic, store }: RebuildParts,
  base: Manifest,
  models: ReadonlySet<string>,
  places?: ReadonlyMap<string, string>,
): Promise<Manifest> {
  if (!places) await store.lake.finalize((await store.manifests.load()) ?? base)
  const lakePath = (file: Manifest['files'][number]) =>
    places?.get(file.name) ?? store.lake.path(file)
  const engine = await openEngine({ config }, logic, store, { manifest: base, lakePath })
  try {
    await engine.rebuildGold(models).catch((error: unknown) => {
      throw toModelError(error, models)
    })
    const serial = base.serial + 1
    const commit = `d${String(serial).padStart(8, '0')}`
    const stage = await store.lake.stage(commit)
    const frozen = await engine.freeze()
    if (!frozen) return base
    const written = await engine.write(frozen, { stage, previous: base.state })
    const files = await store.lake.seal(written.staged, commit)
    return { ...base, files: [...base.files, ...files], state: written.state }
  } finally {
    await engine.close()
  }
}

/** The engine sets records aside only before they are committed. */
function toModelError(error: unknown, models: ReadonlySet<string>): unknown {
  const message = readDataError(error)
  if (message === undefined) return error
  const which = [...models].join(', ')
  return new CcsError(
    'CCS_MODEL_INVALID',
    `On an event of Silver, a new model (${which}) fails: ${message}`,
    {
      hint: 'Fix the model, or set such events aside: ccs deploy --rebuild --yes',
      cause: error,
    },
  )
}

/**
 * Runs the whole log through a pipeline in a directory of its own, then moves lake and state over
 * under new names; returns the manifest that has them. Unless rows may be lost, throws
 * CCS_PLAN_CHANGES for a record of a schema version that is no longer kept.
 */
export async function rebuildFromLog(
  parts: RebuildParts,
  base: Manifest,
  mayLoseRows = false,
): Promise<Manifest> {
  const { store } = parts
  const side = sideDirectory(store.root)
  await store.files.remove(side)
  await store.files.mkdir(side)
  const sideStore = await parts.openSide(side)
  try {
    const beforeWrite = (fresh: readonly Reject[]) => {
      if (!mayLoseRows) refuseLostVersions(base, fresh)
    }
    const dlqEnd = await runPipeline(parts, sideStore, beforeWrite)
    const built = await sideStore.manifests.load()
    // Each record that was read again is in Bronze or has a reject.
    const pruned = base.pruned ? { pruned: { ...base.pruned, rejects: 0 } } : {}
    const marks = pickMarks({ ...base, ...pruned })
    if (!built) return { ...EMPTY_MANIFEST, generation: base.generation, dlqEnd, ...marks }
    return { ...(await moveOver(store, side, built, base)), dlqEnd, ...marks }
  } finally {
    await sideStore.log.close()
  }
}

/**
 * Ingests the whole log; returns the end of the rejects. What was set aside because a model failed
 * on it stays set aside, as its reject in events.dlq stands for it.
 */
async function runPipeline(
  { config, logic, store, clock, topic, onNotice }: RebuildParts,
  side: EngineStore,
  beforeWrite: (fresh: readonly Reject[]) => void,
): Promise<number> {
  const codec = compileRejectCodec(logic.dlqSchemas)
  const findOrigins = createOriginFinder(store.log, clock)
  const openRejects = (manifest?: Manifest) =>
    openRejectWriter(store.log, codec, {
      ...{ owner: 'ccs deploy', findOrigins, beforeWrite },
      ...(manifest ? { committed: manifest } : {}),
    })
  let rejects = await openRejects()
  const options = {
    lakePath: (file: Manifest['files'][number]) => side.lake.path(file),
    stateRoot: dataLayout(side.root).state,
    failing: rejects.setAside,
  }
  const engine = await openRestartable({ config }, logic, { ...side, root: store.root }, options)
  try {
    const pipeline = new Pipeline(
      {
        clock,
        log: store.log,
        engine,
        lake: side.lake,
        manifests: side.manifests,
        writeRejects: (some) => rejects.write(some),
        restart: async (manifest, failing) => {
          await rejects.close()
          await engine.restart(manifest, failing)
          rejects = await openRejects(manifest)
          return rejects.replayedEnd
        },
      },
      {
        topic,
        checkpointMs: Number.POSITIVE_INFINITY,
        checkpointRows: config.engine.checkpointRows,
        logic: manifestLogic(logic),
        dlqEnd: rejects.replayedEnd,
        onNotice,
      },
    )
    await pipeline.run(new AbortController().signal, true)
    return rejects.end
  } finally {
    await engine.close()
    await rejects.close()
  }
}

/**
 * Everything from the log, beside what is there. Says of which rows there are fewer; throws
 * CCS_PLAN_CHANGES if that is not allowed. `loss` is what the log no longer has.
 */
export async function rebuildAll(
  parts: RebuildParts,
  base: Manifest,
  { loss, mayLoseRows }: { readonly loss: LogLoss | undefined; readonly mayLoseRows: boolean },
): Promise<Manifest> {
  const { logic, clock, onNotice } = parts
  const built = await rebuildFromLog(parts, base, mayLoseRows)
  for (const line of compareRows(base, built, { models: logic.graph, mayLoseRows })) onNotice(line)
  const gaps = [...(base.gaps ?? []), ...(loss ? toGaps(loss, clock.nowMs()) : [])]
  return gaps.length === 0 ? built : { ...built, gaps: [...gaps, ...(built.gaps ?? [])] }
}

/** Commits rows that were made again after commit `serial`, and removes what they replace. */
export async function adoptRows(
  { store, clock, logic }: Pick<RebuildParts, 'store' | 'clock' | 'logic'>,
  serial: number,
  made: Manifest,
): Promise<void> {
  const { files, root, lake, manifests } = store
  const stamps = { serial: serial + 1, committedMs: clock.nowMs() }
  const manifest = { ...made, ...stamps, ...manifestLogic(logic) }
  await manifests.commit(manifest)
  await lake.finalize(manifest)
  await removeUnreferencedState(files, dataLayout(root).state, manifest.state)
  await files.remove(sideDirectory(root))
}

/** Renames what was built into the data directory; a lake of that name is a left-over. */
async function moveOver(
  { files, root }: EngineStore,
  side: string,
  built: Manifest,
  base: Manifest,
): Promise<Manifest> {
  const generation = base.generation + 1
  await files.remove(`${root}/${generationName(generation)}`)
  await files.rename(
    `${side}/${generationName(built.generation)}`,
    `${root}/${generationName(generation)}`,
  )
  const folder = `rebuilt-${base.serial + 1}-${randomBytes(4).toString('hex')}`
  const stateRoot = dataLayout(root).state
  await files.mkdir(stateRoot)
  await files.rename(dataLayout(side).state, `${stateRoot}/${folder}`)
  await files.fsyncDir(stateRoot)
  await files.fsyncDir(root)
  const state = built.state.map((file) => ({ ...file, path: `${folder}/${file.path}` }))
  return { ...built, generation, state }
}
