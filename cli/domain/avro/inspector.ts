/**
 * Checks Avro bytes without decoding them, and says where they break the format. A record must pass
 * this strict, slow check before avsc may build objects from it; its messages explain rejects. Each
 * length is checked against the bytes that are left, so that no record costs more than its own
 * size.
 */
import { isUtf8 } from 'node:buffer'
import type { AvroNode } from './schema.ts'

/** Most items in all arrays of one record together; more count as an attack. */
export const ITEMS_MAX = 5_000

/** Deepest nesting of a recursive schema. */
const DEPTH_MAX = 64

interface Cursor {
  readonly bytes: Uint8Array
  at: number
  depth: number
  items: number
  /** Set as soon as something is wrong. */
  fault: string
}

/** Advances over one value; returns false and sets the fault where the value is broken. */
type Walk = (cursor: Cursor) => boolean

/**
 * Checks that the bytes from `from` to their end are one value; returns the fault without its full
 * stop.
 */
export type Inspector = (bytes: Uint8Array, from: number) => string | undefined

/** Compiles the checks of a schema's values into closures. */
export function compileInspector(node: AvroNode): Inspector {
  const walk = compile(node, '', new Map())
  return (bytes, from) => {
    const cursor: Cursor = { bytes, at: from, depth: 0, items: 0, fault: '' }
    if (!walk(cursor)) return cursor.fault
    const rest = bytes.length - cursor.at
    return rest === 0 ? undefined : `${rest} bytes are left over after the last field`
  }
}

function compile(node: AvroNode, path: string, known: Map<AvroNode, Walk>): Walk {
  const before = known.get(node)
  if (before) return before
  switch (node.kind) {
    case 'null':
      return () => true
    case 'boolean':
      return (c) =>
        skip(c, 1, path) && ((c.bytes[c.at - 1] ?? 0) < 2 || fail(c, path, 'no boolean'))
    case 'int':
      return (c) => {
        const value = readLong(c, path, 5)
        if (value === undefined) return false
        return (value >= -0x80000000 && value <= 0x7fffffff) || fail(c, path, 'an int over 32 bits')
      }
    case 'long':
      return (c) => readLong(c, path) !== undefined
    case 'float':
      return (c) => skip(c, 4, path)
    case 'double':
      return (c) => skip(c, 8, path)
    case 'fixed':
      return (c) => skip(c, node.size, path)
    case 'bytes':
      return (c) => skipBytes(c, path) >= 0
    case 'string':
      return (c) => skipText(c, path)
    case 'enum':
      return (c) => readIndex(c, path, node.symbols.length) >= 0
    case 'union': {
      const branches = node.branches.map((branch) => compile(branch, path, known))
      return (c) => branches[readIndex(c, path, branches.length)]?.(c) ?? false
    }
    case 'array':
      return compileBlocks(path, compile(node.items, `${path}[]`, known))
    case 'map': {
      const value = compile(node.values, `${path}{}`, known)
      return compileBlocks(path, (c) => skipText(c, path) && value(c))
    }
    case 'record':
      return compileRecord(node, path, known)
  }
}

function compileRecord(
  node: Extract<AvroNode, { kind: 'record' }>,
  path: string,
  known: Map<AvroNode, Walk>,
): Walk {
  const fields: Walk[] = []
  const walk: Walk = (c) => {
    if (++c.depth > DEPTH_MAX) return fail(c, path, `records nested deeper than ${DEPTH_MAX}`)
    for (const field of fields) if (!field(c)) return false
    c.depth--
    return true
  }
  known.set(node, walk)
  for (const field of node.fields) {
    const name = path === '' ? field.name : `${path}.${field.name}`
    fields.push(compile(field.type, name, known))
  }
  known.delete(node)
  return walk
}

function compileBlocks(path: string, item: Walk): Walk {
  return (c) => {
    for (;;) {
      let count = readLong(c, path)
      if (count === undefined) return false
      if (count === 0) return true
      if (count < 0) {
        const bytes = readLong(c, path)
        if (bytes === undefined) return false
        if (bytes < 0 || bytes > c.bytes.length - c.at)
          return fail(
            c,
            path,
            `a block of ${bytes} bytes where ${Math.max(0, c.bytes.length - c.at)} are left`,
          )
        count = -count
      }
      c.items += count
      if (c.items > ITEMS_MAX) return fail(c, path, `more than ${ITEMS_MAX} items in a record`)
      for (let i = 0; i < count; i++) if (!item(c)) return false
    }
  }
}

function fail(cursor: Cursor, path: string, what: string): false {
  cursor.fault = `${path === '' ? 'the record' : path} has ${what} at byte ${cursor.at}`
  return false
}

function skip(cursor: Cursor, bytes: number, path: string): boolean {
  if (bytes > cursor.bytes.length - cursor.at) {
    const left = Math.max(0, cursor.bytes.length - cursor.at)
    return fail(cursor, path, `a value of ${bytes} bytes where ${left} are left`)
  }
  cursor.at += bytes
  return true
}

function skipBytes(cursor: Cursor, path: string): number {
  const length = readLong(cursor, path)
  if (length === undefined) return -1
  if (length < 0) fail(cursor, path, `a length of ${length}`)
  return length >= 0 && skip(cursor, length, path) ? length : -1
}

function skipText(cursor: Cursor, path: string): boolean {
  const length = skipBytes(cursor, path)
  if (length < 0) return false
  const from = cursor.at - length
  return (
    isUtf8(cursor.bytes.subarray(from, cursor.at)) || fail(cursor, path, 'text that is not UTF-8')
  )
}

function readIndex(cursor: Cursor, path: string, count: number): number {
  const value = readLong(cursor, path)
  if (value === undefined) return -1
  if (value >= 0 && value < count) return value
  fail(cursor, path, `choice ${value} of ${count}`)
  return -1
}

/** A zigzag varint; undefined if it is cut off or too long. Rounded beyond 2^53. */
function readLong(cursor: Cursor, path: string, bytesMax = 10): number | undefined {
  let value = 0
  let unit = 1
  for (let i = 0; i < bytesMax; i++) {
    const byte = cursor.bytes[cursor.at]
    if (byte === undefined) {
      fail(cursor, path, 'no more bytes')
      return undefined
    }
    cursor.at++
    // The tenth byte can only hold the highest of 64 bits.
    if (i === 9 && byte > 1) break
    value += (byte & 127) * unit
    unit *= 128
    if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
  fail(cursor, path, 'a number that does not end')
  return undefined
}
