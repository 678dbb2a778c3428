/**
 * Names of the project's own topics, before a target's prefix; Gold topics are called as their
 * models.
 */

/** Events as they arrive, valid or not. */
export const RAW_TOPIC = 'events.raw'

/** Rejected records with their bytes and the reason: the dead-letter queue. */
export const DLQ_TOPIC = 'events.dlq'

/** Partition of events.dlq that the embedded engine writes its rejects to. */
export const ENGINE_PARTITION = 0

/**
 * Partition of events.raw and events.dlq in a data directory that the collector writes to: its own,
 * so that its watermark is. Imports have those up to 1023, replays those up to 1039.
 */
export const COLLECTOR_PARTITION = 1040

/** Events that passed the gate, for engines that read Kafka themselves. */
export const VALID_TOPIC = 'events.valid'

/** Which files were imported, and how far: one partition, JSON records. */
export const IMPORTS_TOPIC = 'ccs.imports'

/** Which rejects were replayed, to which offsets: one partition, JSON records. */
export const REPLAYS_TOPIC = 'ccs.replays'

/** Subject of the schemas of a topic's values in a registry (TopicNameStrategy). */
export function subjectFor(topic: string): string {
  return `${topic}-value`
}
