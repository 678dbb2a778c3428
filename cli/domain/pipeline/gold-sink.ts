/** The port that receives published changes of Gold. */
import type { KeyedRecord } from '../log/keyed-record.ts'

/**
 * A copy of Gold in which the last record per key counts, such as one compacted topic per model.
 */
export interface GoldSink {
  /** Durable when it resolves, in the given order per key. Repeating it is harmless. */
  publish(model: string, records: readonly KeyedRecord[]): Promise<void>
  /** Returns the keys that have a value now. Reads the whole copy. */
  keys(model: string): Promise<ReadonlySet<string>>
  /** A text that changes when the copy is deleted and recreated. */
  identity(model: string): Promise<string>
  close(): Promise<void>
}
