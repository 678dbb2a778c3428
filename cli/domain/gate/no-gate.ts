/** Why a target has no gate. */
import { CcsError } from '../kernel/errors.ts'

/** CCS_CONFIG_INVALID for a target that needs no gate. */
export function noGate(target: string): CcsError {
  return new CcsError('CCS_CONFIG_INVALID', `Target "${target}" has no Kafka: it needs no gate.`, {
    hint:
      'Name a target that has one: ccs gate --target NAME. ' +
      'On the embedded log the engine judges by itself.',
  })
}
