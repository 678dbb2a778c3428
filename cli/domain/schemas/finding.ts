/** Findings of schema resolution: breaks, where reading fails, and remarks, where the meaning may change. */
import { describeType } from './describe.ts'
import type { SchemaType } from './tree.ts'

/** Why reading fails. */
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

/** Why a value that can be read needs a look. */
export type RemarkRule = 'meaning' | 'precision' | 'text' | 'namespace' | 'symbol default'

/** A break or a remark, with its place in both schemas. */
export interface Finding {
  readonly rule: BreakRule | RemarkRule
  /** true for a break, false for a remark. */
  readonly isBreak: boolean
  /**
   * Such as `items[].sku`, where `[]` are the items of an array and `{}` the values of a map; '' at
   * the root.
   */
  readonly path: string
  /** One sentence. */
  readonly message: string
  /** The reader's type there, described in words; `writer` likewise. */
  readonly reader: string
  readonly writer: string
  /** Offset in the reader's text; `writerAt` in the writer's. */
  readonly readerAt: number
  readonly writerAt: number
}

/** Whether records can be read: no finding is a break. */
export function canRead(findings: readonly Finding[]): boolean {
  return !findings.some((one) => one.isBreak)
}

const REMARKS: readonly string[] = [
  'meaning',
  'precision',
  'text',
  'namespace',
  'symbol default',
] satisfies readonly RemarkRule[]

/** The finding at a place: the message names field and types, then says why. */
export function createFinding(
  rule: Finding['rule'],
  why: string,
  reader: SchemaType,
  writer: SchemaType,
  { path, readerAt, writerAt }: Pick<Finding, 'path' | 'readerAt' | 'writerAt'>,
): Finding {
  const [to, from] = [describeType(reader), describeType(writer)]
  const isBreak = !REMARKS.includes(rule)
  const what = path === '' ? 'The record' : `Field ${path}`
  const head =
    rule === 'no default' || rule === 'bad default'
      ? `${what} is new`
      : to === from
        ? what
        : `${what}: written as ${from}, read as ${to}`
  return {
    rule,
    isBreak,
    path,
    message: `${head}: ${why}.`,
    reader: to,
    writer: from,
    readerAt,
    writerAt,
  }
}
