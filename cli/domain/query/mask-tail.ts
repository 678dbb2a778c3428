/** What `ccs tail` prints of records that have events as they came. */
import { maskMessage } from '../dlq/mask-reject.ts'
import { DLQ_TOPIC, RAW_TOPIC, VALID_TOPIC } from '../log/topics.ts'
import type { EventMask } from '../privacy/mask-event.ts'
import type { TailRecord } from './tail.ts'

/** Reads the event in the bytes of a reject; undefined: there is none to be read. */
export type ReadRejected = (
  bytes: Uint8Array,
) => Promise<Readonly<Record<string, unknown>> | undefined>

/** How events are shown, and how they are read where a reject has them. */
export interface ShownEvents {
  /** undefined: as they came. */
  readonly mask: EventMask | undefined
  readonly readRejected: ReadRejected
}

/** Whether fields with a class are shown as they came; `onNotice` hears if they have no keys. */
export interface Showing {
  readonly isPlain: boolean
  readonly onNotice: (text: string) => void
}

/** Of other topics a record stays as it is: rows have pseudonyms already. */
export async function maskTailRecord(
  record: TailRecord,
  mask: EventMask,
  readRejected: ReadRejected,
): Promise<TailRecord> {
  const { topic, value } = record
  if (![RAW_TOPIC, VALID_TOPIC, DLQ_TOPIC].includes(topic)) return record
  // What can't be decoded may begin with an id.
  const { hex: _, ...rest } = record
  if (value === undefined) return rest
  if (topic !== DLQ_TOPIC) return { ...rest, value: mask.mask(value) }
  const { bytes, message } = value
  const event = bytes instanceof Uint8Array ? await readRejected(bytes) : undefined
  const shown = { ...value, message: maskMessage(String(message), event, mask), bytes: null }
  return { ...rest, value: shown }
}
