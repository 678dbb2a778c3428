/**
 * Rows of an engine's processing log, which lists the records that its queries skipped
 * (docs.confluent.io, "Processing log"). Only deserialization errors have the record's bytes, and
 * no row says where the record is in its topic.
 */
import { asObject, parseJson } from '../kernel/json.ts'
/** A record that the engine could not read. */
export interface LoggedRecord {
  /** The server's name for it. */
  readonly topic: string
  /** undefined: the server omits them, or the record had none. */
  readonly bytes: Buffer | undefined
  /** Why the engine could not read the record. */
  readonly message: string
  /** When it was logged, ms. */
  readonly timeMs: number
}

/** Returns undefined for rows of another kind, rows about a key, and other text. */
export function parseLoggedRecord(row: Buffer): LoggedRecord | undefined {
  const { time, message } = asObject(parseJson(row.toString('utf8')))
  const error = asObject(asObject(message).deserializationError)
  const { target, errorMessage, recordB64, cause, topic } = error
  if (typeof topic !== 'string' || typeof time !== 'number') return undefined
  if (target !== 'value') return undefined
  const causes = Array.isArray(cause) ? cause.map(String) : []
  return {
    topic,
    bytes: typeof recordB64 === 'string' ? Buffer.from(recordB64, 'base64') : undefined,
    message: [String(errorMessage), ...causes].map((one) => one.replace(/[.:\s]+$/, '')).join(': '),
    timeMs: time,
  }
}
