/** Topics of a Kafka cluster as a port: what exists, and how it is changed. */
import type { TopicProgress } from './topic-progress.ts'

/** Topics of a cluster as they are. */
export interface TopicState {
  readonly name: string
  readonly partitions: number
  readonly replication: number
  /** Settings given to this topic, by Kafka's names; what the broker's defaults say is not among them. */
  readonly config: Readonly<Record<string, string>>
}

export interface TopicAdmin {
  /** Those of `names` that exist, all there are without; internal topics of Kafka are left out. */
  topics(names?: readonly string[]): Promise<readonly TopicState[]>
  create(topics: readonly TopicState[]): Promise<void>
  /** Sets and, by null, unsets settings; the others stay as they are. */
  configure(name: string, config: Readonly<Record<string, string | null>>): Promise<void>
  addPartitions(name: string, total: number): Promise<void>
  /** Of all topics. */
  names(): Promise<readonly string[]>
  /** How far a consumer group has read a topic; [] for a topic that is not there. */
  progress(name: string, group: string): Promise<readonly TopicProgress[]>
  remove(names: readonly string[]): Promise<void>
  /** Brokers, version, and what `ccs doctor` looks at. */
  about(): Promise<Readonly<Record<string, string>>>
  close(): Promise<void>
}
