/**
 * A model is a SQL file: a header in YAML that says what a batch query cannot, and one plain SELECT.
 */
/** Where a model's SQL stands in a project. */
export function modelFile(name: string): string {
  return `sql/${name.replace('.', '/')}.sql`
}

export type Layer = 'bronze' | 'silver' | 'gold'

/**
 * stream: row by row · window: aggregation that closes with the watermark · session: aggregation over
 * session_rows · view: asked when read.
 */
export type Kind = 'stream' | 'window' | 'session' | 'view'

export type Audit =
  | { readonly rule: 'not_null'; readonly column: string }
  | { readonly rule: 'unique'; readonly columns: readonly string[] }
  | {
      readonly rule: 'accepted_values'
      readonly column: string
      readonly values: readonly string[]
    }
  | { readonly rule: 'holds'; readonly expression: string }

export type WindowSize =
  | { readonly unit: 'ms'; readonly sizeMs: number }
  /** Calendar days in the shop's timezone. */
  | { readonly unit: 'shop day' }

export interface Model {
  /** `silver.events` */
  readonly name: string
  readonly layer: Layer
  readonly file: string
  /** The file as written, and the SELECT alone, from `sqlLine` (counted from 1) on. */
  readonly text: string
  readonly sql: string
  readonly sqlLine: number
  readonly kind: Kind
  readonly grain: string
  readonly key: readonly string[]
  /** Event-time column of the rows read, for kinds window and session. */
  readonly time?: string
  /** How far the watermark stays behind, ms (silver.events declares it for all). */
  readonly watermarkMs?: number
  readonly latenessMs?: number
  readonly dedupe?: { readonly key: string; readonly horizonMs: number }
  readonly window?: WindowSize
  readonly session?: { readonly pauseMs: number; readonly capMs: number }
  /** Hive partition column of its Parquet. */
  readonly partition?: string
  readonly audits: readonly Audit[]
  /** What the comment above the SELECT says of it. */
  readonly doc: string
}
