/** A project's logic: its models, macros, seeds and schemas, parsed and checked. */
import { createHash } from 'node:crypto'
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import type { MacroSet } from '../sql/expand-macros.ts'
import type { DuckColumn } from './bind-models.ts'
import type { GraphModel } from './graph.ts'
import type { Seed } from './seed.ts'

/** A current schema and the subject that its records are registered under. */
export interface SchemaVersion {
  readonly subject: string
  /** SHA-256 of the schema's text. */
  readonly fingerprint: string
}

/** A project's logic, whatever engine runs it. */
export interface Logic {
  /** In topological order. */
  readonly graph: readonly GraphModel[]
  readonly schemas: readonly SchemaVersion[]
  readonly macros: MacroSet
  /** What a DuckDB needs before the models: macros, and the seeds that models join as tables. */
  readonly macrosSql: string
  /** Text of sql/macros.sql. */
  readonly macrosText: string
  /** Only seeds that a model reads. */
  readonly seeds: readonly Seed[]
  /** Versions of events.raw-value, oldest first. */
  readonly rawSchemas: readonly RegisteredSchema[]
  /** Versions of events.dlq-value, oldest first. */
  readonly dlqSchemas: readonly RegisteredSchema[]
  /**
   * Columns of raw.events and, if the logic was opened with `isDescribed` (which doubles the work
   * of binding), of each model. Types are as DuckDB writes them.
   */
  readonly columns: ReadonlyMap<string, readonly DuckColumn[]>
}

/** Delay of the watermark behind the newest event, ms: that of the first model which has one. */
export function findWatermarkDelay({ graph }: Pick<Logic, 'graph'>): number {
  return graph.find(({ model }) => model.watermarkMs !== undefined)?.model.watermarkMs ?? 0
}

/** The version of a schema that is in force. */
export function fingerprintSchema({ subject, schema }: RegisteredSchema): SchemaVersion {
  return { subject, fingerprint: createHash('sha256').update(schema).digest('hex') }
}
