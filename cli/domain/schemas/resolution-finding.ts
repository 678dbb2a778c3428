/** What a comparison of a reader's schema with a writer's finds. */

export type BreakRule =
  | 'type'
  | 'name'
  | 'no default'
  | 'bad default'
  | 'alias'
  | 'symbol'
  | 'size'
  | 'union'
  | 'decimal'

export type RemarkRule = 'meaning' | 'precision' | 'text' | 'namespace' | 'symbol default'

export interface ResolutionFinding {
  readonly rule: BreakRule | RemarkRule
  /** A break: reading fails. A remark: it works, but look at it. */
  readonly isBreak: boolean
  /** Such as `items[].sku`; '' is the whole. `[]` is any item of an array, `{}` any value of a map. */
  readonly path: string
  /** One sentence. */
  readonly message: string
  /** What the reader has there, in words. */
  readonly reader: string
  readonly writer: string
  /** Offsets into the two texts. */
  readonly readerAt: number
  readonly writerAt: number
}
