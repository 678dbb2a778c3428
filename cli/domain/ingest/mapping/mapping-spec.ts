/**
 * What a mapping file says, as data: for each field of an event, where its value comes from and how it is
 * turned into what the contract wants. `parse-mapping.ts` reads it, `mapping.ts` applies it to rows.
 */

import type { CsvStyle, RowValues, SourceFormat } from '../../documents/source-row.ts'
import type { Converter } from './convert-value.ts'
import type { ContractField } from './event-contract.ts'

/** Paths that are no columns: the row's first line, and the file's name without directories. */
export const LINE = '$line'
export const FILE = '$file'

/** In a hash: all that the row holds. */
export const ALL = 'all'

export type ValueSource =
  /** The first of the paths that has a value. */
  | { readonly kind: 'from'; readonly paths: readonly string[] }
  | { readonly kind: 'constant'; readonly value: string }
  /** Text with values put in; no value at all where one of them is missing. */
  | { readonly kind: 'template'; readonly parts: readonly TemplatePart[] }
  /** A UUID of these values (ALL, LINE, FILE or paths); no value where all of them are missing. */
  | { readonly kind: 'hash'; readonly paths: readonly string[] }

export type TemplatePart = { readonly text: string } | { readonly path: string }

/** Part of a URL: its path, its host, or a parameter of its query. */
export type UrlPart = 'path' | 'host' | { readonly query: string }

/** Holds where the value at `path` is one of `values`. */
export interface Condition {
  readonly path: string
  readonly values: ReadonlySet<string>
}

export interface FieldRule {
  readonly field: ContractField
  readonly source: ValueSource
  /** Whether a file may lack the columns. */
  readonly isOptional: boolean
  readonly when: readonly Condition[]
  readonly url: UrlPart | undefined
  /** Values of the source for which the row is left out on purpose, and counted. */
  readonly leaveOut: ReadonlySet<string>
  readonly values: ReadonlyMap<string, string> | undefined
  /** For what `values` doesn't name: a value, null for none, undefined to reject the row. */
  readonly otherwise: string | null | undefined
  /** Where there is no value. */
  readonly fallback: string | undefined
  readonly convert: Converter
}

export interface ItemsRule {
  readonly field: ContractField
  /** Path of the list of lines; undefined: the row itself is the one line. */
  readonly each: string | undefined
  readonly when: readonly Condition[]
  readonly fields: readonly FieldRule[]
}

export interface MappingSpec {
  /** The mapping's own file, for messages. */
  readonly file: string
  /** undefined: by each file's name. */
  readonly format: SourceFormat | undefined
  readonly csv: CsvStyle
  /** Texts that mean "no value". */
  readonly nulls: ReadonlySet<string>
  readonly fields: readonly FieldRule[]
  readonly items: ItemsRule | undefined
}

/** An event by the contract's names, every field present: times in ms, money in hundredths. */
export type EventFields = Readonly<Record<string, unknown>>

/** A row, and what a path beginning with `$` refers to. */
export interface RowContext {
  readonly row: RowValues
  readonly root: RowValues
  readonly line: number
}
