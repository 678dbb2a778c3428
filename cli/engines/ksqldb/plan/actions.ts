/** What a plan for a ksqlDB is made from, and what it consists of: steps as data. */
import type { KsqlField, KsqlSource } from '../client/query-service.ts'
import { type KsqlColumn, type Naming, ownsTopic, type Relation } from './relation.ts'

/** A relation as it was deployed. */
export interface Placed {
  readonly relation: Relation
  /** 1, 2, …: each is a source and a topic of its own. */
  readonly version: number
  /** What the server said of it then. */
  readonly statement: string
  readonly fields: readonly KsqlField[]
}

export interface KsqlState {
  /** Sources of the server. */
  readonly sources: readonly KsqlSource[]
  /** Topics of the cluster. */
  readonly topics: ReadonlySet<string>
}

/** What things are called in the cluster. */
export interface Names {
  source(name: string, version: number): string
  topic(topic: string, version: number): string
}

/** `silver_events_v2` and `silver.events.v2`, with the target's prefix. */
export function namesOf(prefix: string): Names {
  const plain = prefix.replace(/[^A-Za-z0-9_]/g, '_')
  return {
    source: (name, version) => `${plain}${name}${version === 1 ? '' : `_v${version}`}`,
    topic: (topic, version) => `${prefix}${topic}${version === 1 ? '' : `.v${version}`}`,
  }
}

/** Names for statements, with each relation in its version. */
export function namingAt(
  names: Names,
  versions: ReadonlyMap<string, number>,
  partitions: number,
  /** Of topics of streams; -1: for ever. */
  retentionMs = -1,
): Naming {
  const versionOf = (name: string) => versions.get(name) ?? 1
  return {
    source: (name) => names.source(name, versionOf(name)),
    // A topic belongs to what fills it; what comes from outside has no versions.
    topic: (relation) => {
      const { name, topic, over } = relation
      const owner = ownsTopic(relation) ? name : over
      return names.topic(topic, owner === undefined ? 1 : versionOf(owner))
    },
    partitions: String(partitions),
    retentionMs: String(retentionMs),
  }
}

export type KsqlAction =
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
  /** Until these have read all that was there when they were made. */
  | { readonly do: 'await'; readonly names: readonly string[] }
  /** Readers go over to the new versions. */
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
      /** In the cluster. */
      readonly source: string
      readonly kind: 'STREAM' | 'TABLE'
      /** Goes with it. */
      readonly topic: string | undefined
      readonly why: string
    }
  /** Of a source that is gone already. */
  | { readonly do: 'remove topic'; readonly topic: string; readonly why: string }

export interface KsqlRefusal {
  readonly name: string
  readonly why: string
  readonly hint: string
}

export interface KsqlPlan {
  /** In the order in which they are done. */
  readonly actions: readonly KsqlAction[]
  /** With any of these nothing is done. */
  readonly refused: readonly KsqlRefusal[]
  /** Names of relations that somebody else changed, paused or dropped. */
  readonly drifted: readonly string[]
  /** Version of each relation that is wanted, once all is done. */
  readonly versions: ReadonlyMap<string, number>
}

export interface KsqlPlanInput {
  /** In order: each after what it reads. */
  readonly desired: readonly Relation[]
  readonly placed: readonly Placed[]
  readonly found: KsqlState
  readonly names: Names
  /** Sources, by their names in the cluster, that a deployment which was broken off may have made. */
  readonly begun?: readonly string[]
  /** Topics that those fill. */
  readonly begunTopics?: readonly string[]
  /** Make all anew that has a query, changed or not, so that rows which are there follow the text as it is now. */
  readonly rebuild?: boolean
}
