/** Order lines as a list inside a row: an array of a JSON row, or JSON text in a CSV column. */
import { parseJsonExactly } from '../../documents/json-lines.ts'
import { RowFault } from '../../documents/source-row.ts'
import { isObject } from '../../kernel/json.ts'
import { appendAll } from '../../kernel/lists.ts'
import type { RowContext } from './mapping-spec.ts'

/**
 * Applies `readLines` to each entry of the list; undefined if there is no list. The first fault
 * ends it. `place` is that of the rule, for messages.
 */
export function readOrderLines<Line>(
  value: unknown,
  context: RowContext,
  readLines: (context: RowContext) => readonly Line[] | undefined | RowFault,
  place: string,
): readonly Line[] | undefined | RowFault {
  let list = value
  if (typeof list === 'string' && list !== '') {
    try {
      list = parseJsonExactly(list)
    } catch {
      return new RowFault('invalid_json', `items: the list is not valid JSON (${place})`)
    }
  }
  if (list === undefined || list === null || list === '') return undefined
  if (!Array.isArray(list)) return new RowFault('wrong_type', `items: not a list (${place})`)
  const items: Line[] = []
  for (const [i, row] of list.entries()) {
    if (!isObject(row)) return new RowFault('wrong_type', `items[${i}] is not an object (${place})`)
    // A JSON object: its keys are strings.
    const lines = readLines({ ...context, row: row as Record<string, unknown> })
    if (lines instanceof RowFault) return new RowFault(lines.reason, `items[${i}].${lines.message}`)
    if (lines === undefined)
      return new RowFault('missing_field', `items[${i}] has none of the mapped fields (${place})`)
    appendAll(items, lines)
  }
  return items
}
