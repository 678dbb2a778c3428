/**
 * Applies a mapping to rows: a row of a file becomes an event of the contract, or a fault that says why it
 * can't. Columns are looked up once a file, so that a row costs no look-up by name.
 */

import { RowFault, type RowValues } from '../../documents/source-row.ts'
import { throwAll } from '../../kernel/errors.ts'
import type { EventContract } from './event-contract.ts'
import { LEFT_OUT, type MappedFile, MappingBinder, missingValue } from './mapping-binder.ts'
import type { EventFields, MappingSpec, RowContext } from './mapping-spec.ts'

export type MappedRow =
  | { readonly kind: 'event'; readonly event: EventFields }
  /** The mapping leaves such rows out by name. */
  | { readonly kind: 'left_out' }
  | RowFault

export type RowMapper = (values: RowValues, line: number) => MappedRow

/**
 * The mapper for one file. Columns that the mapping names and the header lacks are CCS_IMPORT_INVALID, all of
 * them at once, located in the file.
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
