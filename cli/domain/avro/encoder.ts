/**
 * Encodes objects as Avro with the wire header. Each schema is compiled into one JavaScript
 * function that writes into a RecordBatch in place, without dispatch per field and without copies.
 */
import { Buffer } from 'node:buffer'
import { CcsError } from '../kernel/errors.ts'
import type { RecordBatch } from '../log/record-batch.ts'
import { writeWireHeader } from '../log/wire-header.ts'
import { type AvroNode, isPrimitive, parseRecordSchema, unwrapOptional } from './schema.ts'

/**
 * Appends one record to the batch. Checks only types: throws CCS_SCHEMA_INVALID for a wrong one.
 */
export type Encoder<T extends object> = (batch: RecordBatch, record: T) => void

/**
 * Compiles the encoder of a record schema; `id` goes into the wire header. An undefined field gets
 * its default, or null. A long is a number, or a bigint beyond 2^53; bytes are a Uint8Array.
 */
export function compileEncoder<T extends object>(schema: string, id: number): Encoder<T> {
  const node = parseRecordSchema(schema)
  const program: Program = { consts: [], names: 0 }
  const writes = writeCode(node, 'r', node.name, program)
  const body = `'use strict'
    const { str, long, blob, fail, frame } = lib
    return (batch, r) => {
      let p = batch.reserve(${MARGIN} + sizeOf(r))
      const start = p, B = batch.buffer
      p = frame(B, p, ${id})
      ${writes}
      batch.commit(p - start)
    }`
  const sizeOf = new Function(
    'c',
    `return (r) => { let n = 0; ${sizeCode(node, 'r', program)} return n }`,
  )
  // The function has this type by construction; all that it uses is passed in by name.
  return new Function('lib', 'c', 'sizeOf', body)(
    LIB,
    program.consts,
    sizeOf(program.consts),
  ) as Encoder<T>
}

/** Code for a value that takes ten bytes at most, whatever it is. */
const FIXED_SIZE = 'n += 10;'

/** Room for the wire header; each field adds its own in sizeCode. */
const MARGIN = 16

interface Program {
  readonly consts: unknown[]
  names: number
}

function constant(program: Program, value: unknown): string {
  return `c[${program.consts.push(value) - 1}]`
}

function variable(program: Program): string {
  return `v${program.names++}`
}

/** Statements that write `value` to B[p] and advance p. */
function writeCode(node: AvroNode, value: string, path: string, program: Program): string {
  const inner = unwrapOptional(node)
  if (inner.isNullable) {
    const write = writeCode(inner.node, value, path, program)
    return `if (${value} === null || ${value} === undefined) B[p++] = ${inner.nullIndex * 2}
      else { B[p++] = ${(1 - inner.nullIndex) * 2}; ${write} }`
  }
  const wrong = `fail(${JSON.stringify(path)}, ${value}, '${node.kind}')`
  switch (node.kind) {
    case 'null':
      return ''
    case 'boolean':
      return `if (typeof ${value} !== 'boolean') ${wrong}; B[p++] = ${value} ? 1 : 0`
    case 'int':
      return `if ((${value} | 0) !== ${value}) ${wrong}; p = long(B, p, ${value})`
    case 'long':
      return `if (!Number.isSafeInteger(${value}) && typeof ${value} !== 'bigint') ${wrong}
        p = long(B, p, ${value})`
    case 'float':
    case 'double': {
      const size = node.kind === 'float' ? 4 : 8
      return `if (typeof ${value} !== 'number') ${wrong}
        B.write${node.kind === 'float' ? 'Float' : 'Double'}LE(${value}, p); p += ${size}`
    }
    case 'string':
      return `if (typeof ${value} !== 'string') ${wrong}; p = str(B, p, ${value})`
    case 'bytes':
    case 'fixed': {
      const size = node.kind === 'fixed' ? node.size : -1
      return `if (!(${value} instanceof Uint8Array)) ${wrong}; p = blob(B, p, ${value}, ${size})`
    }
    case 'enum': {
      const index = variable(program)
      const indexes = constant(program, new Map(node.symbols.map((symbol, i) => [symbol, i])))
      return `const ${index} = ${indexes}.get(${value}); if (${index} === undefined) ${wrong}
        ${node.symbols.length > 64 ? `p = long(B, p, ${index})` : `B[p++] = ${index} * 2`}`
    }
    case 'array':
      return writeArray(node.items, value, path, program)
    case 'record':
      return node.fields
        .map((field) => {
          const name = variable(program)
          const given = `${value}[${JSON.stringify(field.name)}]`
          const fallback = field.hasDefault ? `?? ${constant(program, field.default)}` : ''
          const code = writeCode(field.type, name, `${path}.${field.name}`, program)
          return `{ const ${name} = ${given} ${fallback}; ${code} }`
        })
        .join('\n')
    case 'map':
    case 'union':
      throw new CcsError(
        'CCS_SCHEMA_INVALID',
        `${path} is a ${node.kind}, which ccs cannot encode.`,
        {
          hint: 'Use a record, an array, or a type that may be null.',
        },
      )
  }
}

function writeArray(items: AvroNode, value: string, path: string, program: Program): string {
  const item = variable(program)
  return `if (!Array.isArray(${value})) fail(${JSON.stringify(path)}, ${value}, 'array')
    if (${value}.length > 0) {
      p = long(B, p, ${value}.length)
      for (const ${item} of ${value}) { ${writeCode(items, item, `${path}[]`, program)} }
    }
    B[p++] = 0`
}

/** Statements that add to n as many bytes as `value` can take at most. */
function sizeCode(node: AvroNode, value: string, program: Program): string {
  const inner = unwrapOptional(node)
  if (inner.isNullable) {
    const size = sizeCode(inner.node, value, program)
    return `n += 1; if (${value} !== null && ${value} !== undefined) { ${size} }`
  }
  switch (node.kind) {
    case 'string':
      return `n += 5 + ${value}?.length * 3 || 5;`
    case 'bytes':
      return `n += 5 + ${value}?.length || 5;`
    case 'fixed':
      return `n += ${node.size};`
    case 'array': {
      const item = variable(program)
      const size = sizeCode(node.items, item, program)
      return `n += 12; for (const ${item} of ${value} ?? []) { ${size} }`
    }
    case 'record':
      return node.fields
        .map((field) => {
          const name = variable(program)
          const fallback = field.hasDefault ? `?? ${constant(program, field.default)}` : ''
          const given = `${value}[${JSON.stringify(field.name)}] ${fallback}`
          const size = sizeCode(field.type, name, program)
          return size === FIXED_SIZE ? size : `{ const ${name} = ${given}; ${size} }`
        })
        .join('\n')
    default:
      return isPrimitive(node) || node.kind === 'enum' ? FIXED_SIZE : ''
  }
}

const LIB = { frame: writeWireHeader, str, long, blob, fail }

function str(target: Buffer, at: number, text: string): number {
  const length = text.length
  // Most text is short ASCII, for which a loop is faster than a call into C++.
  if (length >= 128) return longStr(target, at, text)
  let p = varint(target, at, length * 2)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return longStr(target, at, text)
    target[p++] = code
  }
  return p
}

function longStr(target: Buffer, at: number, text: string): number {
  const bytes = Buffer.byteLength(text)
  const p = varint(target, at, bytes * 2)
  target.write(text, p, 'utf8')
  return p + bytes
}

function blob(target: Buffer, at: number, bytes: Uint8Array, size: number): number {
  if (size >= 0 && bytes.length !== size) fail('fixed', bytes.length, `${size} bytes`)
  const p = size >= 0 ? at : varint(target, at, bytes.length * 2)
  target.set(bytes, p)
  return p + bytes.length
}

/** A zigzag varint: base 128, least significant group first. */
function long(target: Buffer, at: number, value: number | bigint): number {
  if (typeof value === 'bigint') return bigLong(target, at, value)
  const zigzag = value < 0 ? -value * 2 - 1 : value * 2
  if (zigzag <= 0x7fffffff) return varint(target, at, zigzag)
  if (zigzag > Number.MAX_SAFE_INTEGER) return bigLong(target, at, BigInt(value))
  const high = Math.floor(zigzag / 0x10000000)
  const low = zigzag - high * 0x10000000
  target[at] = low | 0x80
  target[at + 1] = (low >>> 7) | 0x80
  target[at + 2] = (low >>> 14) | 0x80
  target[at + 3] = (low >>> 21) | 0x80
  return varint(target, at + 4, high)
}

function varint(target: Buffer, at: number, value: number): number {
  let rest = value
  let p = at
  while (rest > 127) {
    target[p++] = (rest & 127) | 128
    rest >>>= 7
  }
  target[p++] = rest
  return p
}

function bigLong(target: Buffer, at: number, value: bigint): number {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  let p = at
  while (rest > 127n) {
    target[p++] = Number(rest & 127n) | 128
    rest >>= 7n
  }
  target[p++] = Number(rest)
  return p
}

function fail(path: string, value: unknown, type: string): never {
  const shown = String(JSON.stringify(value) ?? value).slice(0, 60)
  throw new CcsError('CCS_SCHEMA_INVALID', `${path} is ${shown}, which is not of type ${type}.`, {
    hint: 'Types are checked before records are encoded, so this is a bug in ccs.',
  })
}
