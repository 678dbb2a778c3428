/** Order lines as a list inside a row: an array of a JSON row, or JSON text in a CSV column. */
import { parseJsonExactly } from '../../documents/json-lines.ts'
import { RowFault } from '../../documents/source-row.ts'
import { isObject } from '../../kernel/json.ts'
import type { EventFields, RowContext } from './mapping-spec.ts'

/**
 * Applies `line` to each entry of the list; undefined if there is no list. The first fault ends it.
 */
export function readOrderLines(
  value: unknown,
  { root, line: rowLine }: RowContext,
  line: (context: RowContext) => EventFields | undefined | RowFault,
): readonly EventFields[] | undefined | RowFault {
  let list = value
  if (typeof list === 'string' && list !== '') {
    try {
      list = parseJsonExactly(list)
    } catch {
      return new RowFault('invalid_json', 'items: the list is not valid JSON')
    }
  }
  if (list === undefined || list === null || list === '') return undefined
  if (!Array.isArray(list)) return new RowFault('wrong_type', 'items: not a list')
  const items: EventFields[] = []
  for (const [i, row] of list.entries()) {
    if (!isObject(row)) return new RowFault('wrong_type', `items[${i}] is not an object`)
    // A JSON object: its keys are strings.
    const item = line({ row: row as Record<string, unknown>, root, line: rowLine })
    if (item instanceof RowFault) return new RowFault(item.reason, `items[${i}].${item.message}`)
    if (item === undefined)
      return new RowFault('missing_field', `items[${i}] has none of the mapped fields`)
    items.push(item)
  }
  return items
}
