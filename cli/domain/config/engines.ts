/**
 * The engines that run a project's models, and what tells them apart. This is the only list of them:
 * a new engine begins with a profile here.
 */

/** What an engine is and can do, as far as anything outside its own folder has to know. */
export interface EngineProfile {
  /** For messages: `ksqlDB`. */
  readonly displayName: string
  /** Its column in `ccs portability` and its folder in test/golden/. */
  readonly column: string
  /** Whether it takes events from Kafka and its schemas from a registry. */
  readonly needsKafka: boolean
  /** The setting of a target with its server's url, username and password; absent: none. */
  readonly server?: string
  /** Whether it runs SQL that ccs prints for it, rather than the models' own. */
  readonly isCompiled: boolean
  /** Whether `ccs deploy` can deploy to it; otherwise ccs only compiles for it. */
  readonly canDeploy: boolean
  /** Whether it creates and fills the topics of Gold; for others ccs creates them and publishes. */
  readonly fillsGold: boolean
}

/** By the name that a target of ccs.yml gives as its `engine`. */
export const ENGINES = {
  embedded: {
    displayName: 'DuckDB',
    column: 'local',
    needsKafka: false,
    isCompiled: false,
    canDeploy: true,
    fillsGold: false,
  },
  flink: {
    displayName: 'Flink',
    column: 'flink',
    needsKafka: true,
    isCompiled: true,
    canDeploy: false,
    fillsGold: false,
  },
  ksqldb: {
    displayName: 'ksqlDB',
    column: 'ksqldb',
    needsKafka: true,
    isCompiled: true,
    server: 'ksqldb',
    canDeploy: true,
    fillsGold: true,
  },
} as const satisfies Readonly<Record<string, EngineProfile>>

/** An engine by its name in ccs.yml. */
export type EngineName = keyof typeof ENGINES

/** All engines, in the order in which they are shown. */
export const ENGINE_NAMES = Object.keys(ENGINES) as readonly EngineName[] // keys of ENGINES

/** Display name of the engine whose processing log `ccs dlq collect` reads. */
export const PROCESSING_LOG_ENGINE: string = ENGINES.ksqldb.displayName

/** The engine of targets that name none. */
export const DEFAULT_ENGINE: EngineName = 'embedded'

/** What an engine is and can do. */
export function engineProfile(name: EngineName): EngineProfile {
  return ENGINES[name]
}

/** An engine as `ccs portability` shows it. */
export type EngineColumn = (typeof ENGINES)[EngineName]['column']

/** Columns of `ccs portability`, in order. */
export const ENGINE_COLUMNS: readonly EngineColumn[] = ENGINE_NAMES.map(
  (one) => ENGINES[one].column,
)
