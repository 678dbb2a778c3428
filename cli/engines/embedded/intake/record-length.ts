/** Walks the records in a frame's body. */
import { CcsError, EXIT } from '../../../domain/kernel/errors.ts'
import type { LogFrame } from '../../../domain/log/event-log.ts'

/** Length of the record whose length word is at `at`; CCS_LOG_CORRUPT if the frame is shorter. */
export function readRecordLength(
  { body, topic, partition, baseOffset }: LogFrame,
  at: number,
): number {
  const left = body.length - at - 4
  const length = left >= 0 ? body.readUInt32LE(at) : 0
  if (left >= 0 && length <= left) return length
  throw new CcsError(
    'CCS_LOG_CORRUPT',
    `${topic}-${partition}: the frame at ${baseOffset} declares more records than it holds.`,
    {
      exit: EXIT.unexpected,
      hint: 'Its checksum is correct, so a faulty program wrote it. Run: ccs doctor',
    },
  )
}
