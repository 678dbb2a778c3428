/** How the gate's things are called on a cluster; who watches it asks for them by these names. */
export interface GateNames {
  readonly raw: string
  readonly valid: string
  readonly dlq: string
  readonly group: string
  /** Of the producer that writes what one partition gives. */
  transactionalId(partition: number): string
}

export function gateNames(prefix: string): GateNames {
  return {
    raw: `${prefix}events.raw`,
    valid: `${prefix}events.valid`,
    dlq: `${prefix}events.dlq`,
    group: `${prefix}ccs.gate`,
    transactionalId: (partition) => `${prefix}ccs.gate-${partition}`,
  }
}
