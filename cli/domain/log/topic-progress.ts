/** How far a consumer group has read one partition of a topic. */
export interface TopicProgress {
  readonly partition: number
  /** First offset kept, and the one after the last. */
  readonly start: number
  readonly end: number
  /** null: nothing yet. */
  readonly committed: number | null
}
