/** The events that are in no model, because a model failed on them and they were not sent again. */
import { correctedEventMs } from '../gate/contract-rules.ts'
import type { LenientReader } from './lenient-reader.ts'
import { isoTime, type RejectPorts, readRejects } from './read-rejects.ts'
import type { ReplayLedger } from './replay-ledger.ts'

/** An event that was set aside, as `ccs why` shows it. */
export interface SetAsideEvent {
  /** `<partition>:<offset>` in events.dlq, for `ccs dlq show`. */
  readonly reject: string
  readonly eventId: string
  readonly type: string
  /** Corrected event time, ISO 8601. */
  readonly at: string
  /** `events.raw-0@1234` */
  readonly from: string
  /** The model that failed on it. */
  readonly model: string
  /** Why, as a sentence. */
  readonly message: string
}

/** Reads events.dlq once, in its order. */
export async function readSetAsideEvents(
  ports: RejectPorts & { readonly ledger: ReplayLedger },
  read: LenientReader,
): Promise<readonly SetAsideEvent[]> {
  const found: SetAsideEvent[] = []
  for await (const entries of readRejects(ports))
    for (const entry of entries) {
      const { reject, partition, offset } = entry
      if (!reject || reject.model === null || ports.ledger.isReplayed(entry)) continue
      const reading = read(reject.bytes)
      if (!('event' in reading)) continue
      const { event } = reading
      found.push({
        reject: `${partition}:${offset}`,
        eventId: String(event.event_id),
        type: String(event.event_type),
        at: isoTime(correctedEventMs(event)) ?? '',
        from: `${reject.topic}-${reject.partition}@${reject.offset}`,
        model: reject.model,
        message: reject.message,
      })
    }
  return found
}
