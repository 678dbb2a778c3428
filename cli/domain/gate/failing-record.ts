/**
 * Records that keep the contract, but that a model fails on: a cast of text that is not a number,
 * a sum that overflows. They are set aside in events.dlq like records that the gate rejects, as if
 * they had never passed it (docs/adr/0022).
 */
import type { Reject } from './reject.ts'

/** A record of events.raw, the model that fails on it, and why. */
export interface FailingRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly model: string
  /** One sentence with the model's name. */
  readonly message: string
}

/** Failing records by `<topic>-<partition>`, then by offset. */
export type FailingRecords = ReadonlyMap<string, ReadonlyMap<number, FailingRecord>>

/** Prepares records for look-ups while their partitions are read. */
export function indexFailingRecords(records: readonly FailingRecord[]): FailingRecords {
  const partitions = new Map<string, Map<number, FailingRecord>>()
  for (const one of records) {
    const name = `${one.topic}-${one.partition}`
    const offsets = partitions.get(name) ?? new Map<number, FailingRecord>()
    partitions.set(name, offsets.set(one.offset, one))
  }
  return partitions
}

/** How many of the rejects are of records that a model fails on. */
export function countFailing(rejects: readonly Reject[]): number {
  return rejects.reduce((sum, { model }) => sum + (model === undefined ? 0 : 1), 0)
}
