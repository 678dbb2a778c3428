/** The error of a topic that a query needs and that nobody has created yet. */
import { CcsError, EXIT } from '../../../domain/kernel/errors.ts'

/** CCS_KAFKA_TOPIC; `place` says on which brokers. */
export function missingTopicError(topic: string, place: string): CcsError {
  return new CcsError('CCS_KAFKA_TOPIC', `There is no topic ${topic} at ${place}.`, {
    exit: EXIT.usage,
    hint: 'The engine creates it when the models are deployed: docs/flink.md',
  })
}
