/** How far a consumer group has read one partition of a topic, in offsets. */
export interface TopicProgress {
  readonly partition: number
  /** The first offset that is kept, and the offset after the last record. */
  readonly start: number
  readonly end: number
  /** Offset at which the group goes on; null when it has read nothing yet. */
  readonly committed: number | null
}
