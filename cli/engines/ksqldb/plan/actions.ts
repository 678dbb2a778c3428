/** The plan for a ksqlDB as data, and what it is made from. */
import type { KsqlField, KsqlSource } from '../client/server-answers.ts'
import { type KsqlColumn, type Naming, ownsTopic, type Relation } from './relation.ts'

/** A relation as it was deployed. */
export interface DeployedRelation {
  readonly relation: Relation
  /** 1, 2, …: each version is a source and a topic of its own. */
  readonly version: number
  /** The server's description of it at that time. */
  readonly statement: string
  readonly fields: readonly KsqlField[]
}

/** What exists now. */
export interface FoundObjects {
  /** Streams and tables of the server. */
  readonly sources: readonly KsqlSource[]
  /** Names of the cluster's topics. */
  readonly topics: ReadonlySet<string>
}

/** Names in the cluster. */
export interface Names {
  source(name: string, version: number): string
  topic(topic: string, version: number): string
}

/** Names such as `silver_events_v2` and `silver.events.v2`, with the target's prefix. */
export function createNames(prefix: string): Names {
  const plain = prefix.replace(/[^A-Za-z0-9_]/g, '_')
  return {
    source: (name, version) => `${plain}${name}${version === 1 ? '' : `_v${version}`}`,
    topic: (topic, version) => `${prefix}${topic}${version === 1 ? '' : `.v${version}`}`,
  }
}

/** Names for statements, with the version of each relation. */
export function createNaming(
  names: Names,
  versions: ReadonlyMap<string, number>,
  partitions: number,
  /** Of topics of streams; -1: for ever. */
  retentionMs = -1,
): Naming {
  const versionOf = (name: string) => versions.get(name) ?? 1
  return {
    source: (name) => names.source(name, versionOf(name)),
    // A topic has the version of the relation that fills it; topics from outside have none.
    topic: (relation) => {
      const { name, topic, over } = relation
      const owner = ownsTopic(relation) ? name : over
      return names.topic(topic, owner === undefined ? 1 : versionOf(owner))
    },
    partitions: String(partitions),
    retentionMs: String(retentionMs),
  }
}

/** One action of a plan; `why` is half a sentence. */
export type RelationAction =
  | {
      readonly do: 'create'
      readonly relation: Relation
      readonly version: number
      readonly why: string
    }
  | {
      readonly do: 'replace'
      readonly relation: Relation
      readonly version: number
      readonly why: string
    }
  | {
      readonly do: 'alter'
      readonly relation: Relation
      readonly version: number
      readonly columns: readonly KsqlColumn[]
      readonly why: string
    }
  | { readonly do: 'resume'; readonly name: string; readonly queryId: string; readonly why: string }
  /** Waits until these have read all that existed when they were created. */
  | { readonly do: 'await'; readonly names: readonly string[] }
  /** From here on the record names the new versions. */
  | {
      readonly do: 'promote'
      readonly moves: readonly {
        readonly name: string
        readonly from: number
        readonly to: number
      }[]
    }
  | {
      readonly do: 'drop'
      /** Its name in the cluster. */
      readonly source: string
      readonly kind: 'STREAM' | 'TABLE'
      /** Removed with it. */
      readonly topic: string | undefined
      readonly why: string
    }
  /** Of a source that no longer exists. */
  | { readonly do: 'remove topic'; readonly topic: string; readonly why: string }

/** Why nothing of a plan may be applied. */
export interface PlanBlocker {
  /** The relation. */
  readonly name: string
  readonly why: string
  readonly hint: string
}

/** What a deployment does to the streams and tables of a ksqlDB. */
export interface RelationPlan {
  /** In the order of their execution. */
  readonly actions: readonly RelationAction[]
  /** If there are any, nothing is applied. */
  readonly blockers: readonly PlanBlocker[]
  /** Names of relations that others changed, paused or dropped. */
  readonly drifted: readonly string[]
  /** Version of each desired relation after the deployment. */
  readonly versions: ReadonlyMap<string, number>
}

/** What the plan for a ksqlDB is made from. */
export interface RelationPlanInput {
  /** Each after those that it reads. */
  readonly desired: readonly Relation[]
  readonly deployed: readonly DeployedRelation[]
  readonly found: FoundObjects
  readonly names: Names
  /** Sources, by their names in the cluster, that an unfinished deployment may have created. */
  readonly inProgress?: readonly string[]
  /** Topics that those fill. */
  readonly inProgressTopics?: readonly string[]
  /** Recreate everything that has a query, changed or not. */
  readonly rebuild?: boolean
}
