/** A model is a SQL file: one plain SELECT, and a YAML header with what SQL can't express. */

/** Path of a model's file in a project. */
export function toModelFile(name: string): string {
  return `sql/${name.replace('.', '/')}.sql`
}

/** The model of such a file; a file of sql/live/ has the name that its folder gives it. */
export function toModelName(file: string): string {
  return file.replace(/^sql\/|\.sql$/g, '').replace('/', '.')
}

/** Folder below sql/ and schema of the tables: events as arrived, cleaned events, aggregates. */
export type Layer = 'bronze' | 'silver' | 'gold'

/**
 * stream: row by row · window: aggregation that ends with the watermark · session: aggregation over
 * session_rows · view: computed when it is queried.
 */
export type Kind = 'stream' | 'window' | 'session' | 'view'

/** A rule of the header that every row must keep; `ccs audit` checks it. */
export type Audit =
  | { readonly rule: 'not_null'; readonly column: string }
  | { readonly rule: 'unique'; readonly columns: readonly string[] }
  | {
      readonly rule: 'accepted_values'
      readonly column: string
      readonly values: readonly string[]
    }
  | { readonly rule: 'holds'; readonly expression: string }

/** Length of the windows of a model of kind window. */
export type WindowSize =
  | { readonly unit: 'ms'; readonly sizeMs: number }
  /** Calendar days in the shop's timezone. */
  | { readonly unit: 'shop day' }

/** A parsed model file. */
export interface Model {
  /** `silver.events` */
  readonly name: string
  readonly layer: Layer
  readonly file: string
  /** The whole file; `sql` is the SELECT alone, which begins on line `sqlLine` (from 1). */
  readonly text: string
  readonly sql: string
  readonly sqlLine: number
  readonly kind: Kind
  readonly grain: string
  readonly key: readonly string[]
  /** Event-time column of the source rows, for kinds window and session. */
  readonly time?: string
  /** How far the watermark stays behind the newest event; silver.events declares it for all. */
  readonly watermarkMs?: number
  readonly latenessMs?: number
  readonly dedupe?: {
    readonly key: string
    readonly horizonMs: number
    /** Column of the order's id: of each order one purchase is kept, whatever its key. */
    readonly orderKey?: string
  }
  readonly window?: WindowSize
  readonly session?: { readonly pauseMs: number; readonly capMs: number }
  /** Hive partition column of its Parquet files. */
  readonly partition?: string
  readonly audits: readonly Audit[]
  /** The comment above the SELECT. */
  readonly doc: string
}
