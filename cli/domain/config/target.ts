/**
 * A target of ccs.yml: which engine, and the servers around it. `local` needs none; the others name their
 * Kafka, their registry, their Connect and their engine's server. Secrets
 * are `${VAR}` in the file and values here.
 */
import type { EngineName } from './engines.ts'

export interface Sasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer'
  /** plain and scram. */
  readonly username?: string
  readonly password?: string
  /** oauthbearer: a token as it is, or where to get one by the client credentials grant. */
  readonly token?: string
  readonly tokenUrl?: string
  readonly clientId?: string
  readonly clientSecret?: string
  readonly scope?: string
}

/** Files by path, relative to the project; `true` alone: the system's authorities. */
export interface Tls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export interface KafkaSettings {
  /** host:port each. */
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

/** Where a target's things are named: `staging.events.raw` for the topic events.raw with the prefix `staging.`. */
export function prefixed(target: Pick<Target, 'prefix'>, name: string): string {
  return `${target.prefix}${name}`
}

export interface Target {
  readonly name: string
  readonly engine: EngineName
  /** Data directory as written; the project's for `local`, `<data>-<name>` for others unless given. */
  readonly data: string
  /** Before the name of every topic, subject, group and connector, such as `staging.`; '' by default. */
  readonly prefix: string
  /** Environment variables that its settings name and that are not set: it can't be used without them. */
  readonly missing?: readonly string[]
  /** Undefined for a target on the embedded log. */
  readonly kafka?: KafkaSettings
  readonly registry?: HttpServer
  readonly connect?: HttpServer
  /** Servers of engines that have one, by engine; the target's own engine's is always there. */
  readonly engineServers?: Readonly<Partial<Record<EngineName, HttpServer>>>
  /** Models that the target leaves out, since its engine can't run them. */
  readonly without?: readonly string[]
}
