/**
 * The engines that run a project's models, and their differences. This is the only list of engines:
 * a new one begins with a profile here.
 */

/** What code outside an engine's own folder may know of it. */
export interface EngineProfile {
  /** Its name in messages, such as `ksqlDB`. */
  readonly displayName: string
  /** Its column in `ccs portability` and its folder in test/golden/. */
  readonly column: string
  /** Whether it reads events from Kafka, and schemas from a registry. */
  readonly needsKafka: boolean
  /** The target's setting with its server's url, username and password; absent: no server. */
  readonly server?: string
  /** Whether it runs models as jobs on a cluster: a target then says how, see JobSettings. */
  readonly runsJobs?: boolean
  /** Whether ccs prints SQL for it; otherwise it runs the models' own SQL. */
  readonly isCompiled: boolean
  /** Whether it creates and fills the topics of Gold; otherwise ccs does. */
  readonly fillsGold: boolean
  /**
   * Whether the target itself answers queries in DuckDB's SQL over all models, so that `ccs live`
   * and the live page ask it; otherwise the data directory answers.
   */
  readonly answersLive: boolean
  /** Whether `ccs audit` accounts for its rows, in a data directory or on servers. */
  readonly isAudited: boolean
}

/** The profiles, by the name that a target in ccs.yml gives as its `engine`. */
export const ENGINES = {
  embedded: {
    displayName: 'DuckDB',
    column: 'local',
    needsKafka: false,
    isCompiled: false,
    fillsGold: false,
    answersLive: false,
    isAudited: true,
  },
  flink: {
    displayName: 'Flink',
    column: 'flink',
    needsKafka: true,
    isCompiled: true,
    server: 'flink',
    runsJobs: true,
    fillsGold: true,
    answersLive: true,
    isAudited: true,
  },
  ksqldb: {
    displayName: 'ksqlDB',
    column: 'ksqldb',
    needsKafka: true,
    isCompiled: true,
    server: 'ksqldb',
    fillsGold: true,
    answersLive: false,
    isAudited: false,
  },
} as const satisfies Readonly<Record<string, EngineProfile>>

/** An engine by its name in ccs.yml. */
export type EngineName = keyof typeof ENGINES

/** All engines, in the order in which they are shown. */
export const ENGINE_NAMES = Object.keys(ENGINES) as readonly EngineName[] // keys of ENGINES

/** Display name of the engine whose processing log `ccs dlq collect` reads. */
export const PROCESSING_LOG_ENGINE: string = ENGINES.ksqldb.displayName

/** The engine of the target `local`. */
export const DEFAULT_ENGINE: EngineName = 'embedded'

/** The profile of an engine. */
export function getEngineProfile(name: EngineName): EngineProfile {
  return ENGINES[name]
}

/** The name of an engine's column in `ccs portability`. */
export type EngineColumn = (typeof ENGINES)[EngineName]['column']

/** Columns of `ccs portability`, in order. */
export const ENGINE_COLUMNS: readonly EngineColumn[] = ENGINE_NAMES.map(
  (one) => ENGINES[one].column,
)
