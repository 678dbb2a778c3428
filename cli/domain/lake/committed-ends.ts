/** How far the log was read, by a manifest. */
import type { CommittedEnd } from '../log/log-report.ts'
import { DLQ_TOPIC, ENGINE_PARTITION } from '../log/topics.ts'
import type { Manifest } from './manifest.ts'

/** The offsets up to which the log must have its records; [] before the first commit. */
export function listCommittedEnds(manifest: Manifest | undefined): readonly CommittedEnd[] {
  if (!manifest) return []
  const { positions, dlqEnd } = manifest
  return [
    ...positions.map(({ topic, partition, nextOffset: end }) => ({ topic, partition, end })),
    { topic: DLQ_TOPIC, partition: ENGINE_PARTITION, end: dlqEnd },
  ]
}
