/**
 * Applies a mapping to rows: each row of a file becomes an event, or a fault that says why it
 * can't. Columns are resolved once per file, so that a row needs no lookup by name.
 */

import { RowFault, type RowValues } from '../../documents/source-row.ts'
import { throwAll } from '../../kernel/errors.ts'
import type { EventContract } from './event-contract.ts'
import { LEFT_OUT, type MappedFile, MappingBinder, missingValue } from './mapping-binder.ts'
import type { EventFields, MappingSpec, RowContext } from './mapping-spec.ts'

/** What became of a row. */
export type MappedRow =
  | { readonly kind: 'event'; readonly event: EventFields }
  /** The mapping leaves this event type out. */
  | { readonly kind: 'left_out' }
  | RowFault

/** Maps one row; `line` is the row's first line in the file. */
export type RowMapper = (values: RowValues, line: number) => MappedRow

/**
 * Returns the mapper for one file. Throws CCS_IMPORT_INVALID with all columns that the mapping
 * names and the header lacks, located in the file.
 */
export function bindMapping(
  spec: MappingSpec,
  contract: EventContract,
  source: MappedFile,
): RowMapper {
  const binder = new MappingBinder(spec, source)
  const fields = spec.fields.map((rule) => ({ rule, read: binder.bindField(rule) }))
  const items = spec.items === undefined ? undefined : binder.bindItems(spec.items)
  throwAll(binder.faults)
  return (values, line) => {
    const context: RowContext = { row: values, root: values, line }
    const event: Record<string, unknown> = {}
    for (const field of contract.fields) event[field.name] = field.fallback
    for (const { rule, read } of fields) {
      const value = read(context)
      if (value === LEFT_OUT) return { kind: 'left_out' }
      if (value instanceof RowFault) return value
      if (value !== undefined) event[rule.field.name] = value
      else if (rule.field.isRequired) return missingValue(rule)
    }
    const lines = items?.(context)
    if (lines instanceof RowFault) return lines
    if (lines !== undefined && spec.items !== undefined) event[spec.items.field.name] = lines
    return { kind: 'event', event }
  }
}
