/**
 * Converts values of DuckDB (docs/json-output.md) back to what an Avro encoder takes: times as ms,
 * large numbers as bigint. A value that does not fit its field becomes a fault.
 */
import { type AvroNode, unwrapOptional } from '../avro/schema.ts'
import type { Rejection } from '../gate/contract-rules.ts'

/** The value, or why there is none. */
export type WireValue = { readonly value: unknown } | { readonly fault: Rejection }

/** `path` names the value in faults, such as `items[0].quantity`. */
export function toWireValue(node: AvroNode, given: unknown, path: string): WireValue {
  const inner = unwrapOptional(node)
  if (given === null || given === undefined)
    return inner.isNullable || node.kind === 'null'
      ? { value: null }
      : fault('missing_field', `${path} is NULL, but an event needs it.`)
  const type = inner.node
  switch (type.kind) {
    case 'long':
      return toWireLong(type.logical === 'timestamp-millis', given, path)
    case 'enum':
      return type.symbols.includes(String(given))
        ? { value: given }
        : fault(
            'wrong_type',
            `${path} is ${JSON.stringify(given)}, which is not one of its values.`,
          )
    case 'array':
      return toWireList(type.items, given, path)
    case 'record':
      return toWireRecord(type, given, path)
    default:
      return { value: given }
  }
}

function toWireLong(isTime: boolean, given: unknown, path: string): WireValue {
  if (typeof given === 'number' && !isTime) return { value: given }
  if (!isTime) return { value: BigInt(String(given)) }
  const ms = Date.parse(String(given))
  return Number.isNaN(ms)
    ? fault('wrong_type', `${path} is ${String(given)}, which is out of range for a time.`)
    : { value: ms }
}

function toWireList(items: AvroNode, given: unknown, path: string): WireValue {
  const list: unknown[] = []
  for (const [index, one] of (Array.isArray(given) ? given : [given]).entries()) {
    const entry = toWireValue(items, one, `${path}[${index}]`)
    if ('fault' in entry) return entry
    list.push(entry.value)
  }
  return { value: list }
}

function toWireRecord(
  node: Extract<AvroNode, { kind: 'record' }>,
  given: unknown,
  path: string,
): WireValue {
  const record: Record<string, unknown> = {}
  for (const { name, type } of node.fields) {
    // DuckDB returns a struct as an object of its fields.
    const one = toWireValue(type, (given as Record<string, unknown>)[name], `${path}.${name}`)
    if ('fault' in one) return one
    record[name] = one.value
  }
  return { value: record }
}

function fault(reason: Rejection['reason'], message: string): WireValue {
  return { fault: { reason, message } }
}
