/** How the gate's topics, group and producers are named. */
import { DLQ_TOPIC, RAW_TOPIC, VALID_TOPIC } from '../../domain/log/topics.ts'

/** Full names on a cluster, with the target's prefix. */
export interface GateNames {
  readonly raw: string
  readonly valid: string
  readonly dlq: string
  readonly group: string
  /** Of the producer that writes the records of one partition. */
  transactionalId(partition: number): string
}

/** `prefix` is the target's. */
export function nameGate(prefix: string): GateNames {
  return {
    raw: `${prefix}${RAW_TOPIC}`,
    valid: `${prefix}${VALID_TOPIC}`,
    dlq: `${prefix}${DLQ_TOPIC}`,
    group: `${prefix}ccs.gate`,
    transactionalId: (partition) => `${prefix}ccs.gate-${partition}`,
  }
}
