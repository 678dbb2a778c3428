/** Opens the embedded engine on a data directory, with the state that a manifest names. */

import { readErased } from '../../adapters/files/erased-file.ts'
import type { FaultPoint } from '../../adapters/files/fault-point.ts'
import type { Files } from '../../adapters/files/files.ts'
import { openPseudonymSource } from '../../adapters/files/pseudonym-source.ts'
import type { Config } from '../../domain/config/config.ts'
import type { FailingRecord } from '../../domain/gate/failing-record.ts'
import type { Lake, LakeGuard, ManifestStore } from '../../domain/lake/lake.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import type { EventLog } from '../../domain/log/event-log.ts'
import type { Logic } from '../../domain/models/logic.ts'
import { EmbeddedEngine } from './engine.ts'
import type { GoldLimits } from './options.ts'
import { RestartableEngine } from './restartable-engine.ts'

/** Where a project's data lies and what is in it. */
export interface EngineStore<L extends Lake = Lake> {
  readonly files: Files
  /** Absolute path of the data directory. */
  readonly root: string
  readonly log: EventLog
  readonly lake: L
  readonly manifests: ManifestStore
  readonly checked: LakeGuard
  /** Only in tests; see adapters/files/fault-point.ts. */
  readonly fault?: FaultPoint
}

/** How an engine is opened beside its logic. */
export interface EngineOptions {
  /** The manifest to begin with; its files are where `lakePath` says. */
  readonly manifest?: Manifest
  readonly lakePath: (file: Manifest['files'][number]) => string
  /** Directory of the engine's state; that of the store unless given. */
  readonly stateRoot?: string
  /** Records that a model fails on; they are rejected. None unless given. */
  readonly failing?: readonly FailingRecord[]
  /** Those of a real shop unless given. */
  readonly goldLimits?: GoldLimits
}

const GOLD_LIMITS: GoldLimits = {
  mergeSizeMin: 50_000,
  closedRowsMin: 2_000,
  sliceSize: 50_000,
}

/** Opens it. CCS_LAKE_DAMAGED if a file of the state is missing or fails its checksum. */
export async function openEngine(
  { config }: { readonly config: Config },
  logic: Logic,
  store: Pick<EngineStore, 'files' | 'root' | 'fault' | 'checked'>,
  options: EngineOptions,
): Promise<EmbeddedEngine> {
  const { gate, engine, timezone } = config
  const stateRoot = options.stateRoot ?? dataLayout(store.root).state
  const { manifest, failing } = options
  const erased = await readErased(store.files, store.root)
  const pseudonyms = await openPseudonymSource(store, config, logic.rawSchemas)
  return EmbeddedEngine.open({
    graph: logic.graph,
    macros: logic.macros,
    macrosSql: logic.macrosSql,
    timezone,
    raw: {
      schemas: logic.rawSchemas,
      recordBytesMax: gate.recordBytesMax,
      futureToleranceMs: gate.futureToleranceMs,
      ...(failing ? { failing } : {}),
      ...(erased ? { erased } : {}),
      ...(pseudonyms ? { pseudonyms } : {}),
    },
    memoryLimitBytes: engine.memoryLimitBytes,
    queryLimits: config.query,
    queryMemoryBytes: config.query.memoryLimitBytes,
    dataDirectory: store.root,
    files: store.files,
    stateRoot,
    goldLimits: options.goldLimits ?? GOLD_LIMITS,
    lakePath: options.lakePath,
    guard: store.checked,
    ...(manifest ? { manifest } : {}),
    ...(store.fault ? { onStep: store.fault.reach } : {}),
  })
}

/** Opens the engine of a pipeline. Like `openEngine`. */
export function openRestartable(
  project: { readonly config: Config },
  logic: Logic,
  store: Pick<EngineStore, 'files' | 'root' | 'fault' | 'checked'>,
  options: EngineOptions,
): Promise<RestartableEngine> {
  const { manifest: first, failing: known = [], ...others } = options
  const open = (manifest: Manifest | undefined, failing: readonly FailingRecord[]) =>
    openEngine(project, logic, store, { ...others, failing, ...(manifest ? { manifest } : {}) })
  return RestartableEngine.open(open, first, known)
}
