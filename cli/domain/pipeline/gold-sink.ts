/** The port to which changes of Gold are published. */
import type { KeyedRecord } from '../log/keyed-record.ts'

/** A copy of Gold in which the last record of a key counts: a compacted topic a model. */
export interface GoldSink {
  /** Durable when it resolves, in this order for each key. Repeating it is harmless. */
  publish(model: string, records: readonly KeyedRecord[]): Promise<void>
  /** Keys that have a value now. Reads everything. */
  keys(model: string): Promise<ReadonlySet<string>>
  /** Another text when the copy was deleted and made anew. */
  identity(model: string): Promise<string>
  close(): Promise<void>
}
