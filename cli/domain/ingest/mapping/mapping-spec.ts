/**
 * A mapping file as data: for each field of an event, where its value comes from and how it is
 * converted. `parse-mapping.ts` reads it, `bind-mapping.ts` applies it to rows.
 */

import type { CsvStyle, RowValues, SourceFormat } from '../../documents/source-row.ts'
import type { Converter } from './convert-value.ts'
import type { ContractField } from './event-contract.ts'
import type { UrlPart } from './url-part.ts'

/** A path that means the number of the row's first line. */
export const LINE = '$line'
/** A path that means the file's name without directories. */
export const FILE = '$file'

/** A path that means the type of the event that the row becomes, such as purchase. */
export const EVENT_TYPE = '$event_type'

/** In a hash: all values of the row. */
export const ALL = 'all'

/** Where a field's value comes from. */
export type ValueSource =
  /** The first of these paths that has a value. */
  | { readonly kind: 'from'; readonly paths: readonly string[] }
  | { readonly kind: 'constant'; readonly value: string }
  /** Text with values inserted; no value if one of them is missing. */
  | { readonly kind: 'template'; readonly parts: readonly TemplatePart[] }
  /** A UUID derived from these values (ALL, LINE, FILE or paths); no value if all are missing. */
  | { readonly kind: 'hash'; readonly paths: readonly string[] }
  /** The first of these rules whose condition holds. */
  | { readonly kind: 'choose'; readonly rules: readonly FieldRule[] }

/** A part of a template: literal text, or the value at a path. */
export type TemplatePart = { readonly text: string } | { readonly path: string }

/** What a condition tests: the text at `path`; undefined if there is no value. */
export interface Condition {
  readonly path: string
  readonly holds: (text: string | undefined) => boolean
}

/** How one field of the event is filled. */
export interface FieldRule {
  readonly field: ContractField
  /** `file:line` of the rule in the mapping, for messages. */
  readonly place: string
  readonly source: ValueSource
  /** Whether a file may lack the columns. */
  readonly isOptional: boolean
  readonly when: readonly Condition[]
  readonly url: UrlPart | undefined
  /** Whether letters become capital or small. */
  readonly letterCase: 'upper' | 'lower' | undefined
  /** Whether the value is a user agent, of which the kind of device is taken. */
  readonly isUserAgent: boolean
  /** Whether the row is deliberately left out and counted for this source value. */
  readonly leavesOut: ((text: string) => boolean) | undefined
  readonly values: ReadonlyMap<string, string> | undefined
  /** For values that `values` doesn't list: a value, null for none, undefined to reject the row. */
  readonly otherwise: string | null | undefined
  /** The value to use where the source has none. */
  readonly fallback: string | undefined
  /** With `group`: whether the amounts of all rows are added up. */
  readonly isSum: boolean
  readonly convert: Converter
}

/** How order lines are filled, if `when` holds. */
export interface LinesRule {
  /** Paths of the list of lines, of which the first that is there counts; none: the row itself. */
  readonly each: readonly string[]
  readonly when: readonly Condition[]
  readonly fields: readonly FieldRule[]
}

/** How the list of order lines is filled: by the first rule whose condition holds. */
export interface ItemsRule {
  readonly field: ContractField
  readonly place: string
  readonly choices: readonly LinesRule[]
}

/** Amounts of the whole order, which decide what its lines are worth together. */
export interface OrderRules {
  /** What the lines are worth after discounts, without tax and shipping. */
  readonly revenue: FieldRule | undefined
  /** What the customer paid: revenue, tax and shipping. */
  readonly total: FieldRule | undefined
  /** Whether the order's discount is spread over its lines. */
  readonly spreadsDiscount: boolean
}

/** Of mappings for the collector: each entry of a list in what arrives is a row. */
export interface ListRows {
  /** Path of the list. */
  readonly each: string
  /** Under this name the row has its entry, beside what the whole has. */
  readonly as: string
}

/** A whole mapping file; all its rules fit the contract. */
export interface MappingSpec {
  /** Path of the mapping file, for messages. */
  readonly file: string
  /** undefined: recognized by each file's name. */
  readonly format: SourceFormat | undefined
  readonly csv: CsvStyle
  /** Texts that mean "no value". */
  readonly nulls: ReadonlySet<string>
  /** undefined: what arrives is one row. */
  readonly rows: ListRows | undefined
  /** Rows with equal values of these paths are one event; undefined: each row is one. */
  readonly group: readonly string[] | undefined
  readonly fields: readonly FieldRule[]
  readonly items: ItemsRule | undefined
  readonly order: OrderRules
}

/** An event by the contract's names, with every field present; times in ms, money in hundredths. */
export type EventFields = Readonly<Record<string, unknown>>

/** A row or list entry, and the row that a path starting with `$` refers to. */
export interface RowContext {
  readonly row: RowValues
  readonly root: RowValues
  /** All rows of the group; the row alone without `group`. */
  readonly rows: readonly RowValues[]
  readonly line: number
  /** '' until it is known. */
  readonly eventType: string
}
