/** The port to the topics of a Kafka cluster: which exist, and how they are changed. */
import type { TopicProgress } from './topic-progress.ts'

/** A topic, as it is or as it should be. */
export interface TopicState {
  readonly name: string
  readonly partitions: number
  readonly replication: number
  /** Settings of this topic alone, by Kafka's names; the broker's defaults are not among them. */
  readonly config: Readonly<Record<string, string>>
}

/** Reads and changes the topics of a cluster. Nothing is created or deleted unasked. */
export interface TopicAdmin {
  /** The topics of these names that exist, or all topics; without Kafka's internal ones. */
  topics(names?: readonly string[]): Promise<readonly TopicState[]>
  create(topics: readonly TopicState[]): Promise<void>
  /** Changes settings; null resets one to the broker's default. Other settings stay as they are. */
  configure(name: string, config: Readonly<Record<string, string | null>>): Promise<void>
  addPartitions(name: string, total: number): Promise<void>
  /** Names of all topics. */
  names(): Promise<readonly string[]>
  /** How far a consumer group has read a topic, per partition; [] for an unknown topic. */
  progress(name: string, group: string): Promise<readonly TopicProgress[]>
  remove(names: readonly string[]): Promise<void>
  /** Brokers, version and other facts that `ccs doctor` shows, by name. */
  about(): Promise<Readonly<Record<string, string>>>
  close(): Promise<void>
}
