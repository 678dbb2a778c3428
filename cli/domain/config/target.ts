/**
 * A target of ccs.yml: its engine and its servers. `local` has no servers; others name Kafka, the
 * schema registry, Kafka Connect and the engine's server. Secrets, `${VAR}` in the file, are
 * filled in here.
 */
import type { EngineName } from './engines.ts'

/** Authentication at Kafka. */
export interface Sasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer'
  /** For plain and scram. */
  readonly username?: string
  readonly password?: string
  /** For oauthbearer: a token, or where to get one by the client credentials grant. */
  readonly token?: string
  readonly tokenUrl?: string
  readonly clientId?: string
  readonly clientSecret?: string
  readonly scope?: string
}

/** Paths of files, relative to the project; without `ca`, the system's authorities are used. */
export interface Tls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** A Kafka cluster, and the settings of the topics that ccs creates there. */
export interface KafkaSettings {
  /** Each as host:port. */
  readonly brokers: readonly string[]
  /** Of topics that ccs creates. */
  readonly partitions: number
  readonly replication: number
  /** How long events.raw, events.valid and events.dlq are kept; -1: for ever. */
  readonly retentionMs: number
  readonly tls?: Tls
  readonly sasl?: Sasl
}

/** A server that speaks HTTP, with basic authentication where it has any. */
export interface HttpServer {
  readonly url: string
  readonly username?: string
  readonly password?: string
}

/** How an engine that runs jobs on a cluster runs those of a target. */
export interface JobSettings {
  /** The server that manages the jobs; absent only while a variable of ccs.yml is not set. */
  readonly manager?: HttpServer
  /** How many parts of a job run at the same time; each takes a slot of the cluster. */
  readonly parallelism: number
  /** How often a job saves its state, and makes rows of Silver visible. */
  readonly checkpointMs: number
}

/** Adds the target's prefix: `events.raw` becomes `staging.events.raw`. */
export function addPrefix(target: Pick<Target, 'prefix'>, name: string): string {
  return `${target.prefix}${name}`
}

/** A named place where a project runs. */
export interface Target {
  readonly name: string
  readonly engine: EngineName
  /** Data directory as written; by default the project's for `local`, else `<data>-<name>`. */
  readonly data: string
  /** Prefix of all topics, subjects, groups and connectors, such as `staging.`; '' by default. */
  readonly prefix: string
  /** Variables in its settings that are not set; the target can't be used without them. */
  readonly missing?: readonly string[]
  /** Undefined for a target on the embedded log. */
  readonly kafka?: KafkaSettings
  readonly registry?: HttpServer
  readonly connect?: HttpServer
  /** Servers of engines by engine; that of the target's own engine is always given. */
  readonly engineServers?: Readonly<Partial<Record<EngineName, HttpServer>>>
  /** Given for an engine that runs jobs. */
  readonly jobs?: JobSettings
  /** Models that the target excludes (`without` in ccs.yml), since its engine can't run them. */
  readonly excluded?: readonly string[]
}
