/**
 * Splits what arrives at the collector into rows, where the mapping says `rows`: an order that
 * names its refunds has a row for each of them.
 */
import { RowFault } from '../../documents/source-row.ts'
import { isObject, type JsonObject } from '../../kernel/json.ts'
import type { MappingSpec } from './mapping-spec.ts'
import { createPathGetter } from './value-path.ts'

/**
 * Returns what splits one JSON object into the rows to map: the object itself without `rows` in the
 * mapping, otherwise one row for each entry of the list, none if it has no list.
 */
export function bindRowSplitter({
  rows,
}: Pick<MappingSpec, 'rows'>): (row: JsonObject) => readonly JsonObject[] | RowFault {
  if (rows === undefined) return (row) => [row]
  const { each, as } = rows
  const getList = createPathGetter(each)
  return (row) => {
    const list = getList(row)
    if (list === undefined || list === '') return []
    if (list instanceof RowFault) return list
    if (!Array.isArray(list)) return new RowFault('wrong_type', `${each} is not a list`)
    const isWrong = list.findIndex((entry) => !isObject(entry))
    if (isWrong >= 0) return new RowFault('wrong_type', `${each}[${isWrong}] is not an object`)
    return list.map((entry: unknown) => ({ ...row, [as]: entry }))
  }
}
