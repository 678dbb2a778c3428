/**
 * Converts between Kafka's record batches (format 2, KIP-98) and bodies as RecordBatch holds them.
 * Records are copied once, in one pass, without an object for each.
 */
import { Buffer } from 'node:buffer'
import { crc32c } from './crc32c.ts'

const HEADER_BYTES = 61
const CRC_AT = 17
const CRC_FROM = 21
const MAGIC = 2
const CODEC = 7
const TRANSACTIONAL = 16
const CONTROL = 32
/** Kafka's number for the codec gzip. */
export const GZIP = 1
/** Most bytes that a record without key and headers takes beside its value. */
const RECORD_BYTES_MAX = 32

/** The idempotent producer, and the sequence number of its first record in the batch. */
export interface ProducerSequence {
  readonly producerId: bigint
  readonly epoch: number
  readonly first: number
}

/** Some consecutive records of a RecordBatch: bytes `from` to before `to` of its body. */
export interface PackedRecords {
  readonly body: Buffer
  readonly from: number
  readonly to: number
  readonly count: number
}

/**
 * One record batch with these records; `compress` must be gzip. The base offset is 0: the broker
 * sets it.
 */
export function encodeBatch(
  { body, from, to, count }: PackedRecords,
  appendMs: number,
  sequence: ProducerSequence,
  compress?: (records: Buffer) => Buffer,
): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + to - from + count * RECORD_BYTES_MAX)
  let at = HEADER_BYTES
  let offset = 0
  for (let read = from; read < to; offset++) {
    const length = body.readUInt32LE(read)
    // attributes, time delta, offset delta, no key, value, no headers
    at = writeVarint(bytes, at, 4 + countVarintBytes(offset) + countVarintBytes(length) + length)
    bytes[at++] = 0
    bytes[at++] = 0
    at = writeVarint(bytes, at, offset)
    bytes[at++] = 1
    at = writeVarint(bytes, at, length)
    body.copy(bytes, at, read + 4, read + 4 + length)
    at += length
    bytes[at++] = 0
    read += 4 + length
  }
  if (!compress)
    return writeHeader(bytes.subarray(0, at), { count, appendMs, sequence, attributes: 0 })
  const records = compress(bytes.subarray(HEADER_BYTES, at))
  const whole = Buffer.concat([bytes.subarray(0, HEADER_BYTES), records])
  return writeHeader(whole, { count, appendMs, sequence, attributes: GZIP })
}

/** Fills in the header and the checksum. */
function writeHeader(
  bytes: Buffer,
  of: { count: number; appendMs: number; sequence: ProducerSequence; attributes: number },
): Buffer {
  const { count, appendMs, sequence, attributes } = of
  bytes.writeBigInt64BE(0n, 0)
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt32BE(-1, 12)
  bytes.writeInt8(MAGIC, 16)
  bytes.writeInt16BE(attributes, CRC_FROM)
  bytes.writeInt32BE(count - 1, 23)
  bytes.writeBigInt64BE(BigInt(appendMs), 27)
  bytes.writeBigInt64BE(BigInt(appendMs), 35)
  bytes.writeBigInt64BE(sequence.producerId, 43)
  bytes.writeInt16BE(sequence.epoch, 51)
  bytes.writeInt32BE(sequence.first, 53)
  bytes.writeInt32BE(count, 57)
  bytes.writeUInt32BE(crc32c(bytes, CRC_FROM), CRC_AT)
  return bytes
}

/** Records of one batch whose offsets have no gap. */
export interface DecodedFrame {
  readonly baseOffset: number
  readonly count: number
  /** The newest timestamp of the batch, so that it does not depend on where reading began. */
  readonly appendMs: number
  /** As in a RecordBatch. A record without a value becomes an empty record. */
  readonly body: Buffer
}

/** The committed records of a record set. */
export interface DecodedBatches {
  readonly frames: readonly DecodedFrame[]
  /** Where the next read begins. */
  readonly nextOffset: number
}

/** What decoding needs beside the bytes, from the same answer of the broker. */
export interface DecodeOptions {
  /** Records before this offset are skipped. */
  readonly from: number
  /** Aborted transactions, by producer and first offset. */
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: number }[]
  /** Decompresses with the codec of this number in Kafka's list. */
  readonly decompress: (codec: number, bytes: Buffer) => Promise<Buffer>
}

/** A batch or record does not match its checksum or its lengths. */
export class DamagedBatchError extends Error {}

/** Decodes a fetched record set, whose last batch may be cut off. Throws DamagedBatchError. */
export async function decodeBatches(
  bytes: Buffer,
  options: DecodeOptions,
): Promise<DecodedBatches> {
  const aborted = [...options.aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const open = new Set<bigint>()
  const frames: DecodedFrame[] = []
  let nextOffset = options.from
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const end = at + 12 + bytes.readInt32BE(at + 8)
    if (end > bytes.length) break
    const baseOffset = Number(bytes.readBigInt64BE(at))
    if (
      bytes[at + 16] !== MAGIC ||
      crc32c(bytes, at + CRC_FROM, end) !== bytes.readUInt32BE(at + CRC_AT)
    )
      throw new DamagedBatchError(`The record batch at offset ${baseOffset} is damaged.`)
    const attributes = bytes.readInt16BE(at + CRC_FROM)
    const lastOffset = baseOffset + bytes.readInt32BE(at + 23)
    const producerId = bytes.readBigInt64BE(at + 43)
    for (let one = aborted[0]; one && one.firstOffset <= lastOffset; one = aborted[0]) {
      open.add(one.producerId)
      aborted.shift()
    }
    if (attributes & CONTROL) open.delete(producerId)
    else if (!(attributes & TRANSACTIONAL && open.has(producerId)) && lastOffset >= options.from) {
      const packed = bytes.subarray(at + HEADER_BYTES, end)
      const codec = attributes & CODEC
      const records = codec === 0 ? packed : await options.decompress(codec, packed)
      const count = bytes.readInt32BE(at + 57)
      const appendMs = Math.max(0, Number(bytes.readBigInt64BE(at + 35)))
      decodeRecords(records, { baseOffset, count, appendMs, from: options.from }, frames)
    }
    nextOffset = Math.max(nextOffset, lastOffset + 1)
    at = end
  }
  return { frames, nextOffset }
}

function decodeRecords(
  bytes: Buffer,
  of: { baseOffset: number; count: number; appendMs: number; from: number },
  frames: DecodedFrame[],
): void {
  const { baseOffset, appendMs } = of
  // Kafka's own fields take at least seven bytes per record, so the lengths written here fit.
  const body = Buffer.allocUnsafe(bytes.length)
  const cursor = { at: 0 }
  let filled = 0
  let start = 0
  let first = -1
  let count = 0
  const endFrame = () => {
    if (count > 0)
      frames.push({ baseOffset: first, count, appendMs, body: body.subarray(start, filled) })
    start = filled
    count = 0
  }
  for (let index = 0; index < of.count; index++) {
    const length = readVarint(bytes, cursor)
    const end = cursor.at + length
    cursor.at++
    skipVarint(bytes, cursor)
    const offset = baseOffset + readVarint(bytes, cursor)
    const keyBytes = readVarint(bytes, cursor)
    if (keyBytes > 0) cursor.at += keyBytes
    const valueBytes = Math.max(0, readVarint(bytes, cursor))
    if (!(end <= bytes.length && cursor.at + valueBytes <= end))
      throw new DamagedBatchError(`The record at offset ${offset} is damaged.`)
    if (offset >= of.from) {
      if (count > 0 && offset !== first + count) endFrame()
      if (count === 0) first = offset
      filled = body.writeUInt32LE(valueBytes, filled)
      filled += bytes.copy(body, filled, cursor.at, cursor.at + valueBytes)
      count++
    }
    cursor.at = end
  }
  endFrame()
}

interface Cursor {
  at: number
}

/** A zigzag varint of up to 32 bits; NaN beyond the end, which fails every check. */
function readVarint(bytes: Buffer, cursor: Cursor): number {
  let value = 0
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[cursor.at++]
    if (byte === undefined) return Number.NaN
    value |= (byte & 127) << shift
    if (byte < 128) return (value >>> 1) ^ -(value & 1)
  }
  return Number.NaN
}

function skipVarint(bytes: Buffer, cursor: Cursor): void {
  while ((bytes[cursor.at++] ?? 0) >= 128);
}

/** Writes a zigzag varint of a value that is not negative; returns the position after it. */
function writeVarint(bytes: Buffer, from: number, value: number): number {
  let at = from
  let rest = value << 1
  for (; rest > 127 || rest < 0; rest >>>= 7) bytes[at++] = (rest & 127) | 128
  bytes[at++] = rest
  return at
}

function countVarintBytes(value: number): number {
  return value < 1 << 6 ? 1 : value < 1 << 13 ? 2 : value < 1 << 20 ? 3 : value < 1 << 27 ? 4 : 5
}
