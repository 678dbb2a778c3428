/**
 * Valid records with pseudonyms in their fields, for engines that read topics: they are encoded by
 * the newest schema. The key, too, is then the visitor's id as the event has it.
 */
import { Buffer } from 'node:buffer'
import { compileEncoder } from '../avro/encoder.ts'
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import { RecordBatch } from '../log/record-batch.ts'
import type { Pseudonymiser } from '../privacy/pseudonymiser.ts'
import type { Decoded } from './contract-rules.ts'
import type { Gate, ValidationResult } from './gate.ts'
import type { GateRecord, ReplacedRecord } from './gate-stream.ts'

/** For one set of schemas. */
export class RecordPseudonymiser {
  readonly #gate: Gate
  readonly #newest: RegisteredSchema
  readonly #encode: ReturnType<typeof compileEncoder<Decoded>>
  readonly #scratch = new RecordBatch(4096)

  /** The gate's newest schema is `newest`. */
  constructor(gate: Gate, newest: RegisteredSchema) {
    this.#gate = gate
    this.#newest = newest
    this.#encode = compileEncoder<Decoded>(newest.schema, newest.id)
  }

  /**
   * Records without those at `rejected`, by index; empty if no field is classified. Which key a
   * value gets follows from the event's corrected time, as in a row.
   */
  async replace(
    records: readonly GateRecord[],
    rejected: ReadonlySet<number>,
    open: (newest: RegisteredSchema) => Promise<Pseudonymiser | undefined>,
  ): Promise<ReadonlyMap<number, ReplacedRecord>> {
    const replaced = new Map<number, ReplacedRecord>()
    const pseudonymiser = await open(this.#newest)
    if (pseudonymiser === undefined) return replaced
    for (const [index, { bytes, appendMs }] of records.entries())
      if (!rejected.has(index)) {
        const result = this.#gate.validate(bytes, appendMs)
        // The gate has just found it valid.
        if (!result.ok) throw new Error(`a valid record is invalid now: ${result.message}`)
        replaced.set(index, this.#change(result, pseudonymiser))
      }
    return replaced
  }

  #change({ event, eventMs }: ValidRecord, pseudonymiser: Pseudonymiser): ReplacedRecord {
    const changed: Record<string, unknown> = { ...event }
    for (const field of pseudonymiser.fields) {
      const value = event[field.name]
      const isText = typeof value === 'string'
      changed[field.name] = isText ? pseudonymiser.replace(field, value, eventMs) : null
    }
    const value = Buffer.from(this.#scratch.encodeOne((batch) => this.#encode(batch, changed)))
    return { key: Buffer.from(String(changed.anonymous_id)), value }
  }
}

type ValidRecord = Extract<ValidationResult, { readonly ok: true }>
