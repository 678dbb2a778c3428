/**
 * Producers register a schema before writing with it, also while the engine runs: schema ids that
 * the gate does not know are loaded from the registry before their records are validated.
 */

import type { RegisteredSchema } from '../avro/schema-registry.ts'
import type { Clock } from '../kernel/clock.ts'
import type { LogFrame } from '../log/event-log.ts'
import { RECORD_LENGTH_BYTES } from '../log/record-batch.ts'
import { WIRE_HEADER_BYTES } from '../log/wire-header.ts'

/** Largest expected difference between the clocks of brokers and this machine. */
const SKEW_MS = 60_000

/**
 * Returns a function that looks through frames before validation and inserts newly registered
 * versions into `schemas`, before the last one, which stays in force. It throws what `ask` throws
 * and may be repeated. Records appended before the last answer need no new one: an id that was
 * unknown then stays unknown.
 */
export function createSchemaRefresher(
  schemas: RegisteredSchema[],
  ask: () => Promise<readonly RegisteredSchema[]>,
  clock: Clock,
): (frames: readonly LogFrame[]) => Promise<void> {
  const known = new Set(schemas.map(({ id }) => id))
  let answeredMs = Number.NEGATIVE_INFINITY
  return async (frames) => {
    const isNew = (frame: LogFrame) =>
      frame.appendMs + SKEW_MS > answeredMs && hasUnknownSchema(frame, known)
    if (!frames.some(isNew)) return
    const askedMs = clock.nowMs()
    for (const one of await ask()) {
      if (known.has(one.id)) continue
      known.add(one.id)
      schemas.splice(-1, 0, one)
    }
    answeredMs = askedMs
  }
}

/** Whether a record names a schema id that is not `known`; records without a header are ignored. */
function hasUnknownSchema({ body, count }: LogFrame, known: ReadonlySet<number>): boolean {
  let last: number | undefined
  for (let i = 0, at = 0; i < count && at + RECORD_LENGTH_BYTES <= body.length; i++) {
    const start = at + RECORD_LENGTH_BYTES
    const end = start + body.readUInt32LE(at)
    const hasHeader = start + WIRE_HEADER_BYTES <= Math.min(end, body.length) && body[start] === 0
    if (hasHeader) {
      const id = body.readInt32BE(start + 1)
      if (id !== last && !known.has(id)) return true
      last = id
    }
    at = end
  }
  return false
}
